"""A cluster whose machines are one server in this process: quick, and with nothing to wait for."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from common.data import load_data
from common.networks import Net
from common.parallel.cluster import opening
from common.parallel.cluster import session as cluster_session
from common.parallel.cluster.config import Cluster, Task

import numpy as np
import tensorflow.compat.v1 as tf


class Used(NamedTuple):
    server: tf.train.Server
    cluster: Cluster
    ends: list[Any]  # with which errors the other machines were told that training has ended


def use_cluster(monkeypatch, machines=3, ps=0, asynchronous=False) -> Used:
    """Let sessions be those of a cluster, all tasks of which are one server."""
    server = tf.train.Server.create_local_server()
    address, ends = server.target.removeprefix("grpc://"), []
    tasks = [Task("localhost", 0, f"{address}/{number}") for number in range(machines)]
    cluster = Cluster(tuple(tasks), tasks[0], asynchronous=asynchronous)
    monkeypatch.setenv("TF_CONFIG", "{}")
    monkeypatch.setattr(opening, "read_cluster", lambda: cluster)
    monkeypatch.setattr(opening, "start_server", lambda cluster: server)
    monkeypatch.setattr(opening, "wait_for", lambda tasks, seconds: False)
    for module in (opening, cluster_session):
        monkeypatch.setattr(module, "tell_end", lambda cluster, target, e: ends.append(e))
    return Used(server, cluster, ends)


def build(script, flags, folder, data=None):
    settings = script.read_settings([*flags, "--output-dir", str(folder)])
    return script.build_graph(settings, data or load_data(train_size=1_000)), settings


def feeds(net: Net, data, rows: Sequence[int]):
    images, labels = data.train.take(np.asarray(rows))
    found = {net.x: images, net.y_true: labels}
    return found if net.is_training is None else found | {net.is_training: True}


def variables_of(session):
    """Return the values of all variables, by their names."""
    variables = session.graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)
    return {variable.op.name: session.run(variable.value()) for variable in variables}


def assert_same_values(found, expected, atol=1e-5):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=atol, err_msg=name)
