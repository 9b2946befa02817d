"""What the scripts teach, tested: each test is a sentence of the tutorial."""

import mnist_cnn
import mnist_mlp
import mnist_softmax
from common.data import DataSets, Split, load_data, mini_batch_indices
from common.evaluation import evaluate
from common.layers import layers_of, new_fc_layer
from common.session import new_session
from common.training import mini_batches

import numpy as np
import pytest
import reference
import tensorflow.compat.v1 as tf

SCRIPTS = {
    "mnist_softmax": (mnist_softmax, []),
    "mnist_mlp": (mnist_mlp, ["--dropout", "0"]),
    "mnist_cnn": (mnist_cnn, ["--dropout", "0"]),
}
SMALL = ["--epochs", "1", "--batch-size", "50", "--learning-rate", "0.002"]


@pytest.fixture(scope="module")
def mnist():
    return load_data(train_size=1_000)


def build(name, data, folder, *flags):
    """The graph and the settings of a script. Of a flag that is given twice the last one counts."""
    script, without_chance = SCRIPTS[name]
    few = [] if "--iterations" in flags else SMALL[:2]
    argv = [*few, *SMALL[2:], *without_chance, *flags, "--output-dir", str(folder)]
    settings = script.read_settings(argv)
    return script.build_graph(settings, data), settings


def train(name, data, folder, *flags):
    """Train as the script's main does; return every variable and the learning curve."""
    net, settings = build(name, data, folder, *flags)
    with new_session(net, settings) as session:
        for images, labels in mini_batches(data, session):
            feed_dict = {net.x: images, net.y_true: labels}
            if net.is_training is not None:
                feed_dict[net.is_training] = True
            session.run(net.train_step, feed_dict)
        with net.graph.as_default():
            values = session.run([v.value() for v in tf.trainable_variables()])
    return values, [{**row, "seconds": 0} for row in session.state.history]


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("mnist_softmax", [784 * 10 + 10]),
        ("mnist_mlp", [784 * 512 + 512, 512 * 256 + 256, 256 * 10 + 10]),
        (
            "mnist_cnn",
            [5 * 5 * 1 * 16 + 16, 5 * 5 * 16 * 36 + 36, 1_764 * 128 + 128, 128 * 10 + 10],
        ),
    ],
)
def test_parameters_are_as_written(mnist, tmp_path, name, counts):
    net, _ = build(name, mnist, tmp_path)
    assert [layer.num_parameters for layer in layers_of(net.graph)] == counts
    with net.graph.as_default():
        sizes = [np.prod(variable.shape.as_list()) for variable in tf.trainable_variables()]
    assert sum(sizes) == sum(counts)  # and nothing else is trained


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_untrained_net_guesses(mnist, tmp_path, name):
    """Ten equally likely classes: a loss of ln 10 = 2.30 and one digit in ten by chance."""
    net, settings = build(name, mnist, tmp_path)
    with new_session(net, settings) as session:
        result = evaluate(session, mnist.test)
    assert result.loss == pytest.approx(np.log(10), abs=0.25)
    assert 0.02 < result.accuracy < 0.25


@pytest.mark.parametrize(
    "name",
    [
        "mnist_softmax",
        *(pytest.param(f"mnist_{n}", marks=pytest.mark.slow) for n in ("mlp", "cnn")),
    ],
)
def test_a_net_can_memorise_fifty_images(mnist, tmp_path, name):
    """If it cannot, something between the data and the gradients is broken."""
    train_, validation = mnist.train.first(50), mnist.validation.first(200)
    few = DataSets(train_, validation, mnist.test, mnist.image_shape, mnist.class_names)
    _, history = train(name, few, tmp_path, "--iterations", "100", "--learning-rate", "0.003")
    assert history[-1]["train_accuracy"] == 1
    assert history[-1]["validation_accuracy"] < 0.95  # it has overfitted


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_forward_pass_equals_numpy(mnist, tmp_path, name):
    net, settings = build(name, mnist, tmp_path)
    images = mnist.test.images[:20]
    with new_session(net, settings) as session:
        probabilities = session.run(net.y_pred, {net.x: images})
        loss = session.run(net.loss, {net.x: images, net.y_true: mnist.test.labels[:20]})
        layers = layers_of(net.graph)
        variables = [session.run([la.weights.value(), la.biases.value()]) for la in layers]
    layer = images / 255.0
    if name == "mnist_cnn":
        layer = layer.reshape(-1, 28, 28, 1)
        for weights, biases in variables[:2]:
            layer = reference.convolution(layer, weights) + biases
            layer = reference.max_pool(reference.relu(layer))
        layer = layer.reshape(20, -1)
        variables = variables[2:]
    for weights, biases in variables[:-1]:
        layer = reference.relu(layer @ weights + biases)
    weights, biases = variables[-1]
    logits = layer @ weights + biases
    np.testing.assert_allclose(probabilities, reference.softmax(logits), atol=1e-5)
    expected = reference.cross_entropy(logits, mnist.test.labels[:20])
    assert loss == pytest.approx(expected, abs=1e-5)


def logits_of(net, session, images):
    return session.run(layers_of(net.graph)[-1].output, {net.x: images})


@pytest.mark.parametrize("name", SCRIPTS)
def test_softmax_is_linear_and_the_others_are_not(mnist, tmp_path, name):
    """A linear map sends the mean of two images to the mean of their logits; a deep net does not.

    Without ReLU between the layers the MLP would be as linear as softmax regression, however
    many layers it had.
    """
    net, settings = build(name, mnist, tmp_path)
    first, second = (mnist.test.images[k : k + 1] // 2 * 2 for k in (0, 1))
    mean = first // 2 + second // 2
    with new_session(net, settings) as session:
        of_mean = logits_of(net, session, mean)
        mean_of = (logits_of(net, session, first) + logits_of(net, session, second)) / 2
    gap = np.abs(of_mean - mean_of).max()
    assert gap < 1e-5 if name == "mnist_softmax" else gap > 0.01


def test_stacked_linear_layers_are_one_linear_layer():
    images = np.random.default_rng(0).random((4, 6)).astype(np.float32)
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.set_random_seed(0)
        hidden = new_fc_layer(tf.constant(images), 6, 5, use_relu=False)
        output = new_fc_layer(hidden, 5, 3, use_relu=False)
        session.run(tf.global_variables_initializer())
        (w1, b1), (w2, b2) = (session.run([la.weights, la.biases]) for la in layers_of(graph))
        np.testing.assert_allclose(
            session.run(output), images @ (w1 @ w2) + (b1 @ w2 + b2), atol=1e-6
        )


def test_the_loss_stays_finite_where_log_of_softmax_does_not():
    with tf.Graph().as_default(), tf.Session() as session:
        logits = tf.constant([[1e4, -1e4, 0]])
        labels = tf.one_hot([1], 3)
        good = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
        bad = -tf.reduce_sum(labels * tf.log(tf.nn.softmax(logits)), axis=1)
        assert session.run(good) == pytest.approx(2e4)
        assert not np.isfinite(session.run(bad)).any()
        assert np.isfinite(session.run(tf.gradients(good, logits)[0])).all()


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_use_the_loss_that_stays_finite(mnist, tmp_path, name):
    net, settings = build(name, mnist, tmp_path)
    with new_session(net, settings) as session:
        with net.graph.as_default():
            last = layers_of(net.graph)[-1].weights
            session.run(tf.assign(last, last * 1e6))
        feed_dict = {net.x: mnist.test.images[:100], net.y_true: mnist.test.labels[:100]}
        assert 1e3 < session.run(net.loss, feed_dict) < np.inf
        session.run(net.train_step, feed_dict)
        assert np.isfinite(session.run(last.value())).all()


@pytest.mark.parametrize(("name", "layers"), [("mnist_mlp", 2), ("mnist_cnn", 1)])
def test_dropout_stands_behind_the_hidden_fully_connected_layers_only(
    mnist, tmp_path, name, layers
):
    """On convolutional layers it hurts too much, as the course says."""
    net, _ = build(name, mnist, tmp_path, "--dropout", "0.3")
    forward, todo = set(), [net.loss.op]  # without what minimize adds
    while todo:
        node = todo.pop()
        if node not in forward:
            forward.add(node)
            todo += [tensor.op for tensor in node.inputs]
    assert [node.type for node in forward].count("StatelessRandomUniformV2") == layers


def test_the_same_seed_gives_the_same_run_and_another_seed_another(mnist, tmp_path):
    flags = ["--dropout", "0.5"]
    runs = [train("mnist_cnn", mnist, tmp_path, *flags, "--seed", seed) for seed in "113"]
    for first, second in zip(runs[0][0], runs[1][0], strict=True):
        np.testing.assert_array_equal(first, second)
    assert runs[0][1] == runs[1][1]
    assert (runs[0][0][0] != runs[2][0][0]).any()


def test_the_test_split_changes_no_weight(mnist, tmp_path):
    """Another test set changes no weight and no line of the learning curve."""
    other = Split(255 - mnist.test.images, mnist.test.labels[::-1].copy())
    changed = DataSets(mnist.train, mnist.validation, other, mnist.image_shape, mnist.class_names)
    first = train("mnist_softmax", mnist, tmp_path)
    second = train("mnist_softmax", changed, tmp_path)
    for a, b in zip(first[0], second[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert first[1] == second[1]


def test_the_training_split_decides(mnist, tmp_path):
    """The counterpart of the test above: it would notice if the data did not matter at all."""
    reversed_labels = Split(mnist.train.images, mnist.train.labels[::-1].copy())
    changed = DataSets(
        reversed_labels, mnist.validation, mnist.test, mnist.image_shape, mnist.class_names
    )
    first = train("mnist_softmax", mnist, tmp_path)
    second = train("mnist_softmax", changed, tmp_path)
    assert any((a != b).any() for a, b in zip(first[0], second[0], strict=True))


def test_each_epoch_shows_every_image_once(mnist, tmp_path):
    net, settings = build("mnist_softmax", mnist, tmp_path, "--epochs", "2", "--batch-size", "64")
    seen = []
    with new_session(net, settings) as session:
        for images, labels in mini_batches(mnist, session):
            assert images.dtype == np.uint8  # a byte stays a byte until it is in the graph
            assert len(images) == len(labels)
            seen.extend(map(bytes, images))
    everything = sorted(map(bytes, mnist.train.images))
    assert sorted(seen[:1_000]) == sorted(seen[1_000:]) == everything
    assert seen[:1_000] != seen[1_000:]  # in another order
    assert (
        list(map(bytes, mnist.train.images[mini_batch_indices(1_000, 64, 0, 17)]))
        == (
            seen[1_000 + 64 : 1_000 + 128]  # step 17 is the second of the second epoch
        )
    )


def test_validation_images_are_not_trained_on(mnist):
    assert not set(map(bytes, mnist.train.images)) & set(map(bytes, mnist.validation.images))


def pooled(pool, activation, values):
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.constant(values)
        before = pool(activation(x), ksize=2, strides=2, padding="SAME")
        after = activation(pool(x, ksize=2, strides=2, padding="SAME"))
        return session.run([before, after])


def test_pooling_before_relu_gives_the_same_for_a_quarter_of_the_work():
    values = np.random.default_rng(0).normal(size=(2, 6, 6, 3)).astype(np.float32)
    before, after = pooled(tf.nn.max_pool2d, tf.nn.relu, values)
    np.testing.assert_array_equal(before, after)


def test_any_rising_activation_commutes_with_max_pooling_but_not_with_average_pooling():
    values = np.random.default_rng(0).normal(size=(2, 6, 6, 3)).astype(np.float32)
    before, after = pooled(tf.nn.max_pool2d, tf.sigmoid, values)
    np.testing.assert_allclose(before, after, rtol=1e-6)
    before, after = pooled(tf.nn.avg_pool2d, tf.sigmoid, values)
    assert np.abs(before - after).max() > 0.01


def test_a_convolution_gives_the_same_at_every_position(tmp_path, mnist):
    """Shifting the image by two pixels shifts the first feature maps by one, and changes no more.

    That is what sharing weights across positions means.
    """
    net, settings = build("mnist_cnn", mnist, tmp_path)
    image = np.zeros((28, 28), np.uint8)
    image[4:20, 4:20] = mnist.test.images[0].reshape(28, 28)[6:22, 6:22]
    shifted = np.roll(image, (2, 2), axis=(0, 1))
    with new_session(net, settings) as session:
        conv1 = layers_of(net.graph)[0].output
        maps = session.run(conv1, {net.x: np.stack([image, shifted]).reshape(2, 784)})
    np.testing.assert_allclose(maps[0, 1:-2, 1:-2], maps[1, 2:-1, 2:-1], atol=1e-6)
