"""A session of the whole cluster, which the chief uses like that of one machine."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Any

from common import UserError
from common.parallel.cluster.config import Cluster
from common.parallel.cluster.gradients import FirstPhase
from common.parallel.cluster.reconnecting import LOST, ReconnectingSession
from common.parallel.cluster.update import SecondPhase
from common.parallel.cluster.waiting import say, tell_end
from common.parallel.fast_session import FastSession
from common.parallel.rows import NotDivisibleError
from common.parallel.walking import ancestors

import numpy as np
import tensorflow.compat.v1 as tf

Feeds = dict[Any, Any]


class ClusterSession(FastSession):
    """A session of the whole cluster, on the chief.

    A training step has two phases, each of which is a graph of its own:

        gradients   Every machine computes its part. The means are stored beside the variables.
        update      The script's own graph: the step reads the stored means. Everything else is as
                    on one machine: clipping, the optimizer, moving averages.

    If a machine fails, the first phase may have happened in part. It is then computed again, which
    changes nothing. The second phase does not need the workers. So no update is lost or repeated.

    Asynchronously, each mini-batch is computed by the next machine that is idle. `run` returns as
    soon as there is one; whatever is not a training step waits for the steps that are under way.

    Args:
        target: the server of this process.
        config: the configuration of the session, which sees only the tasks that hold variables.
        cluster: all tasks.
        first: the first phase.
        second: the second phase; its graph is that of the session.
    """

    def __init__(
        self,
        target: str,
        config: tf.ConfigProto,
        cluster: Cluster,
        first: FirstPhase,
        second: SecondPhase,
    ) -> None:
        super().__init__(target, second.operation.graph, config)
        self.step_description = _description(cluster)
        self._target, self._cluster, self._first, self._second = target, cluster, first, second
        first_config = tf.ConfigProto(
            operation_timeout_in_ms=int(1000 * cluster.wait), graph_options=config.graph_options
        )
        self._machines = ReconnectingSession(target, first.graph, first_config, cluster)
        self._update_lock = threading.Lock()
        self._settle_lock = threading.Lock()
        # Asynchronously only: the machines that have nothing to do, and the steps of the others.
        self._pool = ThreadPoolExecutor(len(cluster.replicas))
        self._idle: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(len(cluster.replicas)):
            self._idle.put(slot)
        self._steps: dict[int, Future] = {}
        # Fetches that have nothing to do with the step, by their addresses.
        self._separate: dict[int, Any] = {}
        self._has_ended = False
        self._has_said_why = False

    def _run_fast(self, fetches: Any, feed_dict: Any, options: Any, run_metadata: Any) -> Any:
        try:
            return self._run_on_machines(fetches, feed_dict or {}, options, run_metadata)
        except (*LOST, tf.errors.FailedPreconditionError) as error:
            tasks = self._cluster.variable_tasks
            if tasks == [self._cluster.chief]:  # it cannot lose its own variables
                raise
            held = ", ".join(map(str, tasks))
            raise UserError(
                f"the variables are lost with a machine that held them ({held}). Start all "
                "machines again, the chief with --resume: it continues from the newest checkpoint."
            ) from error

    def _run_on_machines(self, fetches: Any, feeds: Feeds, options: Any, run_metadata: Any) -> Any:
        """Do what `tf.Session.run` does, a training step on all machines.

        Raises:
            UserError: a machine was away for too long.
        """
        step, loss = self._second.original.operation, self._second.original.loss
        wanted = [fetches] if fetches is step else tf.nest.flatten(fetches)
        if not self.is_open or not any(one is step for one in wanted):
            return self._run_here(fetches, feeds, options, run_metadata)
        # What else is fetched gets a run of its own, before the update.
        others = [one for one in wanted if one is not step and one is not loss]
        try:
            first_feeds = self._feeds_of_first_phase(feeds)
            for one in others:
                self._require_separate(one)
        except NotDivisibleError as reason:
            result = self._run_here(fetches, feeds, options, run_metadata)
            if not self._has_said_why:
                self._has_said_why = True
                say(f"The chief computes this training step by itself, since {reason}.")
            return result
        nodes = [self._second.operation]
        if any(one is loss for one in wanted):
            nodes.append(self._second.loss)
        both_phases = partial(
            self._both_phases, first_feeds, others, nodes, feeds, options, run_metadata
        )
        if not self._cluster.asynchronous:
            values = both_phases(0)
        else:
            if others:
                self._settle()
            under_way = self._start(both_phases)
            values = under_way.result() if len(wanted) > 1 else [None]
        results = {id(one): value for one, value in zip(others, values, strict=False)}
        results |= {id(step): None, id(loss): values[-1]}
        return tf.nest.pack_sequence_as(fetches, [results[id(one)] for one in wanted])

    def _run_here(
        self, fetches: Any, feeds: Feeds, options: Any = None, run_metadata: Any = None
    ) -> Any:
        """Do what `tf.Session.run` does, on the tasks that hold the variables."""
        self._settle()
        return super()._run_fast(fetches, feeds, options, run_metadata)

    def _feeds_of_first_phase(self, feeds: Feeds) -> dict[tf.Tensor, Any]:
        """Return the feeds of a training step as the first phase takes them.

        Raises:
            NotDivisibleError: with these feeds the two phases might not do what the script's own
                step does.
        """
        given = {}
        for key, value in feeds.items():
            try:
                tensor = self.graph.as_graph_element(key, allow_operation=False)
            except (KeyError, TypeError, ValueError) as error:
                raise NotDivisibleError(f"{key} is fed, which is not a tensor") from error
            if tensor.op in self._second.replaced:
                raise NotDivisibleError(f"{tensor.name} is fed, which is not a placeholder")
            if tensor.name in self._first.feeds:
                given[tensor.name] = value
        counts = {_num_rows(given.get(name)) for name in self._first.with_rows}
        if len(counts) != 1 or None in counts:
            raise NotDivisibleError("the placeholders are not fed with equally many rows")
        return {self._first.feeds[name]: value for name, value in given.items()}

    def _require_separate(self, fetch: Any) -> None:
        """Require that what is fetched with a training step can be computed in a run before it.

        Raises:
            NotDivisibleError: it does a part of what the training step does.
        """
        if id(fetch) in self._separate:
            return
        try:
            node = self.graph.as_graph_element(fetch)
        except (KeyError, TypeError, ValueError) as error:
            raise NotDivisibleError(f"{fetch} is fetched, which is not a tensor") from error
        if not self._second.changing.isdisjoint(ancestors(node)):
            raise NotDivisibleError(f"{node.name}, which is fetched, depends on a part of it")
        self._separate[id(fetch)] = fetch

    def _both_phases(
        self,
        first_feeds: dict[tf.Tensor, Any],
        others: list,
        nodes: list,
        feeds: Feeds,
        options: Any,
        run_metadata: Any,
        slot: int,
    ) -> list:
        """Take a training step with the means in this slot.

        Returns:
            the values of `others` from before the update, then those of `nodes`, which belong to
            the second phase.
        """
        self._machines.run(self._first.stores[slot], first_feeds)
        slot_feed = {self._second.slot: np.asarray(slot, np.int32)}
        with self._update_lock:
            before = super()._run_fast(others, feeds, None, None) if others else []
            return before + super()._run_fast(nodes, feeds | slot_feed, options, run_metadata)

    def _start(self, both_phases: Any) -> Future:
        """Have the next idle machine take a step.

        Raises:
            the error of its last step, if that failed.
        """
        slot = self._idle.get()
        last = self._steps.pop(slot, None)
        if last is not None and last.exception() is not None:
            self._idle.put(slot)
            raise last.exception()
        step = self._steps[slot] = self._pool.submit(both_phases, slot)
        step.add_done_callback(lambda _: self._idle.put(slot))
        return step

    def _settle(self) -> None:
        """Wait for the steps that are under way; several threads may call this."""
        with self._settle_lock:
            while self._steps:
                self._steps.popitem()[1].result()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the session at the end of a `with` block; tell the other machines why."""
        try:
            self._end(error)
        finally:
            super().__exit__(kind, error, trace)

    def close(self) -> None:
        """Free what the session holds; tell the other machines that training has ended."""
        try:
            self._end(None)
        finally:
            self._pool.shutdown(wait=False)
            super().close()

    def _end(self, error: BaseException | None) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        try:
            if error is None:
                self.run([])  # wait for the steps that are under way
        except BaseException as failed:
            error = failed
            raise
        finally:
            tell_end(self._cluster, self._target, error)


def _description(cluster: Cluster) -> str:
    count = len(cluster.replicas)
    machines = f"Training step: on {count} machine{'s' * (count != 1)}"
    if cluster.asynchronous:
        return f"{machines}, asynchronously, each with its own mini-batches"
    return f"{machines}, synchronously, each with its part of the mini-batch"


def _num_rows(value: Any) -> int | None:
    """Return how many rows a value to feed has; None where it is not certain."""
    if isinstance(value, np.ndarray) and value.ndim:
        return len(value)
    return len(value) if isinstance(value, (list, tuple)) else None
