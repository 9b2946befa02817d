"""How a training step is made fast.

The core uses two functions: `open_session` opens a `tf.Session` on a graph, and `map_batches` is
`map` over mini-batches. With `tf.Session` and `map` in their place the results are the same.

    opening.py       open_session: which session, and how the training step is computed
    fast_session.py  calls that TensorFlow prepares once
    halves.py        a step in two halves of the mini-batch
    rows.py          the proof that it may be divided, with operations.py and shapes.py
    copies.py        subgraph copies for the rows of a part
    batches.py       map_batches
    cluster/         several machines
"""

from common.parallel.batches import map_batches
from common.parallel.opening import open_session

__all__ = ["map_batches", "open_session"]
