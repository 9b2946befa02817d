"""A graph that a reader may write does the same on several machines, or a sentence says why not."""

import mnist_softmax
from common import UserError
from common.layers import new_fc_layer
from common.networks import Net
from common.objective import Optimizer, new_optimizer
from common.parallel.cluster import opening
from common.parallel.cluster.config import Task
from common.parallel.cluster.placement import place_variables
from common.session import new_session

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from cluster_server import assert_same_values, use_cluster, variables_of

RANDOM = np.random.default_rng(0)
IMAGES, LABELS = RANDOM.integers(0, 256, [30, 6], np.uint8), RANDOM.integers(0, 3, 30, np.int32)


def new_net(finish, folder, *flags):
    """Build a small net; `finish` gets logits, labels and optimizer, and returns loss and step."""
    settings = mnist_softmax.read_settings([*flags, "--output-dir", str(folder)])
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(1)
        x = tf.placeholder(tf.uint8, [None, 6], name="x")
        y_true = tf.placeholder(tf.int32, [None], name="y_true")
        logits = new_fc_layer(tf.cast(x, tf.float32) / 255, 6, 3, activation=None)
        loss, step = finish(logits, y_true, new_optimizer(settings, 20))
    return Net(graph, x, y_true, loss, step, logits, tf.constant(0)), settings


def error_of(logits, y_true):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y_true, logits=logits)


# The same on several machines.


def plain(logits, y_true, optimizer):
    loss = tf.reduce_mean(error_of(logits, y_true))
    return loss, optimizer.minimize(loss)


def with_updates(logits, y_true, optimizer):
    """Operations in UPDATE_OPS that do not depend on the mini-batch."""
    count = tf.Variable(0.0, trainable=False, name="count")
    largest = tf.Variable(0.0, trainable=False, name="largest")
    updates = [
        tf.assign_add(count, 1.0),
        tf.assign(largest, tf.reduce_max(tf.trainable_variables()[0])),
    ]
    for update in updates:
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
    return plain(logits, y_true, optimizer)


def with_default(logits, y_true, optimizer):
    """Placeholders that are the same for all rows: one with a default that is computed."""
    weights = tf.trainable_variables()[0]
    scale = tf.placeholder_with_default(1 + tf.reduce_mean(tf.square(weights)), [], name="scale")
    factors = tf.placeholder_with_default([1.0, 2.0, 3.0], [3], name="factors")
    loss = scale * tf.reduce_mean(error_of(logits * factors, y_true))
    return loss, optimizer.minimize(loss)


def with_tied_weights(logits, y_true, optimizer):
    """The same variable read twice, and one that does not change."""
    weights = tf.trainable_variables()[0]
    frozen = new_fc_layer(tf.matmul(logits, weights, transpose_b=True), 6, 3)
    loss = tf.reduce_mean(error_of(logits + frozen, y_true)) + tf.nn.l2_loss(weights)
    return loss, optimizer.minimize(loss, var_list=tf.trainable_variables()[:2])


def with_two_optimizers(logits, y_true, optimizer):
    loss = tf.reduce_mean(error_of(logits, y_true))
    other = tf.train.GradientDescentOptimizer(0.1).minimize(loss, name="other")
    tf.add_to_collection("other", other)
    return loss, optimizer.minimize(loss)


@pytest.mark.parametrize(
    ("finish", "flags", "fed"),
    [
        (plain, ["--optimizer", "adagrad-da"], {}),
        (plain, ["--optimizer", "ftrl", "--moving-average", "0.9"], {}),
        (plain, [], {"train/learning_rate:0": 0.5}),
        (with_updates, [], {}),
        (with_default, [], {}),
        (with_default, [], {"scale:0": 3.0, "factors:0": [3.0, 2.0, 1.0]}),
        (with_tied_weights, ["--clip-norm", "0.1"], {}),
        (with_two_optimizers, [], {}),
    ],
)
def test_it_is_the_same_on_several_machines(monkeypatch, tmp_path, finish, flags, fed):
    def values():
        net, settings = new_net(finish, tmp_path, *flags)
        with new_session(net, settings) as session:
            given = {session.graph.get_tensor_by_name(name): fed[name] for name in fed}
            for rows in (slice(0, 10), slice(10, 17), slice(17, 19)):
                feed_dict = {net.x: IMAGES[rows], net.y_true: LABELS[rows]} | given
                session.run([net.train_step, *net.graph.get_collection("other")], feed_dict)
            return variables_of(session)

    expected = values()
    use_cluster(monkeypatch)
    assert_same_values(values(), expected)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_belongs_to_the_step_happens_once(monkeypatch, tmp_path, asynchronous):
    """Fetched with the step: what follows it, and an update that is a part of it."""

    def values():
        net, settings = new_net(with_updates, tmp_path)
        with net.graph.as_default(), tf.control_dependencies([net.train_step]):
            after = tf.trainable_variables()[0].read_value() + 0
        update = net.graph.get_collection(tf.GraphKeys.UPDATE_OPS)[0]
        feed_dict = {net.x: IMAGES, net.y_true: LABELS}
        with new_session(net, settings) as session:
            session.run([net.train_step, update.op], feed_dict)
            fetched = session.run({"step": net.train_step, "after": after}, feed_dict)["after"]
            session.run([net.train_step, "count/Read/ReadVariableOp:0"], feed_dict)
            return variables_of(session) | {"after": fetched}

    expected = values()
    use_cluster(monkeypatch, 1 if asynchronous else 3, asynchronous=asynchronous)
    assert_same_values(values(), expected)
    assert expected["count"] == 3


# Not on several machines.


def as_sum(logits, y_true, optimizer):
    loss = tf.reduce_sum(error_of(logits, y_true))
    return loss, optimizer.minimize(loss)


def with_other_dropout(logits, y_true, optimizer):
    return plain(tf.nn.dropout(logits, rate=0.5), y_true, optimizer)


def with_other_optimizer(logits, y_true, optimizer):
    loss = tf.reduce_mean(error_of(logits, y_true))
    return loss, tf.train.AdamOptimizer().minimize(loss)


def with_group(logits, y_true, optimizer):
    loss, step = plain(logits, y_true, optimizer)
    return loss, tf.group(step, tf.assign_add(tf.Variable(0), 1))


def with_other_updates(logits, y_true, optimizer):
    update = tf.Variable([0.0]).scatter_add(tf.IndexedSlices([1.0], [0]))
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
    return plain(logits, y_true, optimizer)


def with_updates_by_rows(logits, y_true, optimizer):
    update = tf.assign(tf.Variable(0.0), tf.reduce_mean(logits))
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
    return plain(logits, y_true, optimizer)


def with_count_in_the_loss(logits, y_true, optimizer):
    """A read that waits for an assignment, which each copy would do again."""
    count = tf.assign_add(tf.Variable(0.0, trainable=False), 1.0)
    return plain(logits * count, y_true, optimizer)


def with_sparse_gradient(logits, y_true, optimizer):
    table = tf.Variable(tf.zeros([3, 3]), name="table")
    return plain(logits + tf.gather(table.value(), y_true), y_true, optimizer)


class NewVariables(tf.train.GradientDescentOptimizer):
    def apply_gradients(self, grads_and_vars, global_step=None, name=None):
        tf.Variable(0.0, trainable=False)
        return super().apply_gradients(grads_and_vars, global_step, name)


def with_new_variables(logits, y_true, optimizer):
    return plain(logits, y_true, Optimizer(NewVariables(0.1)))


def with_iterator(logits, y_true, optimizer):
    labels = tf.data.make_one_shot_iterator(tf.data.Dataset.from_tensors(LABELS[:10])).get_next()
    return plain(logits, labels, optimizer)


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        (as_sum, "is not known to treat each example by itself"),
        (with_other_dropout, "draws new random numbers each time it runs"),
        (with_other_optimizer, r"is not what minimize\(\) of new_optimizer\(\) returned"),
        (with_group, r"is not what minimize\(\) of new_optimizer\(\) returned"),
        (with_other_updates, "in UPDATE_OPS is not known"),
        (with_updates_by_rows, "an operation in UPDATE_OPS depends on single examples"),
        (with_count_in_the_loss, "depends on another operation"),
        (with_sparse_gradient, "the gradient of table is sparse"),
        (with_new_variables, "its optimizer makes new variables for each step"),
        (with_iterator, "has a state or a side effect"),
    ],
)
def test_it_does_not_train_on_several_machines(monkeypatch, tmp_path, finish, reason):
    used = use_cluster(monkeypatch)
    net, settings = new_net(finish, tmp_path)
    with pytest.raises(UserError, match=f"cannot train on several machines, since .*{reason}"):
        new_session(net, settings)
    assert len(used.ends) == (finish in {with_sparse_gradient, with_new_variables})


# Where the variables are.


def test_variables_are_spread_over_the_parameter_servers(tmp_path):
    net, _ = new_net(plain, tmp_path, "--optimizer", "adam")
    variables = net.graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)
    tasks = [Task("ps", index, "") for index in range(2)]
    assert place_variables(variables, tasks)
    places = {variable.op.name: variable.device for variable in variables}
    assert places["fc1/weights"] == "/job:ps/task:0"
    assert places["fc1/biases"] == places["global_step"] == "/job:ps/task:1"
    for name, place in places.items():
        if "/Adam" in name:
            assert place == places[name.rpartition("/")[0]]


def test_without_the_private_call_the_chief_holds_the_variables(monkeypatch, tmp_path, capfd):
    def values():
        net, settings = new_net(plain, tmp_path)
        with new_session(net, settings) as session:
            session.run(net.train_step, {net.x: IMAGES, net.y_true: LABELS})
            return variables_of(session)

    def place_without_it(variables, tasks):
        with monkeypatch.context() as patch:
            patch.delattr(tf.Operation, "_set_device")
            return place_variables(variables, tasks)

    expected = values()
    use_cluster(monkeypatch)
    monkeypatch.setattr(opening, "place_variables", place_without_it)
    assert_same_values(values(), expected)
    assert "The chief holds all variables: this TensorFlow cannot" in capfd.readouterr().out
