"""The Session: a `tf.Session` whose run() is fast, quiet and repeatable."""

from __future__ import annotations

import threading
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from common import UserError
from common.objective import AVERAGES, DIVERGED
from common.parallel.cluster.config import read_cluster, serve
from common.parallel.cluster.replicas import Machines
from common.parallel.halves import is_in_halves, pool_size
from common.process.machine import has_bfloat16
from common.run.files import lock_folder, require_writable_folder

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2

# Deprecation notes are for programmers, not for the reader of a run.
tf.logging.set_verbosity(tf.logging.ERROR)


class Prepared(NamedTuple):
    """A combination of fetches and feeds, as TensorFlow can repeat it."""

    call: Callable
    dtypes: list[np.dtype]  # of the values to feed
    places: list[int | None]  # for each fetch, which result it is; None for an operation
    nodes: tuple  # what is fetched and fed; kept, so that nothing else gets its address


class FastSession(tf.Session):
    """A `tf.Session` that prepares each pair of fetches and feeds once.

    A plain `run` spends more time on looking up what is fetched and fed than softmax regression
    spends on a whole training step. TensorFlow can prepare a call once and repeat it
    (`_make_callable_from_options`, which its own Keras backend used). `run` keeps one such call for
    each combination that it meets and falls back on the plain one for what these calls cannot do.

    Attributes:
        net: what `build_graph` returned.
        settings: the run's settings.
        folder: the output directory, which no other run may use until this session is closed.
        history: one dict for each line of the learning curve.
        machines: the cluster that TF_CONFIG describes, if it does.
    """

    def __init__(
        self, net: Namespace, settings: Namespace, machines: Machines | None = None
    ) -> None:
        config = machines.config if machines else tf.ConfigProto()
        config.gpu_options.allow_growth = True  # leave the rest of a GPU to others
        config.intra_op_parallelism_threads = pool_size()
        if settings.bfloat16:
            # Weights and sums stay float32; TensorFlow casts what it multiplies.
            config.graph_options.rewrite_options.auto_mixed_precision_onednn_bfloat16 = (
                rewriter_config_pb2.RewriterConfig.ON
            )
            if not has_bfloat16():
                print("This processor has no bfloat16 arithmetic: --bfloat16 makes it slower.")
        super().__init__(machines.target if machines else "", net.graph, config)
        self.machines = machines
        self.net = net
        self.settings = settings
        self.folder = require_writable_folder(settings.output_dir)
        self._lock = lock_folder(self.folder)
        self.history: list[dict[str, float]] = []
        self._swap: tf.Operation | None = None
        self._prepared: dict[tuple, Prepared] = {}
        self._prepare_lock = threading.Lock()

    def run(
        self,
        fetches: Any,
        feed_dict: dict[tf.Tensor, Any] | None = None,
        options: Any = None,
        run_metadata: Any = None,
    ) -> Any:
        """Do what `tf.Session.run` does, faster.

        Args and results are those of `tf.Session.run`; several threads may call it.

        Raises:
            UserError: the loss of a training step is not finite; the step was not taken.
        """
        try:
            if self.machines is None:
                return self._run_prepared(fetches, feed_dict, options, run_metadata)
            return self.machines.run(
                fetches,
                feed_dict or {},
                lambda feeds: self._run_prepared(fetches, feeds, options, run_metadata),
            )
        except tf.errors.OpError as error:
            if DIVERGED in error.message:
                raise self.diverged() from error
            if self.machines is None:
                raise
            raise self.machines.explain(error) from error

    def diverged(self) -> UserError:
        """Return the error for a loss that is NaN or beyond all bounds in the step to come."""
        with self.graph.as_default():
            step = tf.train.get_global_step().value()
        step, rate = self.run([step, "train/learning_rate:0"])
        return UserError(
            f"the loss is no longer a finite number below a million in step {step + 1}, with a "
            f"learning rate of {rate:.3g}: the weights grew without bound. Try a lower "
            "--learning-rate; the checkpoints written so far are intact."
        )

    def _run_prepared(
        self,
        fetches: Any,
        feed_dict: dict[tf.Tensor, Any] | None,
        options: Any,
        run_metadata: Any,
    ) -> Any:
        feeds = feed_dict or {}
        single = not isinstance(fetches, (list, tuple))
        wanted = (fetches,) if single else tuple(fetches)
        # By their addresses: TensorFlow takes microseconds to compare two tensors or to hash one.
        key = (*map(id, wanted), None, *map(id, feeds))
        prepared = self._prepared.get(key)
        if options or run_metadata or not (prepared or self._can_prepare(wanted, feeds)):
            return super().run(fetches, feed_dict, options, run_metadata)
        if not prepared:
            with self._prepare_lock:  # two threads of an evaluation begin with the same call
                if key not in self._prepared:
                    self._prepared[key] = self._prepare(wanted, feeds)
                prepared = self._prepared[key]
        pairs = zip(feeds.values(), prepared.dtypes, strict=True)
        values = prepared.call(*[np.asarray(value, dtype) for value, dtype in pairs])
        results = [None if place is None else values[place] for place in prepared.places]
        return results[0] if single else type(fetches)(results)

    def _can_prepare(self, wanted: tuple, feeds: dict[tf.Tensor, Any]) -> bool:
        if self._closed or not wanted:
            return False
        nodes = all(isinstance(node, (tf.Tensor, tf.Operation)) for node in (*wanted, *feeds))
        return nodes and not any(node in feeds for node in wanted)

    @contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """Inside the block, let the net use the moving averages of its weights, if it has any.

        Weights and averages change places, and change back: training goes on from the weights.
        """
        pairs = self.graph.get_collection(AVERAGES)
        if not pairs:
            yield
            return
        if self._swap is None:
            with self.graph.as_default():
                values = [tf.identity(v.value()) for pair in pairs for v in pair]
                targets = [v for variable, average in pairs for v in (average, variable)]
                with tf.control_dependencies(values):
                    assigns = [tf.assign(t, v) for t, v in zip(targets, values, strict=True)]
                    self._swap = tf.group(*assigns)
        self.run(self._swap)
        try:
            yield
        finally:
            self.run(self._swap)

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        """Close the session at the end of a `with` block, and let the other machines go."""
        if self.machines:
            self.machines.dismiss(error)
        super().__exit__(kind, error, trace)

    def close(self) -> None:
        """Free what the session holds, as `tf.Session.close` does, and the output directory."""
        super().close()
        self._prepared.clear()  # they would not say that the session is closed
        self._lock.close()

    def _prepare(self, wanted: tuple, feeds: dict[tf.Tensor, Any]) -> Prepared:
        options = config_pb2.CallableOptions()
        options.feed.extend(tensor.name for tensor in feeds)
        tensors = [node for node in wanted if isinstance(node, tf.Tensor)]
        options.fetch.extend(tensor.name for tensor in tensors)
        options.target.extend(node.name for node in wanted if isinstance(node, tf.Operation))
        # Run the operations in this thread: handing each of them to another one takes longer than
        # the operation. A step in two halves needs a second thread.
        options.run_options.inter_op_thread_pool = 0 if is_in_halves(self.graph) else -1
        place = iter(range(len(tensors)))
        places = [next(place) if isinstance(node, tf.Tensor) else None for node in wanted]
        dtypes = [tensor.dtype.as_numpy_dtype for tensor in feeds]
        call = self._make_callable_from_options(options)
        return Prepared(call, dtypes, places, (*wanted, *feeds))


def new_session(net: Namespace, settings: Namespace) -> FastSession:
    """Open a session on the net's graph and give every variable its initial value.

    Args:
        net: what `build_graph` returned; `net.graph` is the graph.
        settings: the run's settings, kept as `session.settings`.

    Returns:
        the session, to be used in a `with` statement, which also closes it. In a cluster only the
        chief gets one: the other machines work for it in here, and end when training ends.

    Raises:
        UserError: the output directory cannot be used, or another machine does not come.
        SystemExit: training has ended, on a machine that is not the chief.
    """
    cluster = read_cluster()
    if cluster and cluster.me != cluster.chief:
        serve(cluster)
    with net.graph.as_default():
        initialize = tf.global_variables_initializer()
    session = FastSession(net, settings, Machines(cluster, net) if cluster else None)
    if session.machines:
        session.machines.gather(session)
    session.run(initialize)
    return session
