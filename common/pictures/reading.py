"""Read picture files of any supported format, with limits on time and memory.

The bytes in a file may come from anywhere. Every failure is a PictureError with one sentence.
"""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.datasets.idx import times
from common.pictures.levels import black_and_white
from common.pictures.limits import PictureError, TimedFile, check_cost

import numpy as np
from PIL import Image, ImageOps

# Without a handler Python prints Pillow's warnings about a file to the standard error.
logging.getLogger("PIL").addHandler(logging.NullHandler())
# Only these formats: for some others Pillow starts programs. Some builds of Pillow have no WebP.
Image.init()
FORMATS = [
    name
    for name in ("PNG", "JPEG", "MPO", "GIF", "WEBP", "BMP", "PPM", "TIFF")
    if name in Image.OPEN
]
# These limits keep the memory for a picture below 1 GiB, whatever its header says: the file,
# 8 bytes per pixel while it is decoded, arrays of WORKING_SIDE² pixels, 1,600² for small digits.
MAX_FILE_BYTES = 128 * 1024**2
MAX_PIXELS = 65_000_000  # a photo from a phone has 12 to 64.2 million
MAX_SIDE = 65_535  # as in JPEG; a strip of a picture has at least one row in floating point
WORKING_SIDE = 640  # larger pictures are averaged down to this: a digit needs 20 of these pixels
# Small pictures whose numbers go from 0 to 1, or to 16, were saved as they stand in an array.
SMALL_SIDE, FAINTEST = 64, 16 / 255
STRIP_PIXELS = 2**20  # pixels that are converted to floating point at a time
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # luminance of red, green, blue (ITU-R BT.601)
ORIENTATION = 0x0112  # the EXIF entry that says how the camera was held
QUARTER_TURNS = range(5, 9)  # its values for which rows and columns are exchanged


@dataclass(frozen=True, eq=False)
class Picture:
    """The content of a picture file."""

    path: Path
    colours: np.ndarray  # float32 [height, width, 3], 0 to 1, red green blue, on white
    opacity: np.ndarray  # float32 [height, width], 0 to 1
    size: tuple[int, int]  # height and width of the upright picture before it was averaged down

    def grey(self) -> np.ndarray:
        """Return the luminance as uint8 [height, width], 0 black, 255 white."""
        return np.rint(self.colours @ LUMA * 255).clip(0, 255).astype(np.uint8)


def read_picture(path: Path | str, working_side: int = WORKING_SIDE) -> Picture:
    """Read a picture file.

    Args:
        path: a regular file, or a link to one; the format is read from its content, not its name.
        working_side: average larger pictures down until the longer side has at most about this
            many pixels.

    Returns:
        the picture, upright according to its EXIF orientation, transparent parts on white. 16 bits
        per channel, palettes, grey and CMYK are converted to red, green and blue from 0 to 1; so
        are small pictures whose numbers go to 16 of 255 at most.

    Raises:
        PictureError: it cannot be read, or is larger than MAX_PIXELS, MAX_SIDE or MAX_FILE_BYTES.
    """
    path = Path(path)
    content = _content(path)
    check_cost(content, path)
    file = TimedFile(content, path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about unusual metadata, and sizes, checked below
            with Image.open(file, formats=FORMATS) as image:
                width, height = image.size
                if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
                    raise PictureError(
                        f"{path} has {times((height, width))} pixels, more than the limit of "
                        f"{MAX_PIXELS:,} in total and {MAX_SIDE:,} per side; make it smaller."
                    )
                # The JPEG decoder can return 1/2, 1/4 or 1/8 of the size, which is faster.
                image.draft(None, (working_side, working_side))
                with _silent_libtiff() if image.format == "TIFF" else nullcontext():
                    image.load()
                orientation = image.getexif().get(ORIENTATION)
                factor = max(1, -(-max(image.size) // working_side))
                pixels = _upright(_on_white(image, factor), orientation)
    except PictureError:
        raise
    except MemoryError:
        raise PictureError(
            f"{path} needs more memory than is available; make the picture smaller."
        ) from None
    except Exception as error:  # decoders raise many types of exceptions for damaged files
        words = "".join(char if char.isprintable() else " " for char in str(error))[:200]
        if "identify" in words:
            words = _other_format(content[:16])
        raise PictureError(
            f"{path} cannot be read as a picture ({words or type(error).__name__}); save it as "
            "PNG or JPEG and try again."
        ) from None
    colours = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[..., :3]
    opacity = pixels[..., 3] if pixels.shape[2] == 4 else np.ones(pixels.shape[:2], np.float32)
    size = (width, height) if orientation in QUARTER_TURNS else (height, width)
    largest = float(colours.max(initial=0))
    if max(size) <= SMALL_SIDE and opacity.min(initial=1) == 1 and 0 < largest <= FAINTEST:
        colours = colours / largest
    return Picture(path, colours, opacity, size)


def _content(path: Path) -> bytes:
    """Return the bytes of a file that has at most MAX_FILE_BYTES."""
    try:
        if not path.exists():
            raise PictureError(f"{path} does not exist; check the name of the picture.")
        if not path.is_file():  # opening a FIFO would block, and a device may have no end
            raise PictureError(f"{path} is not a file; name a picture or a folder of pictures.")
        size = path.stat().st_size
        if size <= MAX_FILE_BYTES:
            return path.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise PictureError(f"{path} cannot be read ({reason}); check its permissions.") from None
    raise PictureError(
        f"{path} has {size:,} bytes, more than the limit of {MAX_FILE_BYTES:,}; save it smaller, "
        "for example as JPEG."
    )


_stderr_lock = threading.Lock()  # file descriptor 2 belongs to all threads of the process


@contextmanager
def _silent_libtiff() -> Iterator[None]:
    """Discard libtiff's messages, which it writes to file descriptor 2 and not to sys.stderr."""
    with _stderr_lock, Path(os.devnull).open("wb") as null:
        original = os.dup(2)
        os.dup2(null.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(original, 2)
            os.close(original)


def _other_format(start: bytes) -> str:
    """Say what kind of file begins with these bytes, if it is a common kind."""
    if not start:
        return "the file is empty"
    if start[4:8] == b"ftyp":
        return "it seems to be HEIC, AVIF or a video, which are not supported"
    if start.lstrip()[:1] == b"<":
        return "it seems to be a web page or an SVG drawing"
    if start.startswith(b"%PDF"):
        return "it is a PDF document"
    return "its first bytes are of no known format"


def _on_white(image: Image.Image, factor: int) -> np.ndarray:
    """Convert an image to floating point on white, and average blocks of factor × factor pixels.

    The conversion goes strip by strip: all 50 million pixels of a large photo would take 600 MB.

    Returns:
        float32 [height, width, channels] as `_floating_point`.
    """
    width, height = image.size
    levels = black_and_white(image) if image.mode.startswith(("I", "F")) else (0.0, 1.0)
    rows = max(1, STRIP_PIXELS // max(width, 1) // factor) * factor
    factors = (factor if height >= factor else 1, factor if width >= factor else 1)
    strips = []
    for top in range(0, height, rows):
        pixels = _floating_point(image, (0, top, width, min(top + rows, height)), levels)
        high, wide = (side // f for side, f in zip(pixels.shape, factors, strict=False))
        if high:  # the last strip of most pictures has fewer rows than the factor
            pixels = pixels[: high * factors[0], : wide * factors[1]]
            if factor > 1:
                blocks = pixels.reshape(high, factors[0], wide, factors[1], pixels.shape[2])
                pixels = blocks.mean(axis=(1, 3), dtype=np.float32)
            strips.append(pixels)
    return np.concatenate(strips)


def _floating_point(
    image: Image.Image, box: tuple[int, int, int, int], levels: tuple[float, float]
) -> np.ndarray:
    """Return a part of an image as float32 [height, width, channels], 0 to 1, on white.

    The channels are red, green, blue; with opacity as the fourth for a picture that can be
    transparent; or one grey channel for a picture with 16 or 32 bits per pixel, in which `levels`
    are black and white.
    """
    part = image.crop(box)
    if image.mode.startswith(("I", "F")):
        grey = np.nan_to_num(np.asarray(part, np.float64))[..., None]
        return ((grey - levels[0]) / (levels[1] - levels[0])).clip(0, 1).astype(np.float32)
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        pixels = np.asarray(part.convert("RGBA"), np.float32) / 255
        pixels[..., :3] = 1 - pixels[..., 3:] * (1 - pixels[..., :3])
        return pixels
    return np.asarray(part.convert("RGB"), np.float32) / 255


def _upright(pixels: np.ndarray, orientation: Any) -> np.ndarray:
    """Flip or rotate float32 [height, width, channels] as an EXIF orientation says.

    Pillow gets the averaged channels, not the image from the file. The latter would need a second
    copy in full size, and Pillow writes the other EXIF entries again, which fails if one of them
    is damaged (https://github.com/python-pillow/Pillow/issues/8965).
    """
    if orientation not in range(2, 9):  # 1 is upright; other values are not defined
        return pixels
    channels = []
    for channel in np.moveaxis(pixels, 2, 0):
        image = Image.fromarray(channel)
        image.getexif()[ORIENTATION] = orientation
        channels.append(np.asarray(ImageOps.exif_transpose(image)))
    return np.stack(channels, axis=2)
