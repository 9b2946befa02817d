"""One training step on several machines: each computes its part, the sum changes the weights.

The script builds its graph as ever, and on one machine that is all. In a cluster (cluster.py) a
step has two phases, which are two graphs:

    1  gradients   A second graph holds a copy of the forward and backward computation for each
                   machine, placed there. Copy i gets slice i of the mini-batch. The mean of what
                   the copies compute, weighted by the sizes of their slices, is stored beside the
                   weights: it is what one machine would have computed from the whole mini-batch.
    2  update      The script's own graph: gradients are read where they are stored, and everything
                   else is as on one machine: clipping, the optimizer, moving averages.

When a machine fails, the first phase may have happened in part; it is then computed again, which
does no harm. The second phase does not need the workers. So no update is lost or made twice.
"""

from __future__ import annotations

import queue
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

from common import UserError
from common.parallel.cluster.config import (
    FINISHED,
    Cluster,
    Task,
    end_queue,
    is_reachable,
    read_cluster,
    say,
    start_server,
    wait_for,
)
from common.parallel.copies import (
    copy_nodes,
    draw_again,
    has_rows,
    is_noise,
    is_weights,
    nodes_between,
    rows_of_part,
)
from common.run.files import reason_of

import tensorflow.compat.v1 as tf

Feeds = dict[tf.Tensor, Any]
STORED = "stored"
SLOT = "slot"
# How TensorFlow reports that another process has gone, has been replaced, or does not answer.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.DeadlineExceededError,
    tf.errors.CancelledError,
)


class Stored(NamedTuple):
    """A number that depends on the mini-batch, and where its mean over the machines is kept."""

    source: tf.Tensor
    slots: tf.Variable  # [slots, *shape of source]


# While the script builds its graph.


def mean_over_machines(
    loss: tf.Tensor, gradients: Sequence[tf.Tensor | None], variables: Sequence[tf.Variable]
) -> tuple[tf.Tensor, Sequence[tf.Tensor | None]]:
    """Return loss and gradients as the update should see them; on one machine, as they are.

    In a cluster these are what the first phase of the step has stored. The same is done to the
    graph's UPDATE_OPS, by which batch normalisation's averages follow the mini-batches. And the
    variables made so far are given to the parameter servers, where there are any.

    Args:
        loss: float32 scalar, the mean over the mini-batch.
        gradients: one for each variable, float32, or None.
        variables: what is trained.
    """
    cluster = read_cluster()
    if cluster is None or cluster.me != cluster.chief:
        return loss, gradients
    spread_variables(tf.global_variables(), cluster.holders)
    with tf.name_scope("cluster"):
        # In step: one slot. Asynchronously: one for each machine.
        num_slots = len(cluster.replicas) if cluster.asynchronous else 1
        slot = tf.placeholder_with_default(0, [], name="slot")
        tf.add_to_collection(SLOT, slot)
        updates = tf.get_collection_ref(tf.GraphKeys.UPDATE_OPS)
        for place, update in enumerate(updates):
            handle, change = update.op.inputs  # of an AssignSubVariableOp
            mean = _store(change, handle.device, num_slots, slot)
            updates[place] = tf.raw_ops.AssignSubVariableOp(resource=handle, value=mean)
        stored_gradients = [
            None if gradient is None else _store(gradient, variable.device, num_slots, slot)
            for gradient, variable in zip(gradients, variables, strict=True)
        ]
        return _store(loss, cluster.holders[0].device, num_slots, slot), stored_gradients


def spread_variables(variables: Sequence[tf.Variable], holders: Sequence[Task]) -> None:
    """Place each variable on the machine that has the fewest numbers so far, the largest first.

    What comes later, such as an optimizer's averages, is placed beside its variable by TensorFlow.
    """
    load = dict.fromkeys((task.device for task in holders), 0)
    for variable in sorted(variables, key=lambda v: -v.shape.num_elements()):
        device = min(load, key=load.get)
        load[device] += variable.shape.num_elements()
        # `tf.device` would have to stand around the script's own lines.
        variable.handle.op._set_device(device)


def _store(source: tf.Tensor, device: str, num_slots: int, slot: tf.Tensor) -> tf.Tensor:
    """Make room for a tensor's means, note it, and return the mean in the chosen slot."""
    with tf.device(device):
        slots = tf.Variable(
            tf.zeros([num_slots, *source.shape.as_list()], source.dtype),
            trainable=False,
            # Not a part of the run's state: a checkpoint does without it, so that the run can go
            # on with another number of machines.
            collections=[tf.GraphKeys.LOCAL_VARIABLES],
            name="slots",
        )
        tf.add_to_collection(STORED, Stored(source, slots))
        return tf.gather(slots, slot)


# When the first step is taken: the graph of the first phase.


class Copies(NamedTuple):
    """The graph in which every machine computes its part."""

    graph: tf.Graph
    feeds: dict[tf.Tensor, tf.Tensor]  # a placeholder for everything that the script feeds
    stores: list[tf.Operation]  # run number s to fill slot s


def new_copies(cluster: Cluster, stored: Sequence[Stored], fed: Sequence[tf.Tensor]) -> Copies:
    """Build the graph of the first phase.

    A copy is the script's own computation from what depends on the machine up to loss and
    gradients. Four things depend on the machine: what is fed, the weights, which come from where
    they are kept, the random numbers, and the device.

    Args:
        cluster: the machines.
        stored: what each copy computes.
        fed: what the script feeds. Of a tensor with an unknown first dimension each machine gets
            its rows, the others it gets whole.
    """
    nodes = nodes_between(fed, [one.source for one in stored])
    with tf.Graph().as_default() as graph:
        with tf.device(cluster.chief.device):
            feeds = {tensor: tf.placeholder(tensor.dtype, tensor.shape) for tensor in fed}
            num_rows = next(tf.shape(feed)[0] for feed in feeds.values() if has_rows(feed))
            weights = _weights(nodes)
        outputs = []  # for each machine a list like `stored`
        for number, task in enumerate(cluster.replicas):
            rows, share = slice(0, num_rows), tf.constant(1.0)
            if not cluster.asynchronous:
                rows, share = rows_of_part(num_rows, number, len(cluster.replicas))
            with tf.device(cluster.chief.device):  # here, so that no other rows are sent
                inputs = {t.name: f[rows] if has_rows(t) else f for t, f in feeds.items()}
            with tf.device(task.device):
                inputs |= weights
                inputs |= _noise(nodes, inputs, num_rows, rows)
                wanted = [one.source for one in stored]
                copies = copy_nodes(nodes, inputs, wanted, name=f"{task.job}{task.index}")
                outputs.append([share * copy for copy in copies])
        if not cluster.asynchronous:
            outputs = [_sums(outputs, stored)]
        return Copies(graph, feeds, [_new_store(stored, *one) for one in enumerate(outputs)])


def _weights(nodes: Sequence[tf.Operation]) -> dict[str, tf.Tensor]:
    """Read every variable once, where it is kept; name the values as the script's graph does."""
    values: dict[tf.Operation, tf.Tensor] = {}
    for op in nodes:
        if is_weights(op) and op.inputs[0].op not in values:
            handle = _same_variable(op.inputs[0].op)
            with tf.device(op.inputs[0].device):
                value = tf.raw_ops.ReadVariableOp(resource=handle, dtype=op.get_attr("dtype"))
            values[op.inputs[0].op] = value
    return {op.outputs[0].name: values[op.inputs[0].op] for op in nodes if is_weights(op)}


def _same_variable(op: tf.Operation) -> tf.Tensor:
    """Return a handle, in the default graph, of the variable that a handle of another names.

    A variable belongs to the machine that keeps it, and not to a graph or session.
    """
    with tf.device(op.device):
        return tf.raw_ops.VarHandleOp(
            dtype=op.get_attr("dtype"),
            shape=op.get_attr("shape"),
            shared_name=op.get_attr("shared_name").decode() or op.name,
        )


def _noise(
    nodes: Sequence[tf.Operation], inputs: dict[str, tf.Tensor], num_rows: tf.Tensor, rows: slice
) -> dict[str, tf.Tensor]:
    """Draw the random numbers of the whole mini-batch, as one machine would; return these rows."""
    noise: dict[str, tf.Tensor] = {}
    for op in filter(is_noise, nodes):
        _, *seed = op.inputs
        here = copy_nodes(nodes_between([], seed), inputs, seed, name="seed")
        drawn = draw_again(op, num_rows, here)
        noise[op.outputs[0].name] = drawn[rows]
    return noise


def _sums(outputs: list[list[tf.Tensor]], stored: Sequence[Stored]) -> list[tf.Tensor]:
    """Add what the machines have computed, each number where it will be stored."""
    sums = []
    for one, *parts in zip(stored, *outputs, strict=True):
        with tf.device(one.slots.device):
            sums.append(tf.add_n(parts))
    return sums


def _new_store(stored: Sequence[Stored], slot: int, values: list[tf.Tensor]) -> tf.Operation:
    """Return the operation that writes values into one slot."""
    writes = []
    for one, value in zip(stored, values, strict=True):
        with tf.device(one.slots.device):
            writes.append(
                tf.raw_ops.ResourceScatterUpdate(
                    resource=_same_variable(one.slots.handle.op),
                    indices=[slot],
                    updates=value[tf.newaxis],
                )
            )
    return tf.group(*writes)


# While the script trains.


class Machines:
    """The cluster as the chief's session sees it.

    Args:
        cluster: what TF_CONFIG says.
        net: what `build_graph` returned.

    Attributes:
        target: what a session must connect to.
        config: how, so that it has to do only with the machines that keep the weights.

    Raises:
        UserError: this machine's server cannot start.
    """

    def __init__(self, cluster: Cluster, net: Namespace) -> None:
        self._cluster = cluster
        self._train_step = net.train_step
        self._stored = net.graph.get_collection(STORED)
        self.target = start_server(cluster).target
        self.config = tf.ConfigProto(device_filters=_devices([cluster.chief, *cluster.holders]))
        (self._slot,) = net.graph.get_collection(SLOT)
        self._copies: Copies | None = None
        self._session: tf.Session | None = None
        self._session_lock = threading.Lock()
        self._update_lock = threading.Lock()
        self._settle_lock = threading.Lock()
        # Asynchronously only: the machines that have nothing to do, and what the others do.
        self._pool = ThreadPoolExecutor(len(cluster.replicas))
        self._idle: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(len(cluster.replicas)):
            self._idle.put(slot)
        self._steps: dict[int, Future] = {}

    def gather(self, session: tf.Session) -> None:
        """Wait for the other machines, and make room for what they will store.

        Raises:
            UserError: a machine did not come in time.
        """
        say(str(self._cluster))
        try:
            wait_for(self._cluster.others, self._cluster.wait)
        except UserError as error:
            self.dismiss(error)
            raise
        with session.graph.as_default():
            session.run(tf.local_variables_initializer())

    def run(self, fetches: Any, feed_dict: Feeds, run_here: Callable[[Feeds], Any]) -> Any:
        """Run what a session is asked to run, a training step on all machines.

        Asynchronously a step is handed to the next machine that is idle, and this returns at once;
        what is not a training step waits for all of them, so that the weights stand still.

        Args:
            fetches: what is wanted.
            feed_dict: the mini-batch.
            run_here: runs the fetches with these feeds where the weights are.

        Raises:
            UserError: a machine was away for too long.
        """
        alone = fetches is self._train_step
        among = isinstance(fetches, (list, tuple)) and any(f is self._train_step for f in fetches)
        if not alone and not among:
            self._settle()
            return run_here(feed_dict)
        if not self._cluster.asynchronous:
            return self._step(0, feed_dict, run_here)
        slot = self._idle.get()
        if slot in self._steps:
            self._steps.pop(slot).result()  # raises what stopped it
        step = self._steps[slot] = self._pool.submit(self._step, slot, feed_dict, run_here)
        step.add_done_callback(lambda _: self._idle.put(slot))
        return step.result() if among else None

    def _settle(self) -> None:
        """Wait for the steps under way; two threads may, since an evaluation has two."""
        with self._settle_lock:
            while self._steps:
                self._steps.popitem()[1].result()

    def dismiss(self, error: BaseException | None) -> None:
        """Tell the other machines that training has ended, and whether by an error.

        After Ctrl-C and SIGTERM they are told nothing: they wait for a chief that resumes.
        """
        if isinstance(error, KeyboardInterrupt) or getattr(error, "exit_status", 0) >= 128:
            return
        reason = FINISHED if error is None else str(error) or type(error).__name__
        present = [task for task in self._cluster.others if is_reachable(task)]
        if not present:
            return
        with tf.Graph().as_default() as graph:
            ends = []
            for task in present:
                with tf.device(task.device):
                    ends.append(end_queue().enqueue(reason))
        config = tf.ConfigProto(
            device_filters=_devices([self._cluster.me, *present]),
            operation_timeout_in_ms=10_000,
        )
        with suppress(tf.errors.OpError), tf.Session(self.target, graph, config) as session:
            session.run(ends)

    def explain(self, error: tf.errors.OpError) -> Exception:
        """Return what to raise for an error of the second phase, or of an evaluation."""
        if not isinstance(error, (*LOST, tf.errors.FailedPreconditionError)):
            return error
        holders = ", ".join(map(str, self._cluster.holders))
        return UserError(
            f"the weights are lost with the machine that kept them ({holders}). Start all "
            "machines again, the chief with --resume: it goes on from the newest checkpoint."
        )

    def _step(self, slot: int, feed_dict: Feeds, run_here: Callable[[Feeds], Any]) -> Any:
        """Make both phases of a step, and return what was fetched."""
        self._store_gradients(slot, feed_dict)
        with self._update_lock:
            return run_here(feed_dict | {self._slot: slot})

    def _store_gradients(self, slot: int, feed_dict: Feeds) -> None:
        """Make the first phase of a step, as often as it takes."""
        deadline = 0.0
        while True:
            copies, session = self._connected(list(feed_dict))
            feeds = {copies.feeds[tensor]: value for tensor, value in feed_dict.items()}
            try:
                session.run(copies.stores[slot], feeds)
                return
            except LOST as error:
                somebody_was_away = self._reconnect(session)
                if somebody_was_away or not deadline:
                    deadline = time.monotonic() + self._cluster.wait
                elif time.monotonic() > deadline:
                    raise UserError(
                        f"the machines do not work together: {reason_of(error)}. See that all of "
                        "them were started with the same command and the same TF_CONFIG."
                    ) from error

    def _connected(self, fed: list[tf.Tensor]) -> tuple[Copies, tf.Session]:
        with self._session_lock:
            if self._copies is None:
                self._copies = new_copies(self._cluster, self._stored, fed)
            if self._session is None:
                config = tf.ConfigProto(
                    operation_timeout_in_ms=int(1000 * self._cluster.wait),
                    graph_options=self.config.graph_options,
                )
                self._session = tf.Session(self.target, self._copies.graph, config)
            return self._copies, self._session

    def _reconnect(self, failed: tf.Session) -> bool:
        """Wait until all machines are there, and forget the session that lost one of them.

        Returns:
            whether any was away.
        """
        with self._session_lock:
            if self._session is not failed:  # another thread was faster
                return True
            self._session = None
            return wait_for(self._cluster.others, self._cluster.wait)


def _devices(tasks: Sequence[Task]) -> list[str]:
    return list(dict.fromkeys(task.device for task in tasks))
