"""Loops of mini-batches as other tutorials write them: what is measured, and what is said."""

import signal

import mnist_mlp
import mnist_softmax
from common import UserError
from common.data import load_data
from common.evaluation import evaluate
from common.layers import flatten_layer, new_conv_layer, new_fc_layer
from common.networks import Net
from common.run.own import as_pixels
from common.run.report import report
from common.session import new_session
from common.training import mini_batches

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

QUICK = ["--train-size", "512", "--epochs", "1", "--batch-size", "128"]


@pytest.fixture
def data():
    return load_data(train_size=512)  # a script may change it


def settings_for(folder, *flags):
    return mnist_softmax.read_settings([*QUICK, *flags, "--output-dir", str(folder)])


def feed(net, mini_batch):
    images, labels = mini_batch
    return {net.x: images, net.y_true: labels}


def own_net(scale=1.0, rate=0.5, one_hot=False):
    """Softmax regression on floats that are divided by nothing, with an optimizer of tf.train."""
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(0)
        x = tf.placeholder(tf.float32, [None, 784], name="x")
        kind = (tf.float32, [None, 10]) if one_hot else (tf.int32, [None])
        y_true = tf.placeholder(*kind)
        logits = tf.matmul(x, tf.Variable(scale * tf.random_normal([784, 10])))
        labels = y_true if one_hot else tf.one_hot(y_true, 10)
        errors = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        loss = tf.reduce_sum(errors)
        step = tf.train.AdamOptimizer(rate).minimize(loss)
        return Net(graph, x, y_true, loss, step, tf.nn.softmax(logits), tf.argmax(logits, 1))


@pytest.mark.parametrize("before", [True, False], ids=["before the step", "after it"])
@pytest.mark.parametrize("number", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_a_loop_that_is_left_by_break_is_measured_where_it_was_left(
    data, tmp_path, capsys, number, before
):
    net = mnist_softmax.build_graph(settings := settings_for(tmp_path, "--epochs", "2"), data)
    done = number + (not before)
    with new_session(net, settings) as session:
        for k, (images, labels) in enumerate(mini_batches(data, session)):
            if before and k == number:
                break
            session.run(net.train_step, {net.x: images, net.y_true: labels})
            if k == number:
                break
        expected = evaluate(session, data.validation).accuracy
        metrics = report(data, session, evaluate(session, data.test))
    assert metrics["steps"] == metrics["history"][-1]["step"] == done
    assert metrics["epochs"] == done / 4
    assert metrics["validation_accuracy"] == expected
    assert metrics["train_seconds"] > 0
    assert f"The loop was left after step {done}, in epoch {done / 4:.3g}: " in (
        capsys.readouterr().out
    )


def test_a_loop_that_is_left_at_the_end_of_an_epoch_needs_no_other_row(data, tmp_path, capsys):
    net = mnist_softmax.build_graph(settings := settings_for(tmp_path, "--epochs", "2"), data)
    with new_session(net, settings) as session:
        for images, labels in mini_batches(data, session):
            if session.state.history:
                break
            session.run(net.train_step, {net.x: images, net.y_true: labels})
        metrics = report(data, session, evaluate(session, data.test))
    assert [row["step"] for row in metrics["history"]] == [4]
    assert "was left" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fed", "line"),
    [
        (lambda pixels: pixels / 255, "The loop feeds pixels from 0 to 1 for x, where mini_b"),
        (lambda pixels: pixels - 33.0, "The loop feeds pixels from -33 to 222 for x, where mini_b"),
        (lambda pixels: pixels, ""),
        (lambda pixels: pixels.astype(np.float32), ""),
    ],
    ids=["divided", "centred", "as they are", "as floats"],
)
def test_pixels_that_only_the_loop_scales_are_noted(data, tmp_path, capsys, fed, line):
    """Training and tests would have different images, and the accuracy would be wrong."""
    net = own_net()
    with new_session(net, settings_for(tmp_path)) as session:
        for images, labels in mini_batches(data, session):
            session.run(net.train_step, {net.x: fed(images), net.y_true: labels})
    output = capsys.readouterr().out
    assert output.count("The loop feeds pixels") == bool(line)
    assert line in output


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_loop_that_asks_for_each_mini_batch_is_measured_to_its_end(data, tmp_path, epochs):
    """`for i in range(num_iterations): batch = next(batches)`, as with TensorFlow's next_batch."""
    settings = settings_for(tmp_path, "--epochs", str(epochs))
    net = mnist_softmax.build_graph(settings, data)
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    with new_session(net, settings) as session:
        batches = mini_batches(data, session)
        for _ in range(4 * epochs):
            session.run(net.train_step, feed(net, next(batches)))
        expected = evaluate(session, data.validation).accuracy
        metrics = report(data, session, evaluate(session, data.test))
    assert metrics["steps"] == metrics["history"][-1]["step"] == 4 * epochs
    assert metrics["validation_accuracy"] == expected
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_loop_around_the_mini_batches_trains_once_and_says_so(data, tmp_path, capsys):
    settings = settings_for(tmp_path)
    net = mnist_softmax.build_graph(settings, data)
    steps = 0
    with new_session(net, settings) as session:
        for _ in range(3):
            for mini_batch in mini_batches(data, session):
                session.run(net.train_step, feed(net, mini_batch))
                steps += 1
    assert steps == 4
    output = capsys.readouterr().out
    assert output.count("for a longer training use --epochs, not a loop around it") == 2


def test_a_look_at_one_mini_batch_takes_nothing_from_the_training(data, tmp_path):
    settings = settings_for(tmp_path)
    net = mnist_softmax.build_graph(settings, data)
    with new_session(net, settings) as session:
        first = next(mini_batches(data, session))
        again = []
        for mini_batch in mini_batches(data, session):
            again.append(mini_batch)
            session.run(net.train_step, feed(net, mini_batch))
        metrics = report(data, session, evaluate(session, data.test))
    assert len(again) == 4
    assert np.array_equal(first[0], again[0][0])
    assert [row["step"] for row in metrics["history"]] == [4]
    assert metrics["steps"] == 4


@pytest.mark.parametrize("own", [False, True], ids=["counted", "not counted"])
def test_a_second_loop_goes_on_where_the_first_was_left(data, tmp_path, own):
    """As the cell of a notebook that is run again after an error in it, or after Ctrl-C."""

    def trained(folder, stops):
        settings = settings_for(folder, "--epochs", "3")
        net = own_net(0.01) if own else mnist_softmax.build_graph(settings, data)
        used = []
        with new_session(net, settings) as session:
            for stop in stops:
                for mini_batch in mini_batches(data, session):
                    if len(used) == stop:
                        break
                    used.append(mini_batch[0])
                    session.run(net.train_step, feed(net, mini_batch))
            metrics = report(data, session, evaluate(session, data.test))
            answers = session.run(net.y_pred, {net.x: data.test.images[:50]})
        assert [row["step"] for row in metrics["history"]] == [4, 8, 12]
        return used, answers

    whole, expected = trained(tmp_path / "a", [None])
    parts, found = trained(tmp_path / "b", [2, 7, None])
    assert all(map(np.array_equal, whole, parts))
    assert np.array_equal(found, expected)


def test_a_session_that_is_opened_without_with(data, tmp_path):
    """In a notebook one cell opens it, and the next ones use it, outside of any graph."""
    flags = ["--film", "--tensorboard", "--augment", "--moving-average", "0.9", "--hidden", "8"]
    settings = mnist_mlp.read_settings([*QUICK, *flags, "--output-dir", str(tmp_path)])
    net = mnist_mlp.build_graph(settings, data)
    session = new_session(net, settings)
    for mini_batch in mini_batches(data, session):
        session.run(net.train_step, {**feed(net, mini_batch), net.is_training: True})
    metrics = report(data, session, evaluate(session, data.test))
    assert metrics["steps"] == 4
    with pytest.raises(UserError, match="a session of this program is open that writes to "):
        new_session(net, settings)
    session.close()
    settings.resume = True
    with new_session(net, settings) as session:
        assert list(mini_batches(data, session)) == []
        assert evaluate(session, data.test).correct == metrics["test_correct"]


def test_a_session_that_is_closed_or_none_of_ours_is_named(data, tmp_path):
    net = mnist_softmax.build_graph(settings_for(tmp_path), data)
    with new_session(net, settings_for(tmp_path)) as session:
        test = evaluate(session, data.test.first(10))
    with pytest.raises(UserError, match="the session is closed: write what needs it inside"):
        report(data, session, test)
    with tf.Session(graph=net.graph) as session:
        for call in (
            lambda: evaluate(session, data.test),
            lambda: mini_batches(data, session),
            lambda: report(data, session, test),
        ):
            with pytest.raises(UserError, match="Session is no session of new_session"):
                call()


def test_a_large_loss_of_an_optimizer_of_the_script_s_own_may_fall(data, tmp_path):
    net = own_net(scale=10.0, rate=0.01)  # a sum over 256 images
    with new_session(net, settings_for(tmp_path)) as session:
        for mini_batch in mini_batches(data, session):
            session.run(net.train_step, feed(net, mini_batch))
        (row,) = session.state.history
    assert row["train_loss"] > 1e6


def test_a_graph_without_a_seed_is_named(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(mnist_softmax.tf, "set_random_seed", lambda seed: None)
    net = mnist_softmax.build_graph(settings_for(tmp_path), data)
    with new_session(net, settings_for(tmp_path)):
        pass
    assert "The graph has no tf.set_random_seed: " in capsys.readouterr().out


def test_two_classes_are_selected_in_place(data, tmp_path):
    for split in (data.train, data.validation, data.test):
        chosen = split.labels < 2
        split.images, split.labels = split.images[chosen], split.labels[chosen]
    settings = settings_for(tmp_path, "--epochs", "20")
    net = mnist_softmax.build_graph(settings, data)
    with new_session(net, settings) as session:
        for mini_batch in mini_batches(data, session):
            session.run(net.train_step, feed(net, mini_batch))
        test = evaluate(session, data.test)
    assert test.total == 2115
    assert test.accuracy > 0.95


def test_splits_of_one_hot_labels_and_fractions(data, tmp_path):
    for split in (data.train, data.validation, data.test):
        split.images, split.labels = split.images / np.float32(255), np.eye(10)[split.labels]
    net = own_net(scale=0, rate=0.01, one_hot=True)
    with new_session(net, settings_for(tmp_path)) as session:
        for mini_batch in mini_batches(data, session):
            session.run(net.train_step, feed(net, mini_batch))
        test = evaluate(session, data.test)
        assert report(data, session, test)["test_accuracy"] == test.accuracy > 0.5
    assert (tmp_path / "mosaic.png").exists()


def test_pictures_show_the_images_that_were_classified(data, tmp_path, monkeypatch):
    shown = {}
    monkeypatch.setattr(
        "common.plots.plot_images",
        lambda path, images, shape, labels, *others, **options: shown.update({path.name: images}),
    )
    settings = settings_for(tmp_path)
    net = mnist_softmax.build_graph(settings, data)
    with new_session(net, settings) as session:
        report(data, session, evaluate(session, data.validation))
    assert np.array_equal(shown["images.png"], data.validation.images[:9])


def test_convolutions_in_a_script_without_flags_for_them_are_drawn(data, tmp_path, monkeypatch):
    def convolutions(input, num_inputs, num_outputs, **options):
        layer, _ = new_conv_layer(tf.reshape(input, [-1, 28, 28, 1]), 1, 5, 4)
        layer, _ = new_conv_layer(layer[:, 4:, 4:], 4, 3, 8)
        layer, num_features = flatten_layer(layer)
        return new_fc_layer(layer, num_features, num_outputs, **options)

    monkeypatch.setattr(mnist_softmax, "new_fc_layer", convolutions)
    mnist_softmax.main([*QUICK, "--output-dir", str(tmp_path)])
    drawn = {path.name for path in tmp_path.glob("conv*.png")}
    # Which pixels an output behind the cut depends on is not known.
    assert drawn == {"conv1_filters.png", "conv1_outputs.png", "conv2_outputs.png"}


def test_pixels_for_a_picture():
    assert as_pixels(np.array([[-1.0, 0, 1]])).tolist() == [[0, 128, 255]]
    assert as_pixels(np.array([[0.5, 0.5]])).tolist() == [[255, 255]]
    images = np.array([[3, 200]], np.uint8)
    assert as_pixels(images) is images
