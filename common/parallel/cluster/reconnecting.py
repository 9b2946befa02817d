"""A session that goes on when a machine comes back."""

from __future__ import annotations

import threading
import time
from typing import Any

from common import UserError
from common.parallel.cluster.config import Cluster
from common.parallel.cluster.waiting import wait_for
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
        graph: what may be run.
        config: the configuration of a session.
        cluster: all tasks.
    """

    def __init__(
        self, target: str, graph: tf.Graph, config: tf.ConfigProto, cluster: Cluster
    ) -> None:
        self._target, self._graph, self._config, self._cluster = target, graph, config, cluster
        self._session: tf.Session | None = None
        self._lock = threading.Lock()

    def run(self, operation: tf.Operation, feeds: dict[tf.Tensor, Any]) -> None:
        """Run an operation; several threads may call this.

        Raises:
            UserError: a machine was away for too long, or the machines do not work together.
            tf.errors.OpError: the operation failed, but not because of a lost machine.
        """
        deadline = 0.0
        while True:
            session = self._connected()
            try:
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
        with self._lock:
            if self._session is None:
                self._session = tf.Session(self._target, self._graph, self._config)
            return self._session

    def _reconnect(self, failed: tf.Session) -> bool:
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
            # TensorFlow may wait for an answer of the lost machine without a limit when a session
            # is closed, which also happens when it is deleted.
            threading.Thread(target=failed.close, daemon=True).start()
            return wait_for(self._cluster.others, self._cluster.wait)
