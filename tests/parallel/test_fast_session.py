"""common/parallel/fast_session.py: run() does what tf.Session.run does, whatever is asked of it."""

from concurrent.futures import ThreadPoolExecutor

from common.parallel.fast_session import FastSession

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from run_cases import CASES, IMAGES, new_net
from tensorflow.python.client.session import BaseSession


@pytest.fixture(scope="module")
def net():
    return new_net()


def outcomes(session, net, fetches, feed):
    """Return what four runs give or raise, and the variable's value afterwards."""
    session.run(net.initialize)
    found = []
    for _ in range(4):
        try:
            found.append(described(session.run(fetches, feed)))
        except Exception as error:
            op = getattr(error, "op", None)
            found.append((type(error), str(error), op and op.name))
    return [*found, described(session.run(net.variable))]


def described(result):
    """Return types and values of a result, for a comparison with ==."""
    if isinstance(result, dict):
        return type(result), [(key, described(value)) for key, value in result.items()]
    if isinstance(result, (list, tuple)):
        return type(result), [described(value) for value in result]
    if isinstance(result, np.ndarray):
        return result.dtype, result.shape, result.tolist(), result.flags.writeable
    return type(result), result


@pytest.mark.parametrize("name", CASES)
def test_every_run_gives_or_raises_what_a_plain_session_does(net, name):
    fetches, feed = CASES[name](net)
    with tf.Session(graph=net.graph) as plain:
        expected = outcomes(plain, net, fetches, feed)
    with FastSession("", net.graph, tf.ConfigProto()) as session:
        assert outcomes(session, net, fetches, feed) == expected


@pytest.mark.parametrize("name", CASES)
def test_the_same_holds_where_tensorflow_cannot_prepare_a_call(net, name, monkeypatch):
    monkeypatch.delattr(BaseSession, "_make_callable_from_options")
    test_every_run_gives_or_raises_what_a_plain_session_does(net, name)


@pytest.fixture
def session(net):
    with FastSession("", net.graph, tf.ConfigProto()) as session:
        session.run(net.initialize)
        yield session


def test_the_order_of_feeds_does_not_matter(net, session):
    first = session.run(net.doubled, {net.x: IMAGES, net.scale: np.float32(3)})
    second = session.run(net.doubled, {net.scale: np.float32(3), net.x: IMAGES})
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", ["variable", "constant"])
def test_a_result_that_is_changed_changes_nothing_else(net, session, name):
    with net.graph.as_default():
        node = net.variable.value() if name == "variable" else tf.constant([1.0, 2.0, 3.0])
    for fetches in ([node], node, (node, node)):
        result = session.run(fetches)
        result = result if fetches is node else result[0]
        np.testing.assert_array_equal(result, [1, 2, 3])
        result += 1
        np.testing.assert_array_equal(session.run(node), [1, 2, 3])


def test_a_result_does_not_change_with_what_it_was_computed_from(net, session):
    with net.graph.as_default():
        copy = tf.identity(net.x)
    images = IMAGES.copy()
    before, fetched = session.run([net.variable.value(), copy], {net.x: images})
    images += 1
    np.testing.assert_array_equal(fetched, IMAGES)
    session.run(net.add.op)
    np.testing.assert_array_equal(before, [1, 2, 3])


def test_operations_added_later_can_be_run(net, session):
    session.run(net.doubled, {net.x: IMAGES})
    with net.graph.as_default():
        later = net.doubled / 4
    np.testing.assert_array_equal(session.run(later, {net.x: IMAGES}), IMAGES / 2)


def test_eval_and_operation_run_use_the_session(net, session):
    with session.as_default():
        net.add.op.run()
        assert net.total.eval({net.x: IMAGES}) == 2 * (IMAGES * [2, 3, 4]).sum()


def test_run_metadata_and_options_can_be_asked_for(net, session):
    metadata = tf.RunMetadata()
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    session.run(net.doubled, {net.x: IMAGES}, options, metadata)
    nodes = {n.node_name for device in metadata.step_stats.dev_stats for n in device.node_stats}
    assert "doubled" in nodes
    with pytest.raises(tf.errors.DeadlineExceededError):
        session.run(blocking(net.graph), options=tf.RunOptions(timeout_in_ms=50))


def blocking(graph):
    """Return a tensor that never comes."""
    with graph.as_default():
        return tf.FIFOQueue(1, [tf.float32], [[]]).dequeue()


def test_a_run_in_two_parts(net, session):
    handle = session.partial_run_setup([net.rows, net.total], [net.x, net.scale])
    np.testing.assert_array_equal(session.partial_run(handle, net.rows, {net.x: IMAGES}), IMAGES)
    assert session.partial_run(handle, net.total, {net.scale: 1.0}) == (IMAGES * [1, 2, 3]).sum()


def test_two_threads_may_run(net, session):
    def run(number):
        scale = np.float32(number)
        return session.run([net.doubled, net.scale], {net.x: IMAGES + number, net.scale: scale})

    with ThreadPoolExecutor(2) as threads:
        for number, (doubled, scale) in enumerate(threads.map(run, range(100))):
            assert scale == number
            np.testing.assert_array_equal(doubled, (IMAGES + np.uint8(number)) * scale)


def test_two_threads_wait_for_each_other(net, session):
    """A run that waits does not keep the other one from running."""
    with net.graph.as_default():
        queue = tf.FIFOQueue(1, [tf.float32], [[]])
        take, put = queue.dequeue(), queue.enqueue(5.0)
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(session.run, take)
        threads.submit(session.run, put).result(timeout=20)
        assert waiting.result(timeout=20) == 5


def test_a_closed_session_raises_what_a_plain_one_raises(net):
    sessions = tf.Session(graph=net.graph), FastSession("", net.graph, tf.ConfigProto())
    errors = []
    for session in sessions:
        session.run(net.doubled, {net.x: IMAGES})  # is prepared now
        session.close()
        session.close()
        with pytest.raises(RuntimeError) as raised:
            session.run(net.doubled, {net.x: IMAGES})
        errors.append(str(raised.value))
    assert errors[0] == errors[1]


def test_what_is_to_be_closed_is_closed_once_and_in_order(net):
    closed = []
    session = FastSession("", net.graph, tf.ConfigProto())
    session.at_close += [lambda: closed.append(1), lambda: closed.append(2)]
    with session:
        assert closed == []
    session.close()
    assert closed == [1, 2]


def test_errors_of_tensorflow_can_be_translated(net, session):
    session.translate_error = lambda error: LookupError(error.message)
    with pytest.raises(LookupError, match="infinite") as raised:
        session.run(net.checked, {net.x: IMAGES})
    assert isinstance(raised.value.__cause__, tf.errors.InvalidArgumentError)
    with pytest.raises(ValueError, match=r"shape \(1, 4\)"):
        session.run(net.doubled, {net.x: [[1, 2, 3, 4]]})
