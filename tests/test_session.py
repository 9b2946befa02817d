"""common/session.py: run() gives what tf.Session.run gives, whatever is asked of it."""

import time
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor

from common import UserError
from common.session import FastSession, new_session

import numpy as np
import pytest
import tensorflow.compat.v1 as tf


@pytest.fixture
def net():
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.uint8, [None, 3])
        scale = tf.placeholder_with_default(2.0, [])
        total = tf.Variable(0.0)
        doubled = tf.cast(x, tf.float32) * scale
        add = tf.assign_add(total, tf.reduce_sum(doubled))
        value = total.value()
    return Namespace(
        graph=graph, x=x, scale=scale, total=total, doubled=doubled, add=add, value=value
    )


@pytest.fixture
def session(net, tmp_path):
    with new_session(net, Namespace(output_dir=tmp_path, bfloat16=False)) as session:
        yield session


IMAGES = np.arange(6, dtype=np.uint8).reshape(2, 3)


@pytest.mark.parametrize(
    "choose",
    [
        lambda net: net.doubled,
        lambda net: [net.doubled],
        lambda net: [net.doubled, net.doubled.op, net.x],
        lambda net: (net.doubled, net.scale),
        lambda net: {"a": net.doubled, "b": [net.scale]},
        lambda net: net.doubled.name,
        lambda net: net.doubled.op,
        lambda net: net.total,
        lambda net: [],
    ],
)
@pytest.mark.parametrize("scale", [None, 3.0])
def test_fetches_of_every_form_equal_a_plain_session(net, tmp_path, choose, scale):
    feed_dict = {net.x: IMAGES} if scale is None else {net.x: IMAGES, net.scale: scale}
    with net.graph.as_default(), tf.Session() as plain:
        plain.run(tf.global_variables_initializer())
        expected = plain.run(choose(net), feed_dict)
    with new_session(net, Namespace(output_dir=tmp_path, bfloat16=False)) as session:
        for _ in range(2):  # the second time the call is prepared
            result = session.run(choose(net), feed_dict)
            assert type(result) is type(expected)
            assert str(result) == str(expected)


def test_feeds_may_be_lists_numbers_and_other_types(net, session):
    for images in ([[1, 2, 3]], np.array([[1, 2, 3]]), np.asfortranarray(IMAGES[:1] + 1)):
        result = session.run(net.doubled, {net.x: images, net.scale: 0.5})
        np.testing.assert_array_equal(result, [[0.5, 1, 1.5]])


def test_feeds_are_told_apart_by_name_not_by_order(net, session):
    first = session.run(net.doubled, {net.x: IMAGES, net.scale: 3})
    second = session.run(net.doubled, {net.scale: 3, net.x: IMAGES})
    np.testing.assert_array_equal(first, second)


def test_a_training_step_changes_the_variables(net, session):
    assert session.run(net.add.op, {net.x: IMAGES}) is None
    assert session.run(net.add.op, {net.x: IMAGES}) is None
    assert session.run(net.value) == 2 * 2 * IMAGES.sum()


def test_operations_added_later_can_be_run(net, session):
    session.run(net.doubled, {net.x: IMAGES})
    with net.graph.as_default():
        halved = net.doubled / 4
    np.testing.assert_array_equal(session.run(halved, {net.x: IMAGES}), IMAGES / 2)


def test_run_metadata_can_be_asked_for(net, session):
    metadata = tf.RunMetadata()
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    session.run(net.doubled, {net.x: IMAGES}, options, metadata)
    assert len(metadata.step_stats.dev_stats) > 0


def test_a_wrong_shape_is_refused_as_ever(net, session):
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        session.run(net.add, {net.x: np.zeros((2, 2, 2, 2), np.uint8)})


def test_two_threads_may_run_and_a_call_is_prepared_once(net, session, monkeypatch):
    prepare, prepared = session._prepare, []

    def slowly(*arguments):
        prepared.append(arguments)
        time.sleep(0.2)
        return prepare(*arguments)

    monkeypatch.setattr(session, "_prepare", slowly)
    with ThreadPoolExecutor(2) as threads:
        results = threads.map(lambda scale: run(session, net, scale), (2.0, 3.0))
    for scale, result in zip((2.0, 3.0), results, strict=True):
        np.testing.assert_array_equal(result, IMAGES * scale)
    assert len(prepared) == 1


def run(session, net, scale):
    return session.run(net.doubled, {net.x: IMAGES, net.scale: scale})


def test_a_closed_session_cannot_run(net, tmp_path):
    session = FastSession(net, Namespace(output_dir=tmp_path, bfloat16=False))
    session.run(net.doubled, {net.x: IMAGES})  # is prepared now
    session.close()
    with pytest.raises(RuntimeError, match="closed"):
        session.run(net.doubled, {net.x: IMAGES})


def test_two_sessions_cannot_share_an_output_directory(net, session, tmp_path):
    with pytest.raises(UserError, match=r"another run is writing to .*--output-dir"):
        FastSession(net, Namespace(output_dir=tmp_path, bfloat16=False))
    session.close()
    FastSession(net, Namespace(output_dir=tmp_path, bfloat16=False)).close()


def test_bfloat16_multiplies_in_16_bits_and_the_default_in_32(tmp_path):
    random = np.random.default_rng(0)
    left, right = random.standard_normal([2, 64, 64]).astype(np.float32)
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [64, 64])
        product = tf.nn.relu(tf.matmul(x, tf.Variable(right)))
    errors = []
    for bfloat16 in (False, True):
        settings = Namespace(output_dir=tmp_path, bfloat16=bfloat16)
        with new_session(Namespace(graph=graph), settings) as session:
            exact = np.maximum(left.astype(np.float64) @ right, 0)
            errors.append(np.abs(session.run(product, {x: left}) - exact).max())
    assert errors[0] < 1e-4
    assert 1e-3 < errors[1] < 0.5  # 8 bits of each number are left
