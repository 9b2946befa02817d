"""What a reader finds in each script itself: the eleven things of any TensorFlow 1 tutorial."""

import ast
import dataclasses
import importlib
import inspect
import re

from common.data import load_data
from common.networks import Net

import pytest
import shell
import tensorflow.compat.v1 as tf

SCRIPTS = ["mnist_softmax", "mnist_mlp", "mnist_cnn"]
LAYERS = {
    "mnist_softmax": r"logits = new_fc_layer\(images, num_pixels, num_classes, .*# \[n, 10\]",
    "mnist_mlp": r"new_fc_layer\(layer, num_inputs, num_neurons, .*\)  # \[n, 512\]",
    "mnist_cnn": r"= network\(x_image, settings, is_training\)  # \[n, 128\]",
}


def source_of(script):
    return (shell.REPOSITORY / f"{script}.py").read_text()


def eleven_things(script):
    """Regular expressions for what stands in build_graph and main, in this order."""
    return [
        # The placeholders.
        r"x = tf\.placeholder\(tf\.uint8, \[None, num_pixels\]",
        r"y_true = tf\.placeholder\(tf\.int32, \[None\]",
        # The layers, with their shapes. Softmax regression has one, which gives the logits.
        *([] if script == "mnist_softmax" else [LAYERS[script]]),
        # The logits.
        LAYERS[script] if script == "mnist_softmax" else r"logits = new_fc_layer\(.*# \[n, 10\]",
        # The loss by its name.
        r"tf\.nn\.softmax_cross_entropy_with_logits\(labels=one_hot, logits=logits\)",
        r"loss = tf\.reduce_mean\(",
        # The optimizer by its name, with its learning rate and schedule.
        r"optimizer = new_optimizer\(settings, num_steps\)  # Adam with a one-cycle learning rate",
        r"train_step = optimizer\.minimize\(loss\)",
        # The predicted class.
        r"y_pred_cls = tf\.argmax\(logits, axis=1",
        # The session, and initialised variables.
        r"with new_session\(net, settings\) as session:",
        r"# a tf\.Session, its variables initialised",
        # The loop of mini-batches.
        r"for images, labels in mini_batches\(data, session\):",
        r"session\.run\(net\.train_step, (\{net\.x: images, net\.y_true: labels\}|feed_dict)\)",
        # The test accuracy and the confusion matrix, printed.
        r"test = evaluate\(session, data\.test\)",
        r"matrix = confusion_matrix\(test\.labels, test\.predicted",
        r"print\(accuracy_message\(test\)\)",
        r"print\(confusion_message\(matrix, data\.class_names\)\)",
    ]


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_eleven_things_stand_in_their_order(script):
    source = source_of(script)
    place = source.index("def build_graph(")
    for pattern in eleven_things(script):
        found = re.compile(pattern).search(source, place)
        assert found, f"no {pattern!r} after {source[place - 60 : place]!r}"
        place = found.end()


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_loss_and_its_minimum_are_in_the_script_itself(script):
    source = inspect.getsource(importlib.import_module(script).build_graph)
    assert "tf.nn.softmax_cross_entropy_with_logits(" in source
    assert ".minimize(" in source
    assert "from sklearn.metrics import confusion_matrix\n" in source_of(script)


def test_the_layers_of_the_cnn_stand_in_the_script_with_their_shapes():
    source = source_of("mnist_cnn")
    for pattern in (r"new_conv_layer\(", r"# \[n, 14, 14, 16\], then \[n, 7, 7, 36\]", "1764"):
        assert re.search(pattern, source[: source.index("def read_settings(")])


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_recipe_names_what_decides_the_accuracy(script):
    (call,) = [
        node
        for node in ast.walk(ast.parse(source_of(script)))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "parse_settings"
    ]
    named = {keyword.arg for keyword in call.keywords}
    expected = {"loss", "optimizer", "learning_rate", "decay", "batch_size", "epochs"}
    expected |= set() if script == "mnist_softmax" else {"dropout", "activation"}
    assert expected <= named


@pytest.mark.parametrize(("script", "limit"), [(SCRIPTS[0], 100), *((s, 170) for s in SCRIPTS[1:])])
def test_a_script_is_short(script, limit):
    assert len(source_of(script).splitlines()) < limit


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_is_tensorflow_1_and_says_why_common_comes_first(script):
    source = source_of(script)
    assert "\nimport tensorflow.compat.v1 as tf\n" in source
    comment, first_import = re.search(r"\n# (`common` comes before.*)\nfrom (\w+)", source).groups()
    assert "TensorFlow" in comment
    assert first_import == "common"
    assert not re.search(r"keras|eager|tf\.function|private|\b_\w+\(", source)


def test_a_softmax_regression_does_not_ask_whether_it_is_trained():
    assert "is_training" not in source_of("mnist_softmax")
    data = load_data(train_size=100)
    for script in SCRIPTS:
        module = importlib.import_module(script)
        net = module.build_graph(module.read_settings([]), data)
        assert (net.is_training is None) == (script == "mnist_softmax")


def test_the_net_is_a_small_typed_record():
    assert dataclasses.is_dataclass(Net)
    assert [field.name for field in dataclasses.fields(Net)] == [
        *("graph", "x", "y_true", "loss", "train_step", "y_pred", "y_pred_cls", "is_training")
    ]


def lines_of(script, function):
    source = inspect.getsource(getattr(importlib.import_module(script), function))
    return [line.partition("  #")[0].strip() for line in source.splitlines()]


def test_one_skeleton():
    """What the diff of two scripts shows is what differs between the nets."""
    for function, most in (("main", 1), ("build_graph", 4)):
        softmax = lines_of("mnist_softmax", function)
        for script in SCRIPTS[1:]:
            missing = [line for line in softmax if line not in lines_of(script, function)]
            assert len(missing) <= most, missing


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_graph_is_what_the_script_says(script):
    """x · W + b is a MatMul and a BiasAdd, and the loss is the operation of that name."""
    module = importlib.import_module(script)
    net = module.build_graph(module.read_settings([]), load_data(train_size=100))
    operations = net.graph.get_operations()
    types = [op.type for op in operations]
    assert types.count("SoftmaxCrossEntropyWithLogits") == 1
    products = [op for op in operations if re.fullmatch(r"fc\d/MatMul", op.name)]
    assert len(products) == {"mnist_softmax": 1, "mnist_mlp": 3, "mnist_cnn": 2}[script]
    for product in products:
        assert product.type == "MatMul"
        assert "BiasAdd" in [op.type for op in product.outputs[0].consumers()]
    assert isinstance(net.train_step, tf.Operation)
