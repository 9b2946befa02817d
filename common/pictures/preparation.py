"""A picture file → images as MNIST's are, or a sentence that says why that cannot be done.

    read_picture    a file → its colours, turned the right way up, on white
    find_ink        colours → how much ink is in each pixel, whatever the paper, the pen, the light
    find_digits     ink → the digits in it, from left to right
    fit             one digit → as MNIST has it: 20 pixels at most, centred by mass in 28 × 28
    prepare         all of these in one call

MNIST was made so from scanned forms, as http://yann.lecun.com/exdb/mnist/ says: "size normalized to
fit in a 20x20 pixel box while preserving their aspect ratio", with grey levels from anti-aliasing,
then "centered in a 28x28 image by computing the center of mass". A net that has seen only such
images reads only such images. What the settings in here cost is measured, and they are chosen, with
`python -m benchmarks.preparation --split validation`.
"""

from __future__ import annotations

import io
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from common import UserError
from common.datasets.idx import times

import numpy as np
from PIL import Image
from scipy import ndimage

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".pgm", ".ppm", ".tif", ".tiff")
logging.getLogger("PIL").addHandler(logging.NullHandler())  # our sentence says it, or nobody
# Only these: Pillow knows others that start programs. WebP is missing in some of its builds.
Image.init()
FORMATS = [
    name
    for name in ("PNG", "JPEG", "MPO", "GIF", "WEBP", "BMP", "PPM", "TIFF")
    if name in Image.OPEN
]
# With these three a picture needs less than 1 GiB of memory, whatever its file says: the file, 8
# bytes for each pixel while it is unpacked, and arrays of WORKING_SIDE² pixels.
MAX_FILE_BYTES = 128 * 1024**2
MAX_PIXELS = 64_000_000  # a phone's photo has 12 to 50 million
MAX_SIDE = 65_535  # as in JPEG; some rows of a picture are held as floating point at a time
WORKING_SIDE = 640  # larger pictures are averaged down to this: a digit needs 20 of these pixels
STRIP_PIXELS = 2**20  # pixels that are converted to floating point at a time
LIGHT_SIDE = 96  # light changes slowly: it is estimated on a picture of this size
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # how bright red, green and blue look

MIN_CONTRAST = 0.06  # ink that differs less from its paper, of 1 from black to white, is no ink
MIN_DIGIT = 8  # pixels that the longer side of a digit must have
BOX_SHARE = 20 / 28  # how much of the image MNIST's digits take, at most
WIDEST_STROKE = 1 / 3  # of the picture; what is wider is light: a slope or a shadow
THIN = 1.7  # pixels of the 28; strokes that are thinner than MNIST's are made as wide as this

# What an EXIF orientation says must be done to rows and columns: first transpose or not, then
# reverse the rows or not, the columns or not.
TURNS = {
    **{1: (False, False, False), 2: (False, False, True), 3: (False, True, True)},
    **{4: (False, True, False), 5: (True, False, False), 6: (True, False, True)},
    **{7: (True, True, True), 8: (True, True, False)},
}


class PictureError(UserError):
    """A picture that cannot be used. The message names the file and says what to do about it."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What a file shows."""

    path: Path
    colours: np.ndarray  # float32 [height, width, 3], 0 to 1, red green blue, on white
    opacity: np.ndarray  # float32 [height, width], 0 to 1
    size: tuple[int, int]  # height and width in the file, before it was averaged down

    def grey(self) -> np.ndarray:
        """Return the picture as it is in uint8 [height, width], 0 black, 255 white."""
        return np.rint(self.colours @ LUMA * 255).clip(0, 255).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Digit:
    """One digit of a picture."""

    box: tuple[int, int, int, int]  # left, top, right, bottom, in pixels of `find_ink`'s result
    ink: np.ndarray  # float32 [height, width] of the box: 0 paper to 1 ink, other digits left out


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture on its way to the net, with what the steps between made of it."""

    images: np.ndarray  # uint8 [digits, height, width], what the net gets, 0 paper, 255 ink
    boxes: list[tuple[int, int, int, int]]  # of each digit; none where all passed unchanged
    picture: Picture | None = None
    ink: np.ndarray | None = None  # float32 as `find_ink` returns

    def without_steps(self) -> Prepared:
        """Return what is needed to ask a net, without the large arrays."""
        return Prepared(self.images, self.boxes)


def prepare(
    path: Path | str,
    image_shape: tuple[int, int] = (28, 28),
    *,
    segment: bool = False,
    unchanged: bool = True,
) -> Prepared:
    """Make of a picture file what a net that was trained on MNIST expects.

    Args:
        path: PNG, JPEG, GIF (its first image), WebP, BMP, PNM or TIFF.
        image_shape: height and width of the net's images. The digit takes 20/28 of them.
        segment: look for several digits, from left to right; otherwise there must be one.
        unchanged: pass a picture that has just this shape as it is.

    Returns:
        one image for each digit, and the steps before it.

    Raises:
        PictureError: the file is no such picture, or too large or too small, or it shows nothing
            that could be a digit, or several digits without `segment`.
    """
    picture = read_picture(path)
    if unchanged and picture.size == tuple(image_shape):
        return Prepared(picture.grey()[None], [], picture)
    ink = find_ink(picture)
    digits = find_digits(ink, picture.path)
    if len(digits) > 1 and not segment:
        raise PictureError(
            f"{picture.path} shows {len(digits)} shapes side by side, not one digit; crop it to "
            "one, or let common.predict read them all with --segment."
        )
    images = np.stack([fit(digit.ink, image_shape) for digit in digits])
    return Prepared(images, [digit.box for digit in digits], picture, ink)


# Folders and files → colours.


def list_pictures(folder: Path) -> list[Path]:
    """Return the pictures in a folder, by the ends of their names and in the names' order.

    Raises:
        PictureError: there are none, or the folder cannot be read.
    """
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise PictureError(
            f"the folder {folder} cannot be read ({error.strerror}); check its permissions."
        ) from None
    if not found:
        raise PictureError(
            f"the folder {folder} holds no pictures; their names should end in one of "
            f"{' '.join(SUFFIXES)}."
        )
    return found


def read_picture(path: Path | str, working_side: int = WORKING_SIDE) -> Picture:
    """Read a picture, whatever the bytes in the file are.

    Args:
        path: a regular file, or a link to one; the content tells the format, not the name.
        working_side: average larger pictures down until their longer side has at most about so
            many pixels.

    Returns:
        its colours, turned as the EXIF orientation says, transparent parts on white. 16 bits a
        channel, palettes, grey and CMYK all become red, green and blue from 0 to 1.

    Raises:
        PictureError: it cannot be read, or is larger than MAX_PIXELS, MAX_SIDE or MAX_FILE_BYTES.
    """
    path = Path(path)
    content = io.BytesIO(_content(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata and of bombs, which we look for
            with Image.open(content, formats=FORMATS) as image:
                width, height = image.size
                if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
                    raise PictureError(
                        f"{path} has {times((height, width))} pixels, more than the "
                        f"{MAX_PIXELS:,} in all or {MAX_SIDE:,} in a row that are read; make it "
                        "smaller."
                    )
                # A JPEG can be unpacked at a half, a quarter or an eighth of its size.
                image.draft(None, (working_side, working_side))
                with _silent_libtiff() if image.format == "TIFF" else nullcontext():
                    image.load()
                turn = TURNS.get(image.getexif().get(0x0112), TURNS[1])
                factor = max(1, -(-max(image.size) // working_side))
                colours, opacity = _on_white(image, factor)
    except PictureError:
        raise
    except MemoryError:
        raise PictureError(
            f"{path} needs more memory than there is; make the picture smaller."
        ) from None
    except Exception as error:  # a decoder that meets hostile bytes raises whatever it likes
        words = "".join(char if char.isprintable() else " " for char in str(error))[:200]
        if "identify" in words:
            words = _other_format(content.getvalue()[:16])
        raise PictureError(
            f"{path} cannot be read as a picture ({words or type(error).__name__}); save it as "
            "PNG or JPEG and try again."
        ) from None
    transpose, reverse_rows, reverse_columns = turn
    size = (width, height) if transpose else (height, width)
    if transpose:
        colours, opacity = colours.swapaxes(0, 1), opacity.T
    rows, columns = (
        slice(None, None, 1 - 2 * reverse_rows),
        slice(None, None, 1 - 2 * reverse_columns),
    )
    return Picture(path, colours[rows, columns], opacity[rows, columns], size)


def _content(path: Path) -> bytes:
    """Return the bytes of a file that is small enough."""
    try:
        if not path.exists():
            raise PictureError(f"{path} does not exist; check the name of the picture.")
        if not path.is_file():  # to open a FIFO would wait for ever, and a device may have no end
            raise PictureError(f"{path} is not a file; name a picture or a folder of pictures.")
        size = path.stat().st_size
        if size <= MAX_FILE_BYTES:
            return path.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise PictureError(f"{path} cannot be read ({reason}); check its permissions.") from None
    raise PictureError(
        f"{path} has {size:,} bytes, more than the {MAX_FILE_BYTES:,} that are read; save it "
        "smaller, for example as JPEG."
    )


_one_at_a_time = threading.Lock()


@contextmanager
def _silent_libtiff() -> Iterator[None]:
    """Keep libtiff from writing what it thinks of a file past Python to the standard error."""
    with _one_at_a_time, Path(os.devnull).open("wb") as nowhere:
        kept = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _other_format(start: bytes) -> str:
    """Say what a file is that is no picture we read, where its first bytes tell."""
    if not start:
        return "the file is empty"
    if start[4:8] == b"ftyp":
        return "it seems to be HEIC, AVIF or a film, which Pillow does not read everywhere"
    if start.lstrip()[:1] == b"<":
        return "it seems to be a web page or an SVG drawing"
    if start.startswith(b"%PDF"):
        return "it is a PDF document"
    return "its first bytes are of no known format"


def _on_white(image: Image.Image, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Convert an image to floating point on white, averaging squares of factor × factor pixels.

    It goes strip by strip, because 50 million pixels as floating point would take a gigabyte.
    """
    width, height = image.size
    rows = max(1, STRIP_PIXELS // max(width, 1) // factor) * factor
    factors = (factor if height >= factor else 1, factor if width >= factor else 1)
    strips = []
    for top in range(0, height, rows):
        pixels = _floating_point(image, (0, top, width, min(top + rows, height)))
        high, wide = (side // f for side, f in zip(pixels.shape, factors, strict=False))
        if high:  # fewer rows than the factor are left at the end of most pictures
            pixels = pixels[: high * factors[0], : wide * factors[1]]
            if factor > 1:
                blocks = pixels.reshape(high, factors[0], wide, factors[1], pixels.shape[2])
                pixels = blocks.mean(axis=(1, 3), dtype=np.float32)
            strips.append(pixels)
    pixels = np.concatenate(strips)
    colours = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[..., :3]
    opacity = pixels[..., 3] if pixels.shape[2] == 4 else np.ones(pixels.shape[:2], np.float32)
    return colours, opacity


def _floating_point(image: Image.Image, box: tuple[int, int, int, int]) -> np.ndarray:
    """Return a part of an image as float32 [height, width, channels], 0 to 1, on white.

    There are three channels for colours, a fourth for opacity where it is not 1 everywhere, and
    just one where the file has grey in 16 or 32 bits.
    """
    part = image.crop(box)
    if image.mode.startswith(("I", "F")):
        grey = np.nan_to_num(np.asarray(part, np.float32))[..., None]
        return (grey / (65535 if image.mode.startswith("I") else 1)).clip(0, 1)
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        pixels = np.asarray(part.convert("RGBA"), np.float32) / 255
        pixels[..., :3] = 1 - pixels[..., 3:] * (1 - pixels[..., :3])
        return pixels
    return np.asarray(part.convert("RGB"), np.float32) / 255


# Colours → ink.


def find_ink(picture: Picture) -> np.ndarray:
    """Tell ink from paper: dark on light or light on dark, coloured or grey, unevenly lit.

    The paper is what the picture shows along its edges, and the ink what differs most from it.

    Returns:
        float32 [height, width], 0 for paper, about 1 for ink.

    Raises:
        PictureError: the picture is too small, or blank.
    """
    height, width = picture.size
    if max(height, width) < MIN_DIGIT or min(picture.colours.shape[:2]) < 3:
        raise PictureError(
            f"{picture.path} has only {times(picture.size)} pixels, too few to show a digit; "
            f"it should be at least {times((2 * MIN_DIGIT, 2 * MIN_DIGIT))}."
        )
    ink = _ink(picture.colours)
    if ink is None and picture.opacity.min() < 1:
        # White ink on nothing is invisible on white, so it is put on black.
        ink = _ink(picture.colours - (1 - picture.opacity[..., None]))
    if ink is None:
        raise PictureError(
            f"{picture.path} is blank: nothing in it stands out from the rest; write darker or "
            "photograph it in better light."
        )
    return ink


def _ink(colours: np.ndarray) -> np.ndarray | None:
    """Do the work of `find_ink` for float32 [height, width, 3]; None if the picture is blank."""
    height, width = colours.shape[:2]
    # Light is estimated on a small picture, where noise and thin strokes are averaged away.
    factor = -(-max(height, width) // LIGHT_SIDE)
    small = ndimage.uniform_filter(colours, (factor, factor, 0), mode="nearest")
    offset = factor // 2
    small = small[min(offset, height - 1) :: factor, min(offset, width - 1) :: factor]
    paper = _surface_through_edges(small)
    difference = small - paper
    # The far colours decide which way ink differs: cubed, the many small differences cancel out.
    weights = np.square(difference).sum(axis=2, keepdims=True)
    direction = (difference * weights).sum(axis=(0, 1))
    length = float(np.linalg.norm(direction))
    if length < 1e-9:
        return None
    direction /= length
    # The surface would not do here: beside the edge of a shadow it leaves a dark stripe.
    side = max(3, int(max(small.shape[:2]) * WIDEST_STROKE)) | 1
    amount = small @ direction
    light = ndimage.grey_opening(amount, (side, side), mode="nearest")
    ink = colours @ direction - _enlarge(light, height, width)
    if direction.sum() < -0.5:
        # Dark ink takes a share of the light that falls on it, so it is paler in the shade.
        light = np.maximum(light / direction.sum(), 0.1)
        ink *= light.max() / _enlarge(light, height, width)

    smooth = _smooth(ink)
    middle = np.median(smooth)
    noise = 1.4826 * float(np.median(np.abs(smooth - middle)))
    clear = smooth[smooth > middle + 4 * noise + MIN_CONTRAST / 2] - middle
    if not clear.size:
        return None
    level = float(np.square(clear).sum() / clear.sum())  # a mean that leans to the darkest
    if level < max(MIN_CONTRAST, 5 * noise):
        return None
    return ((ink - middle) / level).astype(np.float32)


def _smooth(ink: np.ndarray) -> np.ndarray:
    """Average noise and the dots of dithered pictures away: blur by a pixel, small pictures less.

    Dots would widen the box around a digit, and holes in a stroke make it look thin.
    """
    return ndimage.gaussian_filter(ink, 1.0 if max(ink.shape) >= 100 else 0.5)


def _surface_through_edges(small: np.ndarray) -> np.ndarray:
    """Fit a quadratic surface to the outer pixels of float32 [height, width, 3], each channel.

    The sum of distances is made small, not of their squares: a digit may well touch the edge.
    """
    height, width = small.shape[:2]
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=2)
    margin = max(1, round(0.06 * max(height, width)))
    edge = np.ones((height, width), bool)
    edge[margin : height - margin, margin : width - margin] = False
    wanted, given = small[edge], terms[edge]
    weights = np.ones(len(given))
    for _ in range(12):  # iteratively reweighted least squares
        weighted = given * weights[:, None] / weights.sum()
        # The small number on the diagonal makes narrow pictures solvable, too.
        factors = np.linalg.solve(weighted.T @ given + 1e-6 * np.eye(6), weighted.T @ wanted)
        weights = 1 / np.maximum(np.linalg.norm(given @ factors - wanted, axis=1), 0.01)
    return (terms @ factors).astype(np.float32)


def _enlarge(small: np.ndarray, height: int, width: int) -> np.ndarray:
    """Enlarge float [h, w] or [h, w, c] smoothly to so many rows and columns."""
    rows = np.linspace(0, small.shape[0] - 1, height)
    columns = np.linspace(0, small.shape[1] - 1, width)
    for axis, places in enumerate((rows, columns)):
        low = np.minimum(places.astype(int), max(0, small.shape[axis] - 2))
        high = np.minimum(low + 1, small.shape[axis] - 1)
        shape = [1] * small.ndim
        shape[axis] = -1
        share = (places - low).astype(np.float32).reshape(shape)
        small = small.take(low, axis) * (1 - share) + small.take(high, axis) * share
    return small


# Ink → digits.


def find_digits(ink: np.ndarray, path: Path | str = "the picture") -> list[Digit]:
    """Group connected ink into digits, from left to right; leave specks and the surroundings out.

    Args:
        ink: float32 [height, width] from `find_ink`.
        path: what errors name.

    Raises:
        PictureError: nothing is large enough, or the digits stand one above the other.
    """
    smooth = _smooth(ink)
    labels, count = ndimage.label(smooth > 0.4, structure=np.ones((3, 3)))
    parts = [
        _Part(k + 1, *_bounds(place), ndimage.sum_labels(ink[place], labels[place], k + 1))
        for k, place in enumerate(ndimage.find_objects(labels, count))
    ]
    parts = _without_specks(_without_surroundings(parts, ink.shape))
    if not parts:
        raise PictureError(
            f"{path} shows no digit: nothing in it has a stroke of {MIN_DIGIT} pixels or more; "
            "fill more of the picture with the digit, or photograph it in better light."
        )
    digits = []
    for group in _side_by_side(parts):
        _require_one_line(group, path)
        # Half a stroke beyond the mask, so that the soft edges of the strokes come along.
        reach = 1 + max(part.longer for part in group) // 20
        top, left = (
            max(0, min(getattr(p, side) for p in group) - reach) for side in ("top", "left")
        )
        bottom, right = max(p.bottom for p in group) + reach, max(p.right for p in group) + reach
        place = slice(top, bottom), slice(left, right)
        mine = np.isin(labels[place], [part.label for part in group])
        mine = ndimage.binary_dilation(mine, iterations=reach) & (mine | (labels[place] == 0))
        digit_ink = np.where(mine, smooth[place], 0)
        digits.append(Digit((left, top, *(s.stop for s in place[::-1])), digit_ink))
    return digits


@dataclass(frozen=True)
class _Part:
    """Ink that hangs together."""

    label: int
    top: int
    bottom: int
    left: int
    right: int
    mass: float

    @property
    def longer(self) -> int:
        return max(self.bottom - self.top, self.right - self.left)


def _bounds(place: tuple[slice, slice]) -> tuple[int, int, int, int]:
    return place[0].start, place[0].stop, place[1].start, place[1].stop


def _without_surroundings(parts: list[_Part], shape: tuple[int, ...]) -> list[_Part]:
    """Leave out what runs out of the picture, if a good part of something else does not."""
    inside = [
        part
        for part in parts
        if part.top > 0 and part.left > 0 and part.bottom < shape[0] and part.right < shape[1]
    ]
    return inside if any(part.longer >= 0.2 * min(shape) for part in inside) else parts


def _without_specks(parts: list[_Part]) -> list[_Part]:
    """Leave out what is small beside the largest part, or too small for a stroke."""
    heaviest = max((part.mass for part in parts), default=0)
    largest = max((part.longer for part in parts), default=0)
    return [
        part
        for part in parts
        if largest >= MIN_DIGIT and part.longer >= 0.12 * largest and part.mass >= 0.03 * heaviest
    ]


def _side_by_side(parts: list[_Part]) -> list[list[_Part]]:
    """Group parts that stand above each other, at least in part: the strokes of one digit."""
    groups: list[list[_Part]] = []
    tallest = max(part.bottom - part.top for part in parts)
    for part in sorted(parts, key=lambda part: part.left):
        if groups:
            right = max(other.right for other in groups[-1])
            narrower = min(part.right - part.left, right - min(o.left for o in groups[-1]))
            if right - part.left > 0.25 * narrower:
                groups[-1].append(part)
                continue
        groups.append([part])
    # What is less than a third as tall as the tallest is a stroke that came loose.
    return _join_small(groups, 0.34 * tallest)


def _join_small(groups: list[list[_Part]], least: float) -> list[list[_Part]]:
    """Join each group that is less than `least` pixels tall to its nearer neighbour."""

    def height(group: list[_Part]) -> int:
        return max(p.bottom for p in group) - min(p.top for p in group)

    def gap(left: list[_Part], right: list[_Part]) -> int:
        return min(p.left for p in right) - max(p.right for p in left)

    groups = list(groups)
    while len(groups) > 1 and min(map(height, groups)) < least:
        k = min(range(len(groups)), key=lambda k: height(groups[k]))
        left = gap(groups[k - 1], groups[k]) if k else np.inf
        right = gap(groups[k], groups[k + 1]) if k + 1 < len(groups) else np.inf
        at = k - 1 if left <= right else k
        groups[at : at + 2] = [groups[at] + groups[at + 1]]
    return groups


def _require_one_line(group: list[_Part], path: Path | str) -> None:
    """Refuse two digits one above the other, which would be taken for one."""
    rows = sorted(group, key=lambda part: part.top)
    height = max(part.bottom for part in rows) - rows[0].top
    for k in range(1, len(rows)):
        end = max(part.bottom for part in rows[:k])
        gap = rows[k].top - end
        below = max(part.bottom for part in rows[k:]) - rows[k].top
        if gap > 0.06 * height and min(end - rows[0].top, below) > 0.3 * height:
            raise PictureError(
                f"{path} shows digits one above the other; crop it to one line of digits."
            )


# One digit → one image.


def fit(ink: np.ndarray, image_shape: tuple[int, int] = (28, 28)) -> np.ndarray:
    """Scale a digit and put it where MNIST has it.

    Args:
        ink: float32 [height, width], 0 paper to 1 ink, with any margin.
        image_shape: height and width of the result.

    Returns:
        uint8 `image_shape`, 0 paper, 255 ink. The digit takes 20/28 of the height or of the width
        at most, and its centre of mass is the middle of the image, as far as it fits in.
    """
    ink = ((ink - 0.1) / 0.9).clip(0, 1)  # what is less is noise, what is more is full ink
    ink = _at_least_thin(ink, image_shape)
    rows, columns = (np.flatnonzero((ink > 0.3).any(axis=axis)) for axis in (1, 0))
    box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    high, wide = box[3] - box[1], box[2] - box[0]
    scale = min(BOX_SHARE * image_shape[0] / high, BOX_SHARE * image_shape[1] / wide)
    high, wide = max(1, round(high * scale)), max(1, round(wide * scale))
    # BOX averages all pixels that fall into one, which is the anti-aliasing of a smaller picture;
    # a digit that must grow is interpolated.
    kind = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    small = np.asarray(Image.fromarray(ink).resize((wide, high), kind, box=box))
    small = small / max(small.max(), 1e-6)

    result = np.zeros(image_shape, np.float32)
    mass = ndimage.center_of_mass(small)
    # In MNIST the mean centre of mass is row 14.0, column 14.0, counted from 0: half a pixel below
    # and to the right of the middle.
    top, left = (
        int(np.clip(round(whole / 2 - centre), 0, whole - side))
        for whole, centre, side in zip(image_shape, mass, small.shape, strict=True)
    )
    result[top : top + high, left : left + wide] = small
    return np.rint(result * 255).astype(np.uint8)


def _at_least_thin(ink: np.ndarray, image_shape: tuple[int, int]) -> np.ndarray:
    """Widen strokes that would be paler than any in MNIST once the digit is scaled."""
    mask = ink > 0.5
    if not mask.any():
        return ink
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    side = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    pixel = side / (BOX_SHARE * max(image_shape))  # how many of ours become one of the result's
    # Across a stroke of width w the distance to its edge is w / 4 in the mean.
    width = 4 * float(ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1][mask].mean())
    missing = int((THIN * pixel - width) / 2 + 0.5)
    if missing < 1:
        return ink
    ink = np.pad(ink, missing)
    y, x = np.ogrid[-missing : missing + 1, -missing : missing + 1]
    return ndimage.grey_dilation(ink, footprint=x * x + y * y <= missing * missing)
