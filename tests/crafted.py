"""Checkpoints as no run writes them: any text as their state, any number as their step."""

import copy
import json

from common.run.contents import ROW

import tensorflow.compat.v1 as tf

DELETE = object()
BAD = {
    "null": None,
    "true": True,
    "text": "1",
    "list": [],
    "object": {},
    "minus": -1,
    "huge": 2**62,
    "endless": 10**400,
    "large": 1e308,
    "nan": float("nan"),
    "infinity": float("inf"),
    "brackets": json.loads("[" * 200 + "]" * 200),
    "missing": DELETE,
}
TEXTS = {
    "empty": b"",
    "no JSON": b"{'facts': 1}",
    "cut": b'{"facts": {"steps"',
    "{}": b"{}",
    "[]": b"[]",
    "null": b"null",
    "a number": b"1",
    "a text": b'"state"',
    "NaN": b"NaN",
    "no Unicode": b"\xff\xfe\x00",
    "brackets": b"[" * 100_000,
    "objects": b'{"facts":' * 100_000,
    "digits": b"1" * 100_000,
    "escapes": b'"\x1b[31m"',
}


def variations(good, places, legal=()):
    """Yield a name and a text for each copy of `good` with one entry of another kind."""
    for place in places:
        for kind, value in BAD.items():
            if (place, kind) not in legal:
                changed = copy.deepcopy(good)
                *path, last = place
                at = changed
                for name in path:
                    at = at[name]
                if value is not DELETE:
                    at[last] = value
                else:
                    del at[last]
                yield f"{'.'.join(map(str, place))} {kind}", json.dumps(changed).encode()


def crafted_states(good):
    """Yield a name and a text for each state that differs from a good one in one place."""
    yield from TEXTS.items()
    places = [("facts",), ("history",), ("seconds",), ("step",), ("global_step",), ("run",)]
    places += [("facts", "steps"), ("facts", "data"), ("history", 0), ("history", -1)]
    places += [("history", -1, name) for name in ROW]
    yield from variations(good, places, LEGAL)
    for name, change in OTHERS.items():
        changed = copy.deepcopy(good)
        change(changed)
        yield name, json.dumps(changed).encode()


# A state without these was written by an older version; and runs may be counted so far.
LEGAL = {(("run",), "missing"), (("step",), "missing"), (("global_step",), "missing")}
LEGAL |= {(("history", -1, "train_loss"), "minus"), (("history", -1, "validation_loss"), "minus")}
LEGAL.add((("facts", "data"), "text"))


def swap_rows(state):
    state["history"].reverse()


def repeat_a_row(state):
    state["history"].append(state["history"][-1])


def run_backwards(state):
    state["history"][-1]["seconds"] = 0
    state["history"][0]["seconds"] = 1


OTHERS = {
    "rows in another order": swap_rows,
    "a row twice": repeat_a_row,
    "time runs backwards": run_backwards,
    "a history of texts": lambda state: state.update(history=["epoch 1", "epoch 2"]),
    "a history of numbers": lambda state: state.update(history=[1, 2, 3]),
    "no row": lambda state: state.update(history=[]),
    "a step after the last": lambda state: state.update(step=10**6, global_step=10**6),
    "another count": lambda state: state.update(global_step=state["global_step"] + 1),
    "an accuracy of 2": lambda state: state["history"][-1].update(train_accuracy=2),
    "a row of a later step": lambda state: state["history"][-1].update(step=10**6),
    "a loss of a text of NaN": lambda state: state["history"][-1].update(train_loss="NaN"),
    "one more that is a text": lambda state: state["history"][-1].update(rate="fast"),
}


def tensors_of(prefix):
    reader = tf.train.load_checkpoint(str(prefix))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


class Forge:
    """Write copies of a checkpoint with other contents."""

    def __init__(self, prefix):
        self._session = tf.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            variables = {n: tf.Variable(value, name=n) for n, value in tensors_of(prefix).items()}
            self._fed = {}
            for name in ("run_state", "global_step"):
                value = tf.placeholder(variables[name].dtype.base_dtype, [])
                self._fed[name] = value, tf.assign(variables[name], value).op
            self._saver = tf.train.Saver(list(variables.values()), max_to_keep=None)
            self._session.run(tf.global_variables_initializer())

    def write(self, prefix, **contents):
        """Write a checkpoint with this `run_state` and `global_step`."""
        for name, content in contents.items():
            value, assign = self._fed[name]
            self._session.run(assign, {value: content})
        self._saver.save(self._session, str(prefix), write_meta_graph=False, write_state=False)
