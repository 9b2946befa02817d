"""A `tf.Session` whose `run` costs little, and which runs a divided step in place of another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from common.parallel.halves import FasterStep

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import config_pb2
from tqdm import tqdm

PLACEHOLDERS = {"Placeholder", "PlaceholderWithDefault"}
FETCHED_WITH = "as it is written where other nodes than the loss are fetched with it"
MAX_SHAPES = 64  # noted for each fed tensor
BOOLEANS = {value: np.asarray(value) for value in (True, False)}


class PreparedCall(NamedTuple):
    """A combination of fetches and feeds, as TensorFlow can repeat it."""

    call: Callable[..., list[np.ndarray]]
    tensors: list[tf.Tensor]  # what is fed
    dtypes: list[np.dtype]
    shapes: list[set[tuple[int, ...]]]  # of values that were fed before, and may be fed
    places: list[int | None]  # for each fetch, which result it is; None for an operation
    nodes: tuple  # what is fetched and fed; kept, so that nothing else gets its address
    rows: list[int]  # of a faster step: which of the feeds must have equally many rows
    noted: set[str]  # of the session: of which feeds a line has said that fractions are cut off
    ranges: dict[Any, tuple[float, float]]  # smallest and largest value of what was fed first


class FastSession(tf.Session):
    """A `tf.Session` that prepares each combination of fetches and feeds once.

    A plain `run` spends more time on looking up what is fetched and fed than softmax regression
    spends on a whole training step. TensorFlow can prepare a call once and repeat it
    (`_make_callable_from_options`, which its own Keras backend used). `run` does so for fetches and
    feeds in their common forms. For everything else, and for every error, it is `tf.Session.run`.

    Args:
        target, graph, config: those of `tf.Session`.
        faster: a step that is run where the step whose place it takes is fetched, alone or with its
            loss. With other fetches the original step runs, which computes them as well.

    Attributes:
        step_description: how the training step is computed, as a sentence.
        translate_error: what to raise in place of an error of TensorFlow's.
        at_close: called in this order when the session is closed.
        is_open: whether it can be used.
        state: free for use by the code that opened the session.
    """

    def __init__(
        self,
        target: str,
        graph: tf.Graph,
        config: tf.ConfigProto,
        faster: FasterStep | None = None,
    ) -> None:
        super().__init__(target, graph, config)
        self.step_description = ""
        self.translate_error: Callable[[tf.errors.OpError], Exception] = lambda error: error
        self.at_close: list[Callable[[], None]] = []
        self.state: Any = None
        self._faster = faster
        self._calls: dict[tuple, PreparedCall | None] = {}
        self._noted: set[str] = set()
        self._lock = threading.Lock()
        self.is_open = True

    def run(
        self,
        fetches: Any,
        feed_dict: dict[tf.Tensor, Any] | None = None,
        options: Any = None,
        run_metadata: Any = None,
    ) -> Any:
        """Do what `tf.Session.run` does; several threads may call it.

        Raises:
            whatever `translate_error` makes of an error of TensorFlow's.
        """
        try:
            return self._run_fast(fetches, feed_dict, options, run_metadata)
        except tf.errors.OpError as error:
            raised = self.translate_error(error)
            if raised is error:
                raise
            raise raised from error

    def _run_fast(self, fetches: Any, feed_dict: Any, options: Any, run_metadata: Any) -> Any:
        feeds = feed_dict or {}
        kind = type(fetches)
        single = kind is not list and kind is not tuple
        wanted = (fetches,) if single else tuple(fetches)
        if options is None and run_metadata is None and self.is_open and type(feeds) is dict:
            # By their addresses: TensorFlow takes microseconds to hash or compare a tensor.
            key = (*map(id, wanted), None, *map(id, feeds))
            call = self._calls[key] if key in self._calls else self._prepare(key, wanted, feeds)
            values = call and _values_to_feed(call, feeds)
            if values is not None:
                found = call.call(*values)
                results = [None if place is None else _own(found[place]) for place in call.places]
                return results[0] if single else kind(results)
        return super().run(self._readable(fetches), feed_dict, options, run_metadata)

    def _readable(self, fetches: Any) -> Any:
        """Return fetches with variables in place of their names: `session.run("W:0")`.

        The tensor of that name is the variable's value in TensorFlow 1. Today it is a handle, of
        which nobody can read anything.
        """
        collection = self.graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)
        variables = {v.handle.name: v for v in collection if hasattr(v, "handle")}

        def readable(fetch: Any) -> Any:
            name = fetch if isinstance(fetch, str) else getattr(fetch, "name", None)
            is_handle = isinstance(fetch, str) or getattr(fetch, "dtype", None) == tf.resource
            return variables.get(name, fetch) if is_handle else fetch

        return tf.nest.map_structure(readable, fetches)

    def _prepare(
        self, key: tuple, wanted: tuple, feeds: dict[tf.Tensor, Any]
    ) -> PreparedCall | None:
        """Prepare a call; None for what these calls cannot do."""
        make_callable = getattr(self, "_make_callable_from_options", None)
        if not make_callable or not wanted or not self._are_ordinary(wanted, feeds):
            return None
        with self._lock:  # two threads of an evaluation begin with the same call
            if key in self._calls:
                return self._calls[key]
            faster = self._faster_nodes(wanted, feeds)
            nodes_to_run = faster or wanted
            options = config_pb2.CallableOptions()
            options.feed.extend(tensor.name for tensor in feeds)
            tensors = [node for node in nodes_to_run if isinstance(node, tf.Tensor)]
            options.fetch.extend(tensor.name for tensor in tensors)
            options.target.extend(n.name for n in nodes_to_run if isinstance(n, tf.Operation))
            # Run the operations in this thread: to pass each of them to another one takes longer
            # than the operation. A step in two halves needs a second thread.
            in_halves = faster is not None and self._faster.num_parts > 1
            options.run_options.inter_op_thread_pool = 0 if in_halves else -1
            place = iter(range(len(tensors)))
            names = {t.name for t in self._faster.placeholders} if faster else set()
            call = make_callable(options)
            # So that errors name the line of the script, as those of `tf.Session.run` do.
            explain = getattr(self, "_do_call", None)
            self._calls[key] = PreparedCall(
                partial(explain, call) if explain else call,
                list(feeds),
                [tensor.dtype.as_numpy_dtype for tensor in feeds],
                [set() for _ in feeds],
                [next(place) if isinstance(node, tf.Tensor) else None for node in wanted],
                (*wanted, *feeds),
                [number for number, tensor in enumerate(feeds) if tensor.name in names],
                self._noted,
                {},
            )
            return self._calls[key]

    def _are_ordinary(self, wanted: tuple, feeds: dict[tf.Tensor, Any]) -> bool:
        """Say whether all are nodes of this graph, fetched and fed as its operations allow."""
        nodes = (*wanted, *feeds)
        return (
            all(isinstance(node, (tf.Tensor, tf.Operation)) for node in nodes)
            and not any(getattr(node, "dtype", None) == tf.resource for node in wanted)
            and all(node.graph is self.graph for node in nodes)
            and all(map(self.graph.is_fetchable, wanted))
            and all(map(self.graph.is_feedable, feeds))
            and {id(node) for node in wanted}.isdisjoint(map(id, feeds))
        )

    def _faster_nodes(self, wanted: tuple, feeds: dict[tf.Tensor, Any]) -> tuple | None:
        """Return what to run in place of `wanted` where the faster step can take its place."""
        if self._faster is None:
            return None
        original = self._faster.original
        swapped = {
            id(original.operation): self._faster.operation,
            id(original.loss): self._faster.loss,
        }
        if not any(node is original.operation for node in wanted):
            return None
        if not all(id(node) in swapped for node in wanted):
            if FETCHED_WITH not in self.step_description:
                self.step_description += f"; {FETCHED_WITH}"
                tqdm.write(f"The training step is computed {FETCHED_WITH}.")
            return None
        # What is fed in the middle of the original step would be computed in the faster one.
        if any(tensor.op.type not in PLACEHOLDERS for tensor in feeds):
            return None
        return tuple(swapped[id(node)] for node in wanted)

    def first_call(self, fetched: tf.Operation) -> PreparedCall | None:
        """Return the first call that fetched an operation; None if none was prepared."""
        calls = filter(None, self._calls.values())
        return next((c for c in calls if any(node is fetched for node in c.nodes)), None)

    def close(self) -> None:
        """Free what the session holds, as `tf.Session.close` does."""
        self.is_open = False
        super().close()
        self._calls.clear()
        while self.at_close:
            self.at_close.pop(0)()


def _own(value: Any) -> Any:
    """Return an array with memory of its own: TensorFlow may pass that of a variable."""
    if isinstance(value, np.ndarray) and not value.flags.owndata:
        return value.copy()
    return value


def _values_to_feed(call: PreparedCall, feeds: dict[tf.Tensor, Any]) -> list[np.ndarray] | None:
    """Return the arrays to feed; None where only `tf.Session.run` knows what to do with them."""
    values = []
    for number, value in enumerate(feeds.values()):
        if type(value) is bool and call.dtypes[number] is np.bool_:
            value = BOOLEANS[value]
        elif type(value) is not np.ndarray:
            return None
        shapes = call.shapes[number]
        if value.shape not in shapes:
            if not call.tensors[number].shape.is_compatible_with(value.shape):
                return None
            if value.ndim and not len(value):
                tqdm.write(
                    f"An empty array of shape {value.shape} is fed for "
                    f"{call.tensors[number].name}: a mean over no examples is NaN."
                )
            if not shapes and value.size and value.dtype.kind in "fiu":
                call.ranges[call.tensors[number].ref()] = (float(value.min()), float(value.max()))
            if len(shapes) < MAX_SHAPES:
                shapes.add(value.shape)
        if value.dtype.kind == "f":
            _note_fractions(call, call.tensors[number], value)
        values.append(np.asarray(value, call.dtypes[number]))
    if len({values[number].shape[0] for number in call.rows}) > 1:
        return None  # TensorFlow may broadcast a single row
    return values


def _note_fractions(call: PreparedCall, tensor: tf.Tensor, value: np.ndarray) -> None:
    """Say it once where fractions are fed for whole numbers: TensorFlow cuts them off silently."""
    if tensor.dtype.is_integer and tensor.name not in call.noted and (value % 1).any():
        call.noted.add(tensor.name)
        tqdm.write(
            f"{tensor.name} takes whole numbers ({tensor.dtype.name}), so the fractions that are "
            "fed are cut off: feed pixels from 0 to 255, and divide them in the graph."
        )
