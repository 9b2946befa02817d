"""TF_CONFIG and a net → the session of the whole cluster, or work for the chief."""

from __future__ import annotations

from argparse import Namespace

from common import UserError
from common.networks import Net
from common.parallel.cluster.config import read_cluster
from common.parallel.cluster.division import divided_step
from common.parallel.cluster.gradients import new_first_phase
from common.parallel.cluster.placement import place_variables
from common.parallel.cluster.server import start_server
from common.parallel.cluster.session import ClusterSession
from common.parallel.cluster.update import add_update
from common.parallel.cluster.waiting import devices, say, serve, tell_end, wait_for

import tensorflow.compat.v1 as tf


def open_cluster_session(
    net: Net, settings: Namespace, config: tf.ConfigProto
) -> ClusterSession | None:
    """Open a session of the cluster that TF_CONFIG describes, once all machines can be reached.

    Args:
        net: `graph` and `train_step`.
        settings: the run's settings.
        config: the configuration of a session on one machine; it is changed.

    Returns:
        the session, on the chief; None where TF_CONFIG is not set. On another machine this computes
        for the chief and does not return.

    Raises:
        UsageError: TF_CONFIG is wrong.
        UserError: the training step cannot be divided, the server of this process cannot start, or
            another machine cannot be reached.
        SystemExit: training has ended, on a machine that is not the chief.
    """
    cluster = read_cluster()
    if cluster is None:
        return None
    step = divided_step(net)
    if cluster.me != cluster.chief:
        serve(cluster)
    target = start_server(cluster).target
    say(str(cluster))
    try:
        variables, tasks = (
            net.graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES),
            cluster.variable_tasks,
        )
        if not place_variables(variables, tasks):
            tasks = [cluster.chief]
            say("The chief holds all variables: this TensorFlow cannot move them to another task.")
        num_slots = len(cluster.replicas) if cluster.asynchronous else 1
        second = add_update(step, num_slots, tasks[0].device)
        first = new_first_phase(cluster, step, second.stored)
        wait_for(cluster.others, cluster.wait)
    except UserError as error:
        tell_end(cluster, target, error)
        raise
    # The session sees only the tasks that hold variables: it does not fail with a worker.
    config.device_filters.extend(devices([cluster.chief, *tasks]))
    session = ClusterSession(target, config, cluster, first, second)
    session.run([slots.initializer for slots in second.stored])
    return session
