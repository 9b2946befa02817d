"""How a training step is made fast.

The core uses three functions: `open_session` opens a `tf.Session` on a graph, and `map_batches` is
`map` over mini-batches; with `tf.Session` and `map` in their place the results are the same.
`ancestors` tells what a node of the graph depends on.

    opening.py       open_session: which session, and how the training step is computed
    fast_session.py  calls that TensorFlow prepares once
    halves.py        a step in two halves of the mini-batch
    rows.py          the proof that it may be divided, with operations.py and shapes.py
    copies.py        subgraph copies for the rows of a part
    walking.py       ancestors
    batches.py       map_batches
    cluster/         several machines
"""

from common.parallel.batches import map_batches
from common.parallel.opening import open_session
from common.parallel.walking import ancestors

__all__ = ["ancestors", "map_batches", "open_session"]
