"""TensorFlow's server for this process, at its own address only."""

from __future__ import annotations

import ipaddress
import socket
import sys
from contextlib import suppress
from functools import cache

from common import UserError
from common.parallel.cluster.config import Cluster, Task, host_and_port
from common.parallel.cluster.socket_filter import accept_only

import tensorflow.compat.v1 as tf


@cache  # TensorFlow cannot stop a server: a second run in this process uses it again
def start_server(cluster: Cluster) -> tf.train.Server:
    """Start TensorFlow's gRPC server for this process.

    It accepts connections at this task's address and at no other address of the machine.

    Args:
        cluster: all tasks, and which of them this process is.

    Returns:
        the server; a session connects to its `target`.

    Raises:
        UserError: the address does not belong to this machine, its port is taken, or the system is
            not Linux.
    """
    if not sys.platform.startswith("linux"):
        raise UserError(
            "training on several machines needs Linux: on other systems TensorFlow's server would "
            "accept connections at every address of this machine. Unset TF_CONFIG to train on "
            "this machine alone."
        )
    addresses = own_addresses(cluster.me)
    specification: dict[str, list[str]] = {}
    for task in cluster.tasks:
        specification.setdefault(task.job, []).append(task.address)
    config = tf.ConfigProto()
    config.gpu_options.allow_growth = True  # leave the rest of a GPU's memory to others
    server = tf.train.Server(
        tf.train.ClusterSpec(specification),
        job_name=cluster.me.job,
        task_index=cluster.me.index,
        config=config,
        start=False,
    )
    # The port is open, at all addresses of the machine.
    try:
        accept_only(int(host_and_port(cluster.me.address)[1]), addresses)
    except OSError as error:
        raise UserError(
            f"the address {cluster.me.address} cannot be served alone ({error.strerror}): training "
            "on several machines needs Linux with /proc and socket filters. Unset TF_CONFIG to "
            "train on this machine alone."
        ) from error
    server.start()
    return server


def own_addresses(me: Task) -> list[bytes]:
    """Return the packed IP addresses of the task's host name that belong to this machine.

    Args:
        me: the task of this process. Its port must be free.

    Returns:
        one address or more, each of 4 or 16 bytes.

    Raises:
        UserError: there are none, or the port is taken.
    """
    host, port = host_and_port(me.address)
    own: list[bytes] = []
    reason = "no such host"
    with suppress(socket.gaierror):
        for family, _, _, _, (ip, *_rest) in socket.getaddrinfo(
            host, None, type=socket.SOCK_STREAM
        ):
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                # Without this option, the port of a process that was just killed counts as taken.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    if ipaddress.ip_address(ip).is_unspecified:
                        raise OSError(0, "it is not the address of one machine")
                    probe.bind((ip, int(port)))
                    own.append(socket.inet_pton(family, ip))
                except OSError as error:
                    reason = error.strerror
    if not own:
        raise UserError(
            f"TF_CONFIG says that this process is {me}, but that address cannot be used on this "
            f"machine: {reason}. Give the task of this machine, and a port that is free."
        )
    return own
