"""Opening a session: on this machine or on a cluster, with the fastest step that is the same."""

from __future__ import annotations

import os
from argparse import Namespace

from common.networks import Net
from common.objective import STEPS
from common.parallel.fast_session import FastSession
from common.parallel.halves import FasterStep, recompute, require_gain
from common.parallel.rows import NotDivisibleError
from common.process.machine import has_bfloat16, num_cores

import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import rewriter_config_pb2

STEP = "Training step:"


def open_session(net: Net, settings: Namespace) -> FastSession:
    """Open a session on the net's graph; its `step_description` says how a step is computed.

    Where TF_CONFIG names a cluster, the session is that of the whole cluster, and on a machine that
    is not the chief this function works for the chief and does not return.

    Args:
        net: `graph` and `train_step`.
        settings: `batch_size`, `divide_steps` and `bfloat16`.

    Raises:
        UserError: the cluster does not come together.
        SystemExit: training has ended, on a machine that is not the chief.
    """
    config = new_config(settings)
    if os.environ.get("TF_CONFIG", "").strip():
        from common.parallel.cluster import open_cluster_session

        session = open_cluster_session(net, settings, config)
        if session:
            return session
    faster, description = _faster_step(net, settings)
    session = FastSession("", net.graph, config, faster)
    session.step_description = description
    return session


def new_config(settings: Namespace) -> tf.ConfigProto:
    """Return the configuration of a session."""
    config = tf.ConfigProto(allow_soft_placement=True)  # tf.device("/gpu:0") without a GPU
    config.gpu_options.allow_growth = True  # leave the rest of a GPU's memory to others
    # The threads that operations are spread over. Each half has a thread of its own besides, and
    # so has the thread that calls: with one more on two cores, each half computes by itself.
    config.intra_op_parallelism_threads = max(1, num_cores() - 1)
    if settings.bfloat16:
        # Weights and sums stay float32; TensorFlow casts what it multiplies.
        config.graph_options.rewrite_options.auto_mixed_precision_onednn_bfloat16 = (
            rewriter_config_pb2.RewriterConfig.ON
        )
        if not has_bfloat16():
            print("This processor has no bfloat16 arithmetic: --bfloat16 makes it slower.")
    return config


def _faster_step(net: Net, settings: Namespace) -> tuple[FasterStep | None, str]:
    """Return a faster training step, if there is one, and a sentence about the step."""
    if not settings.divide_steps:
        return None, f"{STEP} in one piece, as --no-divide-steps asks for"
    noted = [one for one in net.graph.get_collection(STEPS) if one.operation is net.train_step]
    if not noted:
        reason = "it is not what minimize() of new_optimizer() returned"
        return None, f"{STEP} in one piece, since {reason}"
    if not hasattr(tf.Session, "_make_callable_from_options"):
        return None, f"{STEP} in one piece, since this TensorFlow cannot prepare a call"
    try:
        require_gain(noted[0], settings.batch_size)
        return recompute(noted[0], 2), f"{STEP} in two halves of the mini-batch, one on each core"
    except NotDivisibleError as reason:
        sentence = f"{STEP} in one piece, since {reason}"
    try:
        return recompute(noted[0], 1), f"{sentence}; its product x · W is computed as an einsum"
    except NotDivisibleError:
        return None, sentence
