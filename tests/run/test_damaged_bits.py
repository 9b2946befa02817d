"""Flipped bits and missing ends of a checkpoint: it is read as the whole one, or refused."""

import re

from common import UserError

import numpy as np
import pytest


class Damaged:
    """Restores one checkpoint in a folder of its own after damage; counts what comes of it."""

    def __init__(self, restoring, last, folder):
        self.contents = {p.name: p.read_bytes() for p in last.parent.glob(f"{last.name}.*")}
        self._restoring, self._folder, self.outcomes = restoring, folder, []
        self._whole = self.restored_from(self.contents)

    def restored_from(self, contents):
        """What the session holds, as bytes, after it was restored from these files."""
        for name, content in contents.items():
            (self._folder / name).write_bytes(content)
        session = self._restoring.session
        session.run(self._restoring.initial)
        assert self._restoring(self._folder) == 27
        values = session.run(self._restoring.variables)
        return [np.asarray(value).tobytes() for value in values], session.state.history.copy()

    def attempt(self, part, content):
        """Say whether the damaged checkpoint is refused; otherwise it must be as the whole one."""
        damage = {name: content for name in self.contents if name.endswith(part)}
        try:
            assert self.restored_from(self.contents | damage) == self._whole
            outcome = "the same"
        except UserError as error:
            outcome = re.sub(r"none of the checkpoints in [^\n]*", "refused", str(error))
        assert outcome in ("the same", "refused")
        self.outcomes.append(outcome)
        return outcome == "refused"

    def flip(self, part, bit):
        (content,) = (bytearray(c) for name, c in self.contents.items() if name.endswith(part))
        content[bit // 8] ^= 1 << bit % 8
        return self.attempt(part, content)

    def truncate(self, part, length):
        (content,) = (c for name, c in self.contents.items() if name.endswith(part))
        assert self.attempt(part, content[:length])

    def sizes(self):
        return {name.split(".")[1]: len(content) for name, content in self.contents.items()}


@pytest.fixture
def damaged(restoring, last, tmp_path, capsys):
    return Damaged(restoring, last, tmp_path)


def test_some_flipped_bits_and_truncations_are_refused_or_do_no_harm(damaged):
    index, data = "index", "data-00000-of-00001"
    sizes = damaged.sizes()
    for bit in range(0, 8 * sizes[index], 67):
        damaged.flip(index, bit)
    for bit in range(0, 8 * sizes[data], 8 * sizes[data] // 40):
        damaged.flip(data, bit)
    for part in (index, data):
        for length in range(0, sizes[part], sizes[part] // 10):
            damaged.truncate(part, length)
    assert len(damaged.outcomes) > 100


@pytest.mark.slow
def test_every_flipped_bit_and_truncation_is_refused_or_does_no_harm(damaged):
    index, data = "index", "data-00000-of-00001"
    sizes = damaged.sizes()
    harmless = [bit for bit in range(8 * sizes[index]) if not damaged.flip(index, bit)]
    for bit in range(0, 8 * sizes[data], 7):
        assert damaged.flip(data, bit)
    for part in (index, data):
        for length in range(sizes[part]):
            damaged.truncate(part, length)
    print(f"{len(damaged.outcomes)} damaged checkpoints, {len(harmless)} read as if whole")
    assert min(harmless) >= 8 * (sizes[index] - 96)  # at the end of an index, parts are unused
