"""common/pictures on damaged and malicious files: images or an error, bounded time and memory."""

import io
import multiprocessing
import os
import random
import resource
import socket
import struct
import zlib
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache

from common.pictures.preparation import prepare
from common.pictures.reading import FORMATS, PictureError, read_picture

import numpy as np
import pytest
from idx_files import memory_below, mutate, no_longer_than, sentence_of
from PIL import Image

GIBIBYTE = 2**20  # in KiB, as the operating system counts
FRONT = 300  # bytes: the headers of most formats, with their tables


def chunk(kind, content):
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(width, height, rows=b"", before=b""):
    """A PNG whose header announces this many black-and-white pixels."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    data = before + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def saved(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@lru_cache
def originals():
    """Small pictures of a 7 in every format, with the features that differ between formats."""
    pixels = np.full((24, 20), 230, np.uint8)
    pixels[4:7, 4:16] = pixels[7:20, 12:15] = 30
    grey = Image.fromarray(pixels)
    colour, faint = grey.convert("RGB"), grey.convert("RGBA")
    faint.putalpha(200)
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {
        "png": saved(colour, "PNG"),
        "png palette": saved(colour.quantize(8), "PNG", transparency=1),
        "png bits": saved(grey.convert("1"), "PNG"),
        "png 16 bits": saved(Image.fromarray(pixels.astype(np.uint16) * 257), "PNG"),
        "png opacity": saved(faint, "PNG", exif=exif),
        "jpeg": saved(colour, "JPEG", exif=exif),
        "jpeg grey": saved(grey, "JPEG", quality=30),
        "jpeg progressive": saved(colour, "JPEG", progressive=True),
        "jpeg cmyk": saved(colour.convert("CMYK"), "JPEG"),
        "mpo": saved(colour, "MPO", save_all=True, append_images=[colour]),
        "gif": saved(grey, "GIF"),
        "gif film": saved(colour, "GIF", save_all=True, append_images=[faint], transparency=0),
        "bmp": saved(colour, "BMP"),
        "bmp palette": saved(colour.quantize(8), "BMP"),
        "tiff": saved(colour, "TIFF"),
        "tiff float": saved(Image.fromarray((pixels / 255).astype(np.float32)), "TIFF"),
        **{
            f"tiff {how}": saved(colour, "TIFF", compression=how)
            for how in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")
        },
        "tiff fax": saved(grey.convert("1"), "TIFF", compression="group4"),
        "ppm": saved(colour, "PPM"),
        "pgm": saved(grey, "PPM"),
        "pbm": saved(grey.convert("1"), "PPM"),
        "ppm plain": b"P2 # a comment\n20 24 255\n" + b" ".join(b"%d" % v for v in pixels.flat),
    }
    if "WEBP" in FORMATS:
        files["webp"] = saved(colour, "WEBP", exif=exif)
        files["webp lossless"] = saved(faint, "WEBP", lossless=True)
    return files


def with_right_checksums(content):
    """Correct the checksums of a damaged PNG, or the decoder stops at the first wrong one."""
    fixed, place = bytearray(content), 8
    while place + 12 <= len(fixed):
        end = place + 8 + struct.unpack_from(">I", fixed, place)[0]
        if end + 4 > len(fixed):
            break
        struct.pack_into(">I", fixed, end, zlib.crc32(fixed[place + 4 : end]))
        place = end + 4
    return bytes(fixed)


def hostile(chance):
    """The format and the bytes of a damaged picture; some change to another format halfway."""
    files = originals()
    name = chance.choice(list(files))
    content = files[name]
    if chance.random() < 0.1:
        place = chance.randrange(FRONT)
        content = content[:place] + chance.choice(list(files.values()))[place:]
    content = mutate(content, chance, FRONT)
    if name.startswith("png") and chance.random() < 0.8:
        content = with_right_checksums(content)
    return name.partition(" ")[0], content


def read_hostile(path, content=None):
    """Read a file: "images" or "refused", or the text of a message that is not a sentence.

    Any other exception is a bug, and so is more than a minute (the largest pictures take seconds).
    """
    if content is not None:
        # Some file systems wait for the disk when a file is overwritten.
        path.unlink(missing_ok=True)
        path.write_bytes(content)
    with no_longer_than(60):
        try:
            images = prepare(path, segment=True).images
        except PictureError as error:
            message = str(error)
            return "refused" if message.isprintable() and message.endswith(".") else message
    assert images.dtype == np.uint8
    assert images.shape[1:] == (28, 28)
    return "images"


def try_hostile(path, count, seed):
    """Read `count` damaged files: the number of each result per format."""
    chance = random.Random(seed)
    results = Counter()
    for _ in range(count):
        kind, content = hostile(chance)
        results[kind, read_hostile(path, content)] += 1
    return results


def try_cut_short(path, name):
    """Read a file truncated at each place of its front, and at a hundred places behind it."""
    content, chance = originals()[name], random.Random(0)
    behind = {chance.randrange(len(content)) for _ in range(100)}
    places = sorted({*range(min(FRONT, len(content))), *behind})
    kind = name.partition(" ")[0]
    return Counter((kind, read_hostile(path, content[:place])) for place in places)


@lru_cache
def bombs():
    """Small files that announce too many pixels, or decode to the largest pictures allowed."""
    zeros = bytes(8000 * 1001)  # rows of 8,000 black-and-white pixels, with a byte in front of each
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**27)))
    profile = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(2**27)))
    gif = originals()["gif"]
    return [
        *(png(side, side) for side in (8000, 100_000, 2**31 - 1)),
        png(8000, 8000, zeros),
        png(64_000_000, 1, bytes(8_000_001)),
        png(1, 64_000_000, bytes(2 * 64_000_000)),
        png(65_535, 976, bytes(976 * 8193)),
        png(976, 65_535, bytes(65_535 * 123)),
        *(png(20, 20, bytes(20 * 4), before) for before in (text, profile)),
        gif[:6] + b"\xff\xff\xff\xff" + gif[10:],
        gif[:6] + struct.pack("<HH", 8000, 8000) + gif[10:],
        b"P6 8000 8000 255\n",
        b"P1 8000 8000\n" + b"1" * 10_000,
        b"P5 99999999999999999999 1 255\n",
        saved(Image.new("1", (8000, 8000)), "TIFF", compression="group4"),
        saved(Image.new("P", (8000, 8000)), "GIF"),
        saved(Image.new("L", (8000, 8000)), "JPEG"),
    ]


def in_a_new_process(try_some, *arguments):
    """Call a function; return its counts and by how much the process's memory grew, in KiB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results = try_some(*arguments)
    return results, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


def try_bomb(path, number):
    return Counter({("bomb", read_hostile(path, bombs()[number])): 1})


@pytest.mark.parametrize("name", originals())
def test_the_files_to_damage_are_read_while_they_are_whole(name, tmp_path):
    assert read_hostile(tmp_path / "file", originals()[name]) == "images"


def test_damaged_files_give_images_or_a_sentence(tmp_path, capfd):
    results = try_hostile(tmp_path / "file", 800, seed=0)
    assert {result for _, result in results} == {"images", "refused"}
    assert capfd.readouterr().err == ""


def test_bombs_get_a_sentence_and_no_memory(tmp_path):
    path = tmp_path / "bomb.png"
    for width, height in ((100_000, 100_000), (2**31 - 1, 2**31 - 1), (64_000_001, 1)):
        path.write_bytes(png(width, height))
        with memory_below(2**20), pytest.raises(PictureError, match=r"pixels, more|as a picture"):
            prepare(path)


def not_files(folder):
    """Names of what is not a regular file, each with a part of the error message."""
    (folder / "folder").mkdir()
    os.mkfifo(folder / "fifo")
    (folder / "to fifo").symlink_to("fifo")
    (folder / "to zeros").symlink_to("/dev/zero")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
    names = dict.fromkeys(("folder", "fifo", "to fifo", "to zeros", "socket"), "is not a file")
    return names | dict.fromkeys(("dangling", "nowhere", "nul\0byte"), "does not exist")


def test_what_is_not_a_file_gives_an_error_at_once(tmp_path):
    names = not_files(tmp_path) | {"loop": "does not exist|cannot be read"}
    for name, match in (names | {"long" * 100: "cannot be read"}).items():
        with no_longer_than(10), pytest.raises(PictureError, match=match) as error:
            prepare(tmp_path / name)
        if "\0" not in name:
            sentence_of(error)


def test_a_picture_is_turned_even_if_its_exif_cannot_be_written_again(tmp_path, monkeypatch):
    """Pillow raises a struct.error for many photos with one damaged entry (its issue 8965)."""

    def fail(exif, offset=8):
        raise struct.error("argument out of range")

    (tmp_path / "turned.jpg").write_bytes(originals()["jpeg"])
    monkeypatch.setattr(Image.Exif, "tobytes", fail)
    assert read_picture(tmp_path / "turned.jpg").grey().shape == (20, 24)


@pytest.mark.slow
def test_100_000_hostile_pictures_give_images_or_a_sentence(tmp_path, capfd):
    """No other exception, no hang, no crash, and less than 1 GiB of memory, as the docs promise."""
    tasks = [(try_bomb, number) for number in range(len(bombs()))]
    tasks += [(try_cut_short, name) for name in originals()]
    tasks += [(try_hostile, 1_000, seed) for seed in range(100)]
    results, most = Counter(), 0
    # New processes: the memory of each is measured, and a decoder may crash its process.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        waiting = [
            pool.submit(in_a_new_process, call, tmp_path / f"file{k}", *arguments)
            for k, (call, *arguments) in enumerate(tasks)
        ]
        for task in waiting:
            counts, grown = task.result()
            results += counts
            most = max(most, grown)
    assert capfd.readouterr().err == ""
    with capfd.disabled():
        print(f"\n{results.total():,} files, memory grown by {most / 1024:.0f} MiB at most:")
        for kind in sorted({kind for kind, _ in results}):
            print(f"  {kind:5} {results[kind, 'images']:6,} read {results[kind, 'refused']:6,} not")
    assert results.total() > 100_000
    assert most < GIBIBYTE
    assert {result for _, result in results} == {"images", "refused"}
    formats = {kind for kind, result in results if result == "images"} - {"bomb"}
    assert formats == {name.partition(" ")[0] for name in originals()}
