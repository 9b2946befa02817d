"""A net is saved, and a new process loads it: the predictions are those of the run."""

import json

from common.data import load_data

import numpy as np
import pytest
import shell
import tensorflow as tf
import trained

# A program for a new process, which knows of the run only its folder and its flags.
PROGRAM = """
import json, sys, traceback
import numpy as np
from common.data import load_data
folder, programs, *flags = sys.argv[1:]
images = load_data().test.images
batches = [images[start : start + 256] for start in range(0, len(images), 256)]
found = {}
for way, program in json.loads(programs).items():
    names = {"np": np, "folder": folder, "flags": flags, "images": images, "batches": batches}
    names["load_data"] = load_data
    try:
        exec(program, names)
        answers = np.concatenate(names["answers"])
        assert abs(answers.sum(axis=1) - 1).max() < 1e-5
        found[way] = answers.argmax(axis=1).tolist()
    except Exception:
        found[way] = traceback.format_exc()
print(json.dumps(found))
"""
# Each of them computes `answers`, the probabilities of each batch.
PROGRAMS = {
    "SavedModel, TF 1": """
import tensorflow.compat.v1 as tf
tf.logging.set_verbosity(tf.logging.ERROR)  # it says that this loader is the old one
with tf.Session(graph=tf.Graph()) as session:
    meta = tf.saved_model.load(session, ["serve"], folder + "/saved_model")
    signature = meta.signature_def["serving_default"]
    x, y = signature.inputs["images"].name, signature.outputs["probabilities"].name
    answers = [session.run(y, {x: batch}) for batch in batches]
""",
    "SavedModel, TF 2": """
import tensorflow as tf
serve = tf.saved_model.load(folder + "/saved_model").signatures["serving_default"]
answers = [serve(images=tf.constant(batch))["probabilities"].numpy() for batch in batches]
""",
    # TensorFlow's C interface, whose loader is the one in TensorFlow Serving.
    "SavedModel, C": """
import ctypes
from pathlib import Path
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
c = ctypes.CDLL(Path(tf.__file__).with_name("libtensorflow_cc.so.2"))
for name in "Status Buffer Graph SessionOptions".split():
    getattr(c, "TF_New" + name).restype = ctypes.c_void_p
for name in "LoadSessionFromSavedModel GraphOperationByName AllocateTensor TensorData".split():
    getattr(c, "TF_" + name).restype = ctypes.c_void_p
c.TF_Message.restype = ctypes.c_char_p
p = ctypes.c_void_p
status, graph, buffer = p(c.TF_NewStatus()), p(c.TF_NewGraph()), p(c.TF_NewBuffer())
class Output(ctypes.Structure):
    _fields_ = [("operation", p), ("index", ctypes.c_int)]
class Buffer(ctypes.Structure):
    _fields_ = [("data", p), ("length", ctypes.c_size_t)]
def output(tensor_info):
    operation, _, index = tensor_info.name.partition(":")
    return Output(c.TF_GraphOperationByName(graph, operation.encode()), int(index))
def checked(result):
    assert c.TF_GetCode(status) == 0, c.TF_Message(status)
    return p(result)
session = checked(c.TF_LoadSessionFromSavedModel(
    p(c.TF_NewSessionOptions()), None, (folder + "/saved_model").encode(),
    (ctypes.c_char_p * 1)(b"serve"), 1, graph, buffer, status))
content = Buffer.from_address(buffer.value)
meta = meta_graph_pb2.MetaGraphDef.FromString(ctypes.string_at(content.data, content.length))
signature = meta.signature_def["serving_default"]
x, y = output(signature.inputs["images"]), output(signature.outputs["probabilities"])
answers = []
for batch in batches:
    dims = (ctypes.c_int64 * 2)(*batch.shape)
    size = ctypes.c_size_t(batch.nbytes)
    fed = p(c.TF_AllocateTensor(tf.uint8.as_datatype_enum, dims, 2, size))
    ctypes.memmove(c.TF_TensorData(fed), batch.tobytes(), batch.nbytes)
    got = (p * 1)()
    c.TF_SessionRun(session, None, ctypes.byref(x), (p * 1)(fed), 1, ctypes.byref(y), got, 1,
                    None, 0, None, status)
    checked(0)
    numbers = ctypes.string_at(c.TF_TensorData(p(got[0])), 4 * 10 * len(batch))
    answers.append(np.frombuffer(numbers, np.float32).reshape(len(batch), 10))
""",
    "checkpoint": """
import tensorflow.compat.v1 as tf
import mnist_cnn
settings = mnist_cnn.read_settings(flags)
net = mnist_cnn.build_graph(settings, load_data(train_size=settings.train_size))
with tf.Session(graph=net.graph) as session, net.graph.as_default():
    tf.train.Saver().restore(session, tf.train.latest_checkpoint(folder + "/checkpoints"))
    answers = [session.run(net.y_pred, {net.x: batch}) for batch in batches]
""",
    "common.run.model": """
from common.run.model import Model
answers = [Model(folder).probabilities(images)]
""",
}


@pytest.fixture(scope="module")
def found(trained_run):
    """The predicted classes of the CNN in a new process, by way."""
    run, flags = trained_run("mnist_cnn"), trained.FLAGS["mnist_cnn"]
    output, _ = shell.run("-c", PROGRAM, run.folder, json.dumps(PROGRAMS), *flags)
    return json.loads(output)


@pytest.mark.parametrize("way", PROGRAMS)
def test_a_new_process_gives_the_10_000_predictions_of_the_run(found, way, trained_run):
    folder = trained_run("mnist_cnn").folder
    then = np.load(folder / "predictions.npy")
    assert then.shape == (10_000, 2)
    assert found[way] == then[:, 1].tolist()
    assert (then[:, 0] == then[:, 1]).sum() == shell.metrics_in(folder)["test_correct"]


@pytest.mark.parametrize("script", trained.FLAGS)
def test_the_saved_model_of_each_script_is_its_net(script, trained_run):
    """In this process, which has not trained it."""
    folder = trained_run(script).folder
    images = load_data().test.images
    with tf.init_scope():  # eager, whatever graph another test has left open
        serve = tf.saved_model.load(str(folder / "saved_model")).signatures["serving_default"]
        parts = [serve(images=tf.constant(part))["probabilities"] for part in np.split(images, 20)]
        predicted = np.concatenate(parts).argmax(axis=1)
    assert np.array_equal(predicted, np.load(folder / "predictions.npy")[:, 1])
