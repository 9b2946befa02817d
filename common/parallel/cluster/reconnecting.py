"""A session that continues when a machine comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any

from common import UserError
from common.parallel.cluster.config import Cluster
from common.parallel.cluster.waiting import PAUSE, is_reachable, wait_for
from common.run.files import reason_of

import tensorflow.compat.v1 as tf

# How TensorFlow reports that another process has gone, has been replaced, or does not answer.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.DeadlineExceededError,
    tf.errors.CancelledError,
)


class ReconnectingSession:
    """Runs operations that may be repeated, as often as it takes until no machine is lost.

    Args:
        target: the server of this process.
        graph: what may be run; an operation that does nothing is added.
        config: the configuration of a session.
        cluster: all tasks.
    """

    def __init__(
        self, target: str, graph: tf.Graph, config: tf.ConfigProto, cluster: Cluster
    ) -> None:
        self._target, self._graph, self._config, self._cluster = target, graph, config, cluster
        with graph.as_default(), tf.device(cluster.me.device):
            self._nothing = tf.no_op()
        self._session: tf.Session | None = None
        self._lock = threading.Lock()

    def run(self, operation: tf.Operation, feeds: dict[tf.Tensor, Any]) -> None:
        """Run an operation; several threads may call this.

        Args:
            operation: one of the graph.
            feeds: what `tf.Session.run` takes.

        Raises:
            UserError: a machine was away for too long, or the machines do not work together.
            tf.errors.OpError: the operation failed, but not because of a lost machine.
        """
        deadline = 0.0
        while True:
            session = None
            try:
                session = self._connected()
                session.run(operation, feeds)
                return
            except LOST as error:
                any_missing = self._reconnect(session)
                if any_missing or not deadline:
                    deadline = time.monotonic() + self._cluster.wait
                elif time.monotonic() > deadline:
                    raise UserError(
                        f"the machines do not work together: {reason_of(error)}. Check that all of "
                        "them were started with the same command and the same TF_CONFIG."
                    ) from error

    def _connected(self) -> tf.Session:
        """Return a session that all machines have joined.

        Raises:
            tf.errors.OpError: one of LOST.
        """
        with self._lock:
            if self._session is None:
                session = tf.Session(self._target, self._graph, self._config)
                self._join(session)
                self._session = session
            return self._session

    def _join(self, session: tf.Session) -> None:
        """Let all machines join a new session.

        Raises:
            tf.errors.OpError: one of LOST.
        """
        # TensorFlow waits without a limit for a machine that fails meanwhile.
        joined = _in_background(lambda: session.run(self._nothing))
        deadline = time.monotonic() + self._cluster.wait
        while not wait([joined], PAUSE).done:
            if not all(map(is_reachable, self._cluster.others)):
                raise tf.errors.UnavailableError(None, None, "a machine has disconnected")
            if time.monotonic() > deadline:
                raise tf.errors.DeadlineExceededError(None, None, "a machine does not answer")
        joined.result()

    def _reconnect(self, failed: tf.Session | None) -> bool:
        """Wait until all machines can be reached, and drop the session that lost one of them.

        Returns:
            whether any was missing.

        Raises:
            UserError: a machine was away for too long.
        """
        with self._lock:
            if self._session is not failed:  # another thread was faster
                return True
            self._session = None
            if failed is not None:
                # TensorFlow may wait without a limit for an answer of the lost machine when it
                # closes a session, which it also does when the session is deleted.
                _in_background(failed.close)
            return wait_for(self._cluster.others, self._cluster.wait)


def _in_background(call: Callable[[], Any]) -> Future:
    """Call a function in a thread that does not keep this program from ending."""
    future: Future = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
