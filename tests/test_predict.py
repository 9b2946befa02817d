"""common/predict.py from the shell, with nets that were really trained; and saved nets reloaded."""

import json
import shutil
from pathlib import Path

from benchmarks import preparation
from common.data import load_data

import numpy as np
import pytest
import shell
from PIL import Image

CNN_FLAGS = ("--train-size", "8000", "--epochs", "2")
FASHION = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A quickly trained CNN and a softmax net: the folders of their runs."""
    folder = tmp_path_factory.mktemp("models")
    shell.run("mnist_cnn.py", *CNN_FLAGS, "--output-dir", folder / "cnn")
    softmax = ("--train-size", "8000", "--epochs", "3", "--output-dir", folder / "softmax")
    shell.run("mnist_softmax.py", *softmax)
    return folder


@pytest.fixture(scope="module")
def test_split():
    return load_data().test


@pytest.fixture(scope="module")
def photos(test_split, tmp_path_factory):
    """Ten photos in bad light, named after what they show."""
    folder = tmp_path_factory.mktemp("photos")
    steps, kind = preparation.DIRTY["coloured, light from one side"]
    for digit in range(10):
        image = test_split.images[test_split.labels == digit][0].reshape(28, 28)
        (folder / f"{digit}.png").write_bytes(
            preparation.render(preparation.enlarge(image), steps, kind, digit)
        )
    return folder


def predict(*arguments, **options):
    return shell.run("-m", "common.predict", *arguments, **options)


def test_photos_are_read_by_every_model(models, photos):
    output, errors = predict(
        photos, "--model", models / "cnn", "--model", models / "softmax", "--json"
    )
    assert errors == ""
    rows = json.loads(output)
    assert [Path(row["file"]).name for row in rows] == [f"{digit}.png" for digit in range(10)]
    right = {"cnn": 0, "softmax": 0}
    for digit, row in enumerate(rows):
        (answer,) = row["digits"]
        left, top, right_edge, bottom = answer["box"]
        assert left < right_edge
        assert top < bottom
        for name, model in answer["models"].items():
            shares = model["probabilities"]
            assert list(shares) == list("0123456789")
            assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
            assert model["class"] == max(shares, key=shares.get)
            right[name] += model["class"] == str(digit)
    assert right["cnn"] >= 9
    assert right["softmax"] >= 7


def test_it_prints_what_the_net_sees_and_three_classes(models, photos):
    output, errors = predict(photos / "0.png", "--model", models / "cnn")
    assert errors == ""
    lines = output.splitlines()
    assert lines[0] == f"{photos / '0.png'}:"
    drawn = [line for line in lines if line.startswith("  |")]
    assert len(drawn) == 28
    assert {len(line) for line in drawn} == {60}
    assert "█" in drawn[14]
    assert output.count("%") == 3
    assert lines[-2].startswith("  cnn  0 ")


def test_a_terminal_without_unicode_gets_ascii(models, photos):
    program = "import sys; sys.stdout.reconfigure(encoding='ascii'); from common import predict; "
    program += "predict.main(sys.argv[1:])"
    output, _ = shell.run("-c", program, photos / "0.png", "--model", models / "cnn")
    assert "##" in output


@pytest.mark.slow
def test_mnist_shaped_pictures_pass_unchanged_unless_told_otherwise(models, test_split, tmp_path):
    path = tmp_path / "small.png"
    Image.fromarray(test_split.images[0].reshape(28, 28)).save(path)
    model = ("--model", models / "cnn")
    assert "taken as it is" in predict(path, *model)[0]
    output, _ = predict(path, *model, "--prepare-always")
    assert "taken as it is" not in output
    assert "  cnn  7 " in output


def test_a_number_is_read_with_segment_and_refused_without(models, test_split, tmp_path):
    row = np.concatenate(test_split.images[:4].reshape(4, 28, 28), axis=1)
    path = tmp_path / "number.jpg"
    steps = [preparation.page, preparation.black_on_white]
    path.write_bytes(preparation.render(preparation.enlarge(row), steps, "JPEG", 0))
    output, _ = predict(path, "--model", models / "cnn", "--segment")
    assert "cnn  reads 7 2 1 0" in output
    _, errors = predict(path, "--model", models / "cnn", status=1)
    assert "4 shapes side by side" in errors
    assert errors.count("\n") == 1


def test_bad_pictures_do_not_keep_the_others_from_being_read(models, photos, tmp_path):
    (tmp_path / "text.png").write_text("hello")
    Image.new("L", (90, 90)).save(tmp_path / "black.png")
    output, errors = predict(
        *(tmp_path, photos / "1.png", tmp_path / "missing.png", "--model", models / "cnn"),
        status=1,
    )
    assert "black.png is blank" in errors
    assert "missing.png does not exist" in errors
    assert "text.png cannot be read as a picture" in errors
    assert all(line.startswith("Error: ") for line in errors.splitlines())
    assert len(errors.splitlines()) == 3
    assert "  cnn  1 " in output
    output, _ = predict(tmp_path, "--model", models / "cnn", "--json", status=1)
    assert ["error" in row for row in json.loads(output)] == [True, True]


def test_explain_draws_a_picture_for_each_file(models, photos, tmp_path):
    shutil.copytree(photos, tmp_path / "more")
    output, errors = predict(
        *(photos / "3.png", tmp_path / "more" / "3.png", "--model", models / "cnn", "--explain"),
        *("--output-dir", tmp_path / "drawn"),
    )
    assert errors == ""
    names = ["3_2_explained.png", "3_explained.png"]
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == names
    for name in names:
        assert str(tmp_path / "drawn" / name) in output
        with Image.open(tmp_path / "drawn" / name) as image:
            assert image.size[0] == 858


@pytest.mark.slow
def test_wrong_models_and_folders_get_a_sentence(models, photos, tmp_path):
    def fails(match, *arguments):
        _, errors = predict(*arguments, status=1)
        assert errors.startswith("Error: ")
        assert errors.count("\n") == 1
        assert match in errors

    picture = photos / "0.png"
    fails("no trained model in", picture, "--model", tmp_path)
    broken = tmp_path / "broken" / "saved_model"
    broken.mkdir(parents=True)
    (broken / "saved_model.pb").write_bytes(b"\xff\xff")
    fails("cannot be loaded", picture, "--model", tmp_path / "broken")
    shutil.copytree(models / "softmax", tmp_path / "noted")
    note = tmp_path / "noted/saved_model/assets.extra/classes.json"
    note.write_text("{")
    fails("is damaged", picture, "--model", tmp_path / "noted")
    note.write_text('{"image_shape": [10, 10], "class_names": ["a"]}')
    fails("does not say how", picture, "--model", tmp_path / "noted")
    (tmp_path / "empty").mkdir()
    fails("holds no pictures", tmp_path / "empty", "--model", models / "cnn")
    _, errors = predict("--model", models / "cnn", status=2)
    assert "required: picture" in errors


def test_a_saved_model_needs_nothing_else_of_the_run(models, photos, tmp_path):
    shutil.copytree(models / "cnn/saved_model", tmp_path / "digits")
    output, _ = predict(photos / "1.png", "--model", tmp_path / "digits")
    assert "  digits  1 " in output
    shutil.rmtree(tmp_path / "digits/assets.extra")  # as written by another program
    assert "  digits  1 " in predict(photos / "1.png", "--model", tmp_path / "digits")[0]


# Save → new process → same answer. Each program prints nothing and writes what it predicts.

COMMON = """
import sys
import common
import numpy as np
from common.data import load_data
folder, result = sys.argv[1:3]
images = load_data().test.images
batches = [images[start : start + 256] for start in range(0, len(images), 256)]
"""
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
settings = mnist_cnn.read_settings(sys.argv[3:])
net = mnist_cnn.build_graph(settings, load_data(train_size=settings.train_size))
with tf.Session(graph=net.graph) as session, net.graph.as_default():
    tf.train.Saver().restore(session, tf.train.latest_checkpoint(folder + "/checkpoints"))
    answers = [session.run(net.y_pred, {net.x: batch}) for batch in batches]
""",
    "common.predict": """
from common.predict import Model
answers = [Model(folder).probabilities(images)]
""",
}


@pytest.mark.parametrize("way", PROGRAMS)
def test_a_new_process_gives_the_10_000_predictions_of_the_run(way, models, tmp_path):
    program = COMMON + PROGRAMS[way] + "np.save(result, np.concatenate(answers).argmax(axis=1))"
    _, errors = shell.run("-c", program, models / "cnn", tmp_path / "got.npy", *CNN_FLAGS)
    assert errors == ""
    then = np.load(models / "cnn" / "predictions.npy")
    assert then.shape == (10_000, 2)
    assert np.array_equal(np.load(tmp_path / "got.npy"), then[:, 1])
    metrics = shell.metrics_in(models / "cnn")
    assert (then[:, 0] == then[:, 1]).sum() == metrics["test_correct"]


@pytest.mark.slow
@pytest.mark.skipif(not FASHION.is_dir(), reason="needs Debian's dataset-fashion-mnist")
def test_fashion_mnist_trains_by_its_files(tmp_path):
    flags = ("--train-size", "5000", "--epochs", "2", "--output-dir", tmp_path)
    shell.run("mnist_cnn.py", "--data-dir", FASHION, *flags)
    assert 0.7 < shell.metrics_in(tmp_path)["test_accuracy"] < 0.95


@pytest.mark.slow
def test_the_preparation_costs_the_cnn_little(tmp_path):
    """The promise: at most 1.5 points on clean renderings and 4 on dirty ones."""
    shell.run("mnist_cnn.py", "--output-dir", tmp_path / "cnn")
    shares = preparation.main(["--model", str(tmp_path / "cnn"), "--images", "400"])
    original = shares["the original images"]["cnn"]
    for name in preparation.CLEAN:
        assert shares[name]["cnn"] >= original - 0.015, name
    for name in preparation.DIRTY:
        assert shares[name]["cnn"] >= original - 0.04, name
