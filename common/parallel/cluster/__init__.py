"""One training on several machines, which the environment variable TF_CONFIG names.

The same script runs on every machine. The chief opens a session of the whole cluster and trains
with it; on the others, which compute for the chief, opening a session does not return.

    opening.py        open_cluster_session: from TF_CONFIG and a net to that session
    config.py         TF_CONFIG → which processes there are, and which of them this one is
    server.py         TensorFlow's server for this process, at its own address only
    socket_filter.py  the packet filter that sees to this
    waiting.py        waiting for other machines, and computing for the chief
    division.py       may the training step be divided?
    placement.py      variables → the tasks that hold them
    gradients.py      the first phase of a step: every machine computes its part
    update.py         the second phase: the mean changes the variables
    session.py        the session, which runs both phases in place of the training step
    reconnecting.py   the session of the first phase, which continues when a machine comes back

docs/scaling.md describes it for users.
"""

from common.parallel.cluster.opening import open_cluster_session

__all__ = ["open_cluster_session"]
