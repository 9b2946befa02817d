"""What a script does otherwise than the three scripts is noticed, and said in a line."""

import mnist_mlp
import mnist_softmax
from common import UserError
from common.data import load_data
from common.evaluation import evaluate
from common.networks import Net
from common.objective import new_optimizer
from common.run.own import require_shapes
from common.run.report import report
from common.session import new_session
from common.training import mini_batches

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

QUICK = ["--train-size", "512", "--epochs", "1", "--batch-size", "128"]
pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def data():
    return load_data(train_size=512)


def softmax(folder, data, *flags):
    settings = mnist_softmax.read_settings([*QUICK, *flags, "--output-dir", str(folder)])
    return settings, mnist_softmax.build_graph(settings, data)


def trained(net, settings, data):
    with new_session(net, settings) as session:
        for images, labels in mini_batches(data, session):
            session.run(net.train_step, {net.x: images, net.y_true: labels})
        test = evaluate(session, data.test)
        return report(data, session, test), test


def test_arrays_of_any_order_and_type_train(data, tmp_path):
    order = np.random.default_rng(0).permutation(784)
    for split in (data.train, data.validation, data.test):
        split.images, split.labels = split.images[:, order][::2], split.labels[::2] % 2 == 1
    data.class_names = ("even", "odd")
    metrics, test = trained(*softmax(tmp_path, data)[::-1], data)
    assert metrics["test_correct"] == np.sum(test.predicted == (load_data().test.labels[::2] % 2))
    assert (tmp_path / "saved_model").is_dir()


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_a_split_without_images_is_a_sentence(data, tmp_path, name):
    settings, net = softmax(tmp_path, data)
    setattr(data, name, data.train.first(0))
    with pytest.raises(UserError, match=rf"data\.{name} has no images"):
        trained(net, settings, data)


def test_a_finalized_graph_is_a_sentence(data, tmp_path):
    settings, net = softmax(tmp_path, data)
    with new_session(net, settings) as session:
        net.graph.finalize()
        with pytest.raises(UserError, match=r"call graph\.finalize\(\) in the loop, or not at all"):
            mini_batches(data, session)


def test_variables_are_read_by_their_names(data, tmp_path):
    settings, net = softmax(tmp_path, data)
    with new_session(net, settings) as session:
        weights, biases = session.run(net.graph.get_collection("trainable_variables"))
        assert np.array_equal(session.run("fc1/weights:0"), weights)
        found = session.run(
            {"b": "fc1/biases:0", "w": net.graph.get_tensor_by_name("fc1/weights:0")}
        )
        assert np.array_equal(found["b"], biases)
        assert np.array_equal(found["w"], weights)
        assert session.run("global_step:0") == 0


def test_a_loop_without_mini_batches(data, tmp_path, capsys):
    settings, net = softmax(tmp_path, data, "--tensorboard")
    with new_session(net, settings) as session:
        for _ in range(6):
            session.run(net.train_step, {net.x: data.train.images, net.y_true: data.train.labels})
        metrics = report(data, session, evaluate(session, data.test))
    output = capsys.readouterr().out
    assert "The loop does not use mini_batches: nothing was measured" in output
    assert "follows the global step, 6 of 4." in output
    assert "tensorboard/\n" not in output
    assert metrics["steps"] is None


def test_weights_of_an_earlier_step(data, tmp_path, capsys):
    settings, net = softmax(tmp_path, data)
    with net.graph.as_default():
        saver = tf.train.Saver()
    with new_session(net, settings) as session:
        for k, (images, labels) in enumerate(mini_batches(data, session)):
            session.run(net.train_step, {net.x: images, net.y_true: labels})
            if k == 0:
                saver.save(session, str(tmp_path / "best"))
        saver.restore(session, str(tmp_path / "best"))
        report(data, session, evaluate(session, data.test))
    line = "The global step is 1, and was 4 at the last checkpoint: weights of an earlier step"
    assert line in capsys.readouterr().out


def test_a_step_that_is_fetched_with_other_nodes_runs_as_it_is_written(data, tmp_path, capsys):
    settings = mnist_mlp.read_settings([*QUICK, "--output-dir", str(tmp_path)])
    net = mnist_mlp.build_graph(settings, data)
    with new_session(net, settings) as session:
        before = session.step_description
        divided = "in two halves" in before  # where there are two cores
        for images, labels in mini_batches(data, session):
            feed = {net.x: images, net.y_true: labels, net.is_training: True}
            session.run([net.train_step, net.y_pred_cls], feed)
        line = "as it is written where other nodes than the loss are fetched with it"
        assert session.step_description == before + divided * f"; {line}"
    assert capsys.readouterr().out.count(f"The training step is computed {line}.") == divided


def test_is_training_that_is_never_fed(data, tmp_path, capsys):
    settings = mnist_mlp.read_settings([*QUICK, "--hidden", "8", "--output-dir", str(tmp_path)])
    trained(mnist_mlp.build_graph(settings, data), settings, data)
    assert "The loop does not feed is_training, so dropout" in capsys.readouterr().out


def test_an_empty_mini_batch(data, tmp_path, capsys):
    settings, net = softmax(tmp_path, data)
    with new_session(net, settings) as session:
        feed = {net.x: data.train.images[:0], net.y_true: data.train.labels[:0]}
        session.run(net.loss, feed)
    assert "An empty array of shape (0, 784) is fed for x:0" in capsys.readouterr().out


def test_answers_that_depend_on_the_other_images(data, tmp_path, capsys):
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(0)
        x = tf.placeholder(tf.uint8, [None, 784], name="x")
        y_true = tf.placeholder(tf.int32, [None])
        logits = tf.matmul(tf.cast(x, tf.float32) / 255, tf.Variable(tf.random_normal([784, 10])))
        logits -= tf.nn.moments(logits, [0])[0]
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y_true, logits=logits)
        )
        step = tf.train.AdamOptimizer(0.01).minimize(loss)
        net = Net(graph, x, y_true, loss, step, tf.nn.softmax(logits), tf.argmax(logits, 1))
    trained(net, softmax(tmp_path, data)[0], data)
    assert "The net's answer for an image depends on the other images" in capsys.readouterr().out


def test_random_numbers_in_a_branch_or_a_loop_are_named(data, tmp_path, capsys):
    settings, net = softmax(tmp_path, data)
    with net.graph.as_default():
        noise = tf.cond(net.y_true[0] > 20, lambda: tf.random_normal([]), lambda: 0.0)
        more = tf.map_fn(lambda one: one + tf.random_uniform([]), tf.zeros([2]))
        net.train_step = tf.group(net.train_step, noise, more)
    settings.resume = True
    with new_session(net, settings) as session:
        next(mini_batches(data, session))
        assert "cond/random_normal/" in session.state.own_state
        assert "map/while/random_uniform/" in session.state.own_state


def test_accumulated_gradients_are_applied_by_the_optimizer_that_is_named(data, tmp_path, capsys):
    """A mini-batch of 512 in four parts: each step adds its gradients, and every fourth applies."""
    settings, net = softmax(tmp_path, data)
    with net.graph.as_default():
        net.graph.clear_collection("rates")
        optimizer = new_optimizer(settings, 1)
        pairs = optimizer.compute_gradients(net.loss)
        sums = [tf.Variable(tf.zeros(v.shape), trainable=False) for _, v in pairs]
        add = [s.assign_add(g / 4) for s, (g, _) in zip(sums, pairs, strict=True)]
        net.train_step = tf.group(*add)
        pairs = [(s, v) for s, (_, v) in zip(sums, pairs, strict=True)]
        apply = optimizer.apply_gradients(pairs)
    with new_session(net, settings) as session:
        for images, labels in mini_batches(data, session):
            session.run(net.train_step, {net.x: images, net.y_true: labels})
        session.run(apply)
        metrics = report(data, session, evaluate(session, data.test))
    assert "Training: adam, learning rate 0.005" in capsys.readouterr().out
    assert metrics["settings"]["optimizer"] == "adam"


@pytest.mark.parametrize("shape", [(5,), (5, 1)])
def test_a_single_sigmoid_gets_a_hint(shape):
    labels = np.array([0, 1, 0, 1, 1])
    with pytest.raises(
        UserError, match=r"Of a single sigmoid p: tf\.stack\(\[1 - p, p\], axis=1\)"
    ):
        require_shapes(labels, labels, np.zeros(shape))
    require_shapes(labels, labels, np.zeros((5, 2)))
