"""The graph of use: what only the training needs goes, however a reader has written it."""

import sys

from common.run import inference
from common.run.inference import inference_graph

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from small_nets import IMAGES, check, dense, export, graph_of

DENSE = ["MatMul", "BiasAdd"]


def dropout_by_rate(h, training):
    return tf.nn.dropout(h, rate=tf.where(training, 0.3, 0.0))


def dropout_by_placeholder(h, _):
    return tf.nn.dropout(h, rate=tf.placeholder_with_default(0.0, []))


def dropout_by_keep_prob(h, _):
    return tf.nn.dropout(h, keep_prob=tf.placeholder_with_default(1.0, []))


def dropout_of_columns(h, training):
    rate = 0.5 * tf.cast(training, tf.float32)
    return tf.nn.dropout(h, rate=rate, noise_shape=[1, h.shape[1]])


def dropout_in_a_condition(h, training):
    return tf.cond(training, lambda: tf.nn.dropout(h, rate=0.3), lambda: h)


def dropout_in_two_conditions(h, training):
    inner = tf.logical_and(training, True)
    return tf.cond(
        training,
        lambda: h,
        lambda: tf.cond(inner, lambda: tf.nn.dropout(h, rate=0.3), lambda: 2 * h),
    )


def dropout_by_switch_case(h, training):
    branches = [lambda: h, lambda: tf.nn.dropout(h, rate=0.3)]
    return tf.switch_case(tf.cast(training, tf.int32), branches)


def dropout_in_a_condition_of_tensorflow_1(h, training):
    tf.disable_control_flow_v2()  # as tf.disable_v2_behavior() does
    try:
        return dropout_in_a_condition(h, training)
    finally:
        tf.enable_control_flow_v2()


def dropout_by_floor(h, training):
    keep = 1 - 0.3 * tf.cast(training, tf.float32)
    return h / keep * tf.floor(keep + tf.random_uniform(tf.shape(h)))


def dropout_by_a_mask(h, training):
    keep = tf.where(training, 0.7, 1.0)
    return tf.cast(tf.random_uniform(tf.shape(h)) < keep, tf.float32) * h / keep


def dropout_to_another_value(h, training):
    drawn = tf.random.stateless_uniform(tf.shape(h), [1, 2])
    return tf.where(drawn >= 0.1 * tf.cast(training, tf.float32), h, -2 * tf.ones_like(h))


def noise_times_the_switch(h, training):
    return h + tf.cast(training, tf.float32) * tf.random.normal(tf.shape(h))


def noise_where_training(h, training):
    return tf.where(training, h + tf.random.normal(tf.shape(h)), h)


def whole_numbers(h, _):
    """Random in use, too; both ends of float32's range would be cast to one whole number."""
    drawn = tf.cast(tf.random.normal(tf.shape(h)), tf.int32)
    return tf.where(drawn >= 0, h, 2 * h)


def nothing(h, _):
    return h


@pytest.mark.parametrize(
    "layer",
    [
        *(dropout_by_rate, dropout_by_placeholder, dropout_by_keep_prob, dropout_of_columns),
        *(dropout_in_a_condition, dropout_in_two_conditions, dropout_by_switch_case),
        *(dropout_in_a_condition_of_tensorflow_1, dropout_by_floor, dropout_by_a_mask),
        *(dropout_to_another_value, noise_times_the_switch, noise_where_training, nothing),
    ],
)
def test_what_is_random_in_training_only_goes(layer):
    found = check(lambda x, training: dense(layer(tf.nn.relu(dense(x)), training)))
    assert found == [*DENSE, "Relu", *DENSE]


def test_images_may_come_from_an_iterator():
    def batch():
        pairs = tf.data.Dataset.from_tensor_slices((IMAGES, np.zeros(20, np.int32))).batch(4)
        return tf.data.make_one_shot_iterator(pairs).get_next()[0]

    assert check(lambda x, _: dense(x), batch) == DENSE


def test_a_name_that_is_taken():
    found, new, old = export(lambda x, _: dense(tf.identity(tf.tanh(x), name="images")))
    assert found.images == "images_:0"
    np.testing.assert_allclose(new, old, rtol=0, atol=1e-6)


def test_a_condition_on_the_images_stays():
    def build(x, _):
        return tf.cond(tf.reduce_mean(x) > 0.1, lambda: dense(x), lambda: x[:, :5])

    found, new, old = export(build)
    np.testing.assert_allclose(new, old, rtol=0, atol=1e-6)
    assert "If" in {node.op for node in found.graph.node}


def test_weights_keep_their_names():
    found, *_ = export(lambda x, _: tf.matmul(x, tf.Variable(tf.ones([36, 5]), name="fc/weights")))
    assert "fc/weights" in {node.name for node in found.graph.node if node.op == "Const"}


def dropped(x, _):
    return tf.nn.dropout(x, rate=0.5)


@pytest.mark.parametrize("build", [dropped, whole_numbers])
def test_a_net_that_is_random_in_use_stays_so(build):
    found, new, old = export(build)
    assert found.random
    assert (new != old).any()


def python(x, _):
    h = tf.numpy_function(lambda array: array, [x], tf.float32, name="by_numpy")
    return tf.reshape(h, [-1, 36])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda x, _: x * tf.placeholder(tf.float32, [], "scale"), "depend on scale, too"),
        (lambda x, _: dense(tf.ones([3, 36])), "do not depend on x:0"),
        (python, "it calls Python functions, which no other program has"),
    ],
)
def test_a_net_that_cannot_be_exported(build, message):
    net = graph_of(build)
    with tf.Session(graph=net.graph) as session:
        with net.graph.as_default():
            session.run(tf.global_variables_initializer())
        with pytest.raises(ValueError, match=message):
            inference_graph(session, net)


def test_without_the_private_optimizer_the_answers_are_the_same(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow.python.grappler.tf_optimizer", None)

    def build(x, training):
        return dense(dropout_in_a_condition(dense(x), training))

    found, new, old = export(build)
    np.testing.assert_allclose(new, old, rtol=0, atol=1e-6)
    monkeypatch.undo()
    assert len(export(build)[0].graph.node) < len(found.graph.node)


def test_it_looks_for_every_random_operation_of_tensorflow():
    random = [name for name in dir(tf.raw_ops) if "andom" in name or "Multinomial" in name]
    missed = [name for name in random if not inference.RANDOM.search(name)]
    assert len(random) > 20
    assert not missed
