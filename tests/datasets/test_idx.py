"""common/datasets/idx.py: good IDX files of every type, bad ones and hostile ones."""

import gzip
import os
import random
import time
from collections import Counter
from functools import lru_cache
from pathlib import Path

from common.datasets.idx import DataError, read_idx

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_st
from idx_files import (
    MEGABYTE,
    MNIST,
    TEST_LABELS,
    TYPE_BYTES,
    idx_bytes,
    idx_header,
    memory_below,
    mutate,
    no_longer_than,
    sentence_of,
    write_idx,
)

SMALL_IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("scratch") / "file"


# The IDX reader on good files.


@settings(deadline=None, max_examples=100)
@given(values=st.data(), gzipped=st.booleans())
def test_any_array_comes_back_as_it_was_written(scratch, values, gzipped):
    dtype = values.draw(st.sampled_from(sorted(TYPE_BYTES)))
    shape = values.draw(numpy_st.array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=4))
    array = values.draw(numpy_st.arrays(dtype, shape))
    content = idx_bytes(array)
    scratch.write_bytes(gzip.compress(content) if gzipped else content)
    result = read_idx(scratch)
    assert result.dtype == array.dtype
    assert result.dtype.isnative
    assert result.shape == array.shape
    assert result.tobytes() == array.tobytes()


def test_values_are_big_endian(tmp_path):
    path = tmp_path / "values"
    path.write_bytes(bytes([0, 0, 0x0C, 1, 0, 0, 0, 2, 0, 0, 1, 2, 255, 255, 255, 254]))
    assert read_idx(path).tolist() == [258, -2]


def test_gzip_is_recognised_by_its_content_not_by_its_name(tmp_path):
    (tmp_path / "plain.gz").write_bytes(idx_bytes(SMALL_IMAGES))
    (tmp_path / "packed").write_bytes(gzip.compress(idx_bytes(SMALL_IMAGES)))
    (tmp_path / "link").symlink_to("packed")
    for name in ("plain.gz", "packed", "link"):
        assert np.array_equal(read_idx(str(tmp_path / name)), SMALL_IMAGES)


def test_gzip_in_several_members_is_one_content(tmp_path):
    content = idx_bytes(SMALL_IMAGES)
    (tmp_path / "x").write_bytes(gzip.compress(content[:9]) + gzip.compress(content[9:]))
    assert np.array_equal(read_idx(tmp_path / "x"), SMALL_IMAGES)


# The IDX reader on bad files.

IMAGES_HEADER = idx_header(0x08, (3, 4, 5))
ZIP_OF_NAUGHT = gzip.compress(idx_bytes(SMALL_IMAGES))
BAD_CONTENTS = {
    "empty": (b"", "is empty"),
    "web page": (b"<!DOCTYPE html><html>", r"begins with b'<!DO' .*\(a web page\?\)"),
    "gzipped web page": (gzip.compress(b"\n<html>"), r"begins with b'\\n<ht' .*\(a web page\?\)"),
    "wrong magic": (b"\x93NUMPY", "is not an IDX file: it begins with"),
    "packed twice": (gzip.compress(ZIP_OF_NAUGHT), r"begins with b'\\x1f"),
    "wrong type": (idx_header(0x0A, (1,)) + b"1", "type byte is 0x0A, not one of 0x08, "),
    "no dimension": (idx_header(0x08, ()) + b"1", "announces 0 dimensions"),
    "many dimensions": (idx_header(0x08, (1,) * 33) + b"1", "33 dimensions, where 1 to 32"),
    "short header": (IMAGES_HEADER[:13], "cut short: it ends after 13 bytes, in its header"),
    "lying header": (IMAGES_HEADER[:3] + b"\xff" + bytes(16), "announces 255 dimensions"),
    "short values": (idx_bytes(SMALL_IMAGES)[:-1], "announces 60 bytes .* it has 59"),
    "long values": (idx_bytes(SMALL_IMAGES) + b"\0", "is too long: .* the 60 bytes announced"),
    "short gzip": (ZIP_OF_NAUGHT[:-9], "is cut short: its gzip data have no end"),
    "trailing bytes": (ZIP_OF_NAUGHT + b"more", "is damaged: its gzip data"),
    "gzip checksum": (
        ZIP_OF_NAUGHT[:-8] + bytes([ZIP_OF_NAUGHT[-8] ^ 1]) + ZIP_OF_NAUGHT[-7:],
        "is damaged: its gzip data .*CRC",
    ),
    "gzip content": (ZIP_OF_NAUGHT[:10] + b"\xff" * 40, "is damaged: its gzip data"),
    "huge": (idx_header(0x08, (0xFFFFFFFF,) * 3), "4,294,967,295 × .* more than the 2,147,483,648"),
    "huge doubles": (idx_header(0x0E, (2**28 + 1,)), "268,435,457 values, more than"),
    "huge but for a zero": (idx_header(0x08, (0, 2**31, 2**31, 2**31)), "more than the"),
    "large": (idx_header(0x08, (2**31,)), "announces 2,147,483,648 bytes .* it has 0"),
}


@pytest.mark.parametrize("case", BAD_CONTENTS)
def test_bad_content_is_refused_with_a_sentence(tmp_path, case):
    content, expected = BAD_CONTENTS[case]
    path = tmp_path / "values.gz"
    path.write_bytes(content)
    with memory_below(4 * MEGABYTE), pytest.raises(DataError, match=expected) as error:
        read_idx(path)
    assert sentence_of(error).startswith(str(path))
    assert "put an intact IDX file in its place" in sentence_of(error)


@pytest.mark.parametrize("gzipped", [False, True])
def test_every_truncation_is_refused(scratch, gzipped):
    content = gzip.compress(idx_bytes(SMALL_IMAGES)) if gzipped else idx_bytes(SMALL_IMAGES)
    for length in range(len(content)):
        scratch.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"cut short|is empty|begins with b'.x1f' "):
            read_idx(scratch)


def test_the_header_is_read_in_full_in_every_truncation_of_a_deep_array(scratch):
    content = idx_bytes(np.zeros((1,) * 32, np.uint8))
    for length in range(len(content)):
        scratch.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"cut short|is empty"):
            read_idx(scratch)
    scratch.write_bytes(content)
    assert read_idx(scratch).shape == (1,) * 32


def gzip_bomb(header, megabytes):
    """A header and then so many zeros: gzip packs a thousand of them into one byte."""
    return gzip.compress(header) + gzip.compress(bytes(16 * MEGABYTE)) * (megabytes // 16)


def test_a_gzip_bomb_is_left_alone_after_one_byte_too_many(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip_bomb(IMAGES_HEADER, 4096))
    start = time.perf_counter()
    with memory_below(4 * MEGABYTE), pytest.raises(DataError, match="is too long"):
        read_idx(path)
    assert time.perf_counter() - start < 1


def test_memory_follows_the_content_and_not_the_header(tmp_path):
    path = tmp_path / "announces 2 GiB.gz"
    path.write_bytes(gzip_bomb(idx_header(0x08, (2**31,)), 32))
    limit = 32 * MEGABYTE * 9 // 8 + 4 * MEGABYTE
    with memory_below(limit), pytest.raises(DataError, match="it has 33,554,432"):
        read_idx(path)


def test_what_is_not_a_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "to pipe").symlink_to("pipe")
    (tmp_path / "to zeros").symlink_to("/dev/zero")
    for name in ("pipe", "folder", "to pipe", "to zeros"):
        with pytest.raises(DataError, match=f"{name} is a folder or a device, not a file;"):
            read_idx(tmp_path / name)
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("nowhere", "dangling", "loop", "nul\0byte", "half \ud800 pair"):
        with pytest.raises(DataError, match="does not exist"):
            read_idx(tmp_path / name)
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path / ("long" * 100))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    path = write_idx(tmp_path / "secret", SMALL_IMAGES)
    path.chmod(0)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\)"):
        read_idx(path)


def read_hostile(path, content, limit=4 * MEGABYTE):
    """Read bytes as a file: "array" or "refused"; another exception, a hang, much memory: a bug."""
    path.unlink(missing_ok=True)  # some file systems wait for the disk if a file is written over
    path.write_bytes(content)
    with no_longer_than(10), memory_below(limit):
        try:
            return "array" if isinstance(read_idx(path), np.ndarray) else "neither"
        except DataError:
            return "refused"


sizes = st.one_of(st.integers(0, 6), st.integers(0, 2**32 - 1), st.sampled_from([2**31, 2**32 - 1]))
headers = st.builds(
    idx_header,
    st.one_of(st.sampled_from(sorted(TYPE_BYTES.values())), st.integers(0, 255)),
    st.lists(sizes, max_size=6),
    st.one_of(st.none(), st.integers(0, 255)),
)
hostile_contents = st.one_of(
    st.binary(max_size=200),
    st.builds(lambda head, tail: head + tail, headers, st.binary(max_size=200)),
    st.builds(
        lambda content, tail: gzip.compress(content, mtime=0) + tail,
        st.builds(lambda head, tail: head + tail, headers, st.binary(max_size=200)),
        st.one_of(st.just(b""), st.binary(max_size=20)),
    ),
    st.builds(lambda tail: b"\x1f\x8b\x08" + tail, st.binary(max_size=200)),
)


@settings(deadline=None, max_examples=300)
@given(content=hostile_contents)
def test_any_bytes_give_an_array_or_a_sentence(scratch, content):
    assert read_hostile(scratch, content) != "neither"


@lru_cache
def contents_to_damage():
    """Real files, files of every type, and gzip bombs, each with its bound on memory in bytes."""
    labels = (MNIST / TEST_LABELS).read_bytes()
    plain = [gzip.decompress(labels), idx_bytes(SMALL_IMAGES)]
    plain += [idx_bytes(np.arange(24).reshape(2, 3, 4).astype(dtype)) for dtype in TYPE_BYTES]
    plain += [bytes(idx_header(0x08, (2**32 - 1, 28, 28))) + bytes(100)]
    packed = [labels] + [gzip.compress(content) for content in plain[1:]]
    bound = 4 * MEGABYTE
    bombs = [gzip_bomb(IMAGES_HEADER, 32), gzip_bomb(idx_header(0x08, (2**31,)), 16)]
    bombs += [gzip.compress(idx_header(0x0C, (5,)) + bytes(8 * MEGABYTE))]
    # If the damage makes the header announce more, the zeros of a bomb are an honest content.
    return [(content, bound) for content in plain + packed] * 20 + [
        (content, 32 * MEGABYTE * 9 // 8 + bound) for content in bombs
    ]


def try_mutations(path, count, seed):
    chance = random.Random(seed)
    originals = contents_to_damage()
    results = Counter()
    for _ in range(count):
        content, limit = chance.choice(originals)
        results[read_hostile(path, mutate(content, chance), limit)] += 1
    return results


def test_damaged_files_give_an_array_or_a_sentence(scratch):
    results = try_mutations(scratch, 1_000, seed=0)
    assert results["refused"] > results["array"] > 0
    assert results["refused"] + results["array"] == 1_000


@pytest.mark.slow
def test_100_000_hostile_files_give_an_array_or_a_sentence(tmp_path):
    """No other exception, memory within the bound, and none takes longer than ten seconds."""
    path = tmp_path / "file"
    results = Counter()

    @settings(deadline=None, max_examples=20_000, database=None, derandomize=True)
    @given(hostile_contents)
    def try_one(content):
        results[read_hostile(path, content)] += 1

    try_one()
    for name, make in (
        ("folder", Path.mkdir),
        ("pipe", os.mkfifo),
        ("loop", lambda path: path.symlink_to(path)),
        ("dangling", lambda path: path.symlink_to(path.with_name("nowhere"))),
        ("device", lambda path: path.symlink_to("/dev/zero")),
    ):
        make(tmp_path / name)
        with no_longer_than(10), pytest.raises(DataError):
            read_idx(tmp_path / name)
        results["refused"] += 1
    seed = 0
    while (tried := results.total()) < 100_000:
        results += try_mutations(path, min(1_000, 100_000 - tried), seed)
        seed += 1
    print(dict(results))
    assert results["array"] + results["refused"] == 100_000
