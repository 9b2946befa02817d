"""common/pictures/limits.py: no file takes minutes, whatever is in it."""

import io

from common.pictures import limits
from common.pictures.limits import MAX_SCANS, PictureError, TimedFile, count_scans
from common.pictures.reading import read_picture

import numpy as np
import pytest
from idx_files import no_longer_than, sentence_of
from PIL import Image


def progressive():
    """A progressive JPEG, and the place and the bytes of its last scan."""
    pixels = np.random.default_rng(0).integers(0, 256, (120, 100), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", progressive=True, comment=b"\xff\xda" * 50)
    content = file.getvalue()
    end = content.rindex(b"\xff\xd9")
    return content, end, content[content.rindex(b"\xff\xda") : end]


def refused(path, content, match):
    path.write_bytes(content)
    with no_longer_than(30), pytest.raises(PictureError, match=match) as error:
        read_picture(path)
    sentence_of(error)


def test_scans_are_counted_without_decoding(tmp_path):
    content, end, last = progressive()
    scans = count_scans(content)
    assert 2 < scans < 15  # not what is in the comment
    allowed = content[:end] + last * (MAX_SCANS - scans) + content[end:]
    assert count_scans(allowed) == MAX_SCANS
    (tmp_path / "a.jpg").write_bytes(allowed)
    assert read_picture(tmp_path / "a.jpg").size == (120, 100)
    for more in (1, 10_000):
        many = content[:end] + last * (MAX_SCANS - scans + more) + content[end:]
        assert count_scans(many) == MAX_SCANS + 1
        refused(tmp_path / "a.jpg", many, "more than 40 scans")
    # What follows the image, such as a second one, is not decoded.
    assert count_scans(content + content) == scans


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"P3 2000 2000 255\n" + b"1 " * 2_500_000, "numbers as text"),
        (b"P5\n#" + b"x" * 40_000_000 + b"\n20 20 255\n" + bytes(400), "a header of more"),
        (b"P5 " + b" " * 40_000_000 + b"20 20 255\n" + bytes(400), "a header of more"),
        (b"P4 #" + b"x" * 100_000, "a header of more"),
    ],
)
def test_pnm_files_have_short_headers_and_few_numbers_as_text(content, match, tmp_path):
    refused(tmp_path / "a.ppm", content, match)


def test_usual_pnm_files_are_read(tmp_path):
    pixels = np.arange(600, dtype=np.uint8).reshape(20, 30)
    numbers = b" ".join(b"%d" % value for value in pixels.flat)
    for content in (
        b"P2\n# a comment\n30 20\n255\n" + numbers,
        b"P5 30 20 255\n" + pixels.tobytes(),
        b"P5 300 300 255\n" + bytes(90_000),
        b"P4 1000 1000\n" + b"#" * 125_000,
    ):
        (tmp_path / "a.pnm").write_bytes(content)
        assert read_picture(tmp_path / "a.pnm").colours.shape[2] == 3


def test_what_pillow_reads_in_many_small_pieces_is_stopped(tmp_path, monkeypatch):
    """A JPEG with millions of empty comments; the limit is shortened for the test."""
    content, _, _ = progressive()
    many = content[:2] + b"\xff\xfe\0\2" * 40_000 + content[2:]
    (tmp_path / "a.jpg").write_bytes(many)
    assert read_picture(tmp_path / "a.jpg").size == (120, 100)
    monkeypatch.setattr(
        "common.pictures.reading.TimedFile", lambda *names: TimedFile(*names, seconds=0.01)
    )
    refused(tmp_path / "a.jpg", many, r"takes more than 0\.01 seconds")
    assert limits.MAX_SECONDS <= 20
