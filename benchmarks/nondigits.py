"""Pictures that show no digit, drawn at random: letters, scribbles, shapes, blank paper, photos.

Each kind is a function of a random generator that returns a grey picture, uint8 [height, width].
Letters that look like digits are a kind of their own. Nothing is read from the network: the letters
are those of Matplotlib's fonts, the photos those that scikit-learn brings.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from pathlib import Path

from benchmarks.fonts import PRINTED, find_fonts

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

Random = np.random.Generator
LIKE_DIGITS = "BDGIOQSZbgijloqsz"  # a reader takes these for 8 0 6 1 0 0 5 2 6 9 1 1 1 0 9 5 2
LETTERS = "ACEFHJKLMNPRTUVWXYacdefhkmnprtuvwxy"
SYMBOLS = "☎☂☃★☺♞♥✂✈✿❄⌘☯⚓♫&@#%?$€§¶ΩΨΔΣΞΦЖЮЩאשऌ"
WORDS = ("the", "and", "house", "paper", "photo", "total", "name", "date", "hello", "zero", "sum")
SIDE = 240  # pixels of a drawing


def _canvas() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("L", (SIDE, SIDE), 0)
    return picture, ImageDraw.Draw(picture)


def _pen(random: Random) -> int:
    return int(random.integers(8, 26))


def _paper(ink: Image.Image | np.ndarray, random: Random) -> np.ndarray:
    """Put ink, 0 to 255, on paper: dark on light, or in a fifth of the pictures light on dark."""
    amount = np.asarray(ink, np.float32) / 255
    paper, pen = random.uniform(200, 255), random.uniform(0, 90)
    if random.random() < 0.2:
        paper, pen = pen, paper
    pixels = paper + amount * (pen - paper) + random.normal(0, random.uniform(0, 4), amount.shape)
    return pixels.clip(0, 255).astype(np.uint8)


def _text(text: str, random: Random, size: int = 150, font: str = "") -> Image.Image:
    """Draw text in a font of Matplotlib's, in the middle of a picture."""
    fonts = list(_fonts().values())
    path = _fonts()[font] if font else fonts[random.integers(len(fonts))]
    face = ImageFont.truetype(str(path), size)
    left, top, right, bottom = face.getbbox(text)
    picture = Image.new("L", (right - left + 80, bottom - top + 80), 0)
    ImageDraw.Draw(picture).text((40 - left, 40 - top), text, 255, face)
    return picture


@functools.cache
def _fonts() -> dict[str, Path]:
    """Return Matplotlib's text fonts that have all letters."""
    return find_fonts(list(PRINTED))


def _by_hand(ink: Image.Image, random: Random) -> np.ndarray:
    """Distort ink as handwriting differs from print: slant, size, wavering strokes, another pen."""
    picture = np.pad(np.asarray(ink, np.float32), 30)
    centre = np.array(picture.shape) / 2
    angle, slant = random.normal(0, 0.12), random.normal(0, 0.2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[1, 0], [slant, 1]]) @ np.diag(random.uniform(0.8, 1.25, 2))
    places = np.stack(np.meshgrid(*map(np.arange, picture.shape), indexing="ij"), axis=2) - centre
    waves = random.normal(0, 1, (*picture.shape, 2))
    waves = ndimage.gaussian_filter(waves, (22, 22, 0))
    places = places @ matrix.T + centre + waves * (random.uniform(3, 7) / waves.std())
    picture = ndimage.map_coordinates(picture, np.moveaxis(places, 2, 0), order=1)
    change = int(random.integers(-5, 9))
    if change > 0:
        picture = ndimage.grey_dilation(picture, change)
    elif change < 0 and (thinner := ndimage.grey_erosion(picture, -change)).max() > 200:
        picture = thinner
    return ndimage.gaussian_filter(picture, 1.0)


def _curve(random: Random, points: int) -> np.ndarray:
    """Return a smooth curve through random points, float [n, 2]."""
    knots = random.uniform(25, SIDE - 25, (points, 2))
    steps = np.linspace(0, points - 1, 30 * points)
    smooth = [ndimage.map_coordinates(knots[:, k], [steps], order=3) for k in (0, 1)]
    return np.stack(smooth, axis=1).clip(5, SIDE - 5)


def letter(random: Random) -> np.ndarray:
    """A printed letter that does not look like a digit."""
    return _paper(_text(random.choice(list(LETTERS)), random), random)


def letter_by_hand(random: Random) -> np.ndarray:
    """The same, distorted like handwriting."""
    return _paper(_by_hand(_text(random.choice(list(LETTERS)), random), random), random)


def letter_like_digit(random: Random) -> np.ndarray:
    """A letter, distorted like handwriting, that can be taken for a digit."""
    return _paper(_by_hand(_text(random.choice(list(LIKE_DIGITS)), random), random), random)


def symbol(random: Random) -> np.ndarray:
    """An icon or a character that is neither a letter nor a digit."""
    text = str(random.choice(list(SYMBOLS)))
    return _paper(_text(text, random, font="DejaVuSans"), random)


def word(random: Random) -> np.ndarray:
    """A printed word; where its letters touch, it is one shape."""
    ink = np.asarray(_text(str(random.choice(WORDS)), random, size=90))
    wide = int(random.integers(1, 14))
    return _paper(ndimage.grey_dilation(ink, (3, wide)), random)


def scribble(random: Random) -> np.ndarray:
    """A long line without a plan."""
    picture, draw = _canvas()
    draw.line([*map(tuple, _curve(random, random.integers(6, 16)))], 255, _pen(random), "curve")
    return _paper(picture, random)


def strokes(random: Random) -> np.ndarray:
    """Straight strokes that cross or meet: crosses, zigzags, arrows, grids."""
    picture, draw = _canvas()
    width, kind = _pen(random), random.integers(5)
    a, b = random.integers(30, 70, 2)
    c, d, middle = SIDE - a, SIDE - b, SIDE // 2
    if kind == 0:
        draw.line([(a, b), (c, d)], 255, width)
        draw.line([(a, d), (c, b)], 255, width)
    elif kind == 1:
        draw.line([(a, middle), (c, middle)], 255, width)
        draw.line([(middle, b), (middle, d)], 255, width)
    elif kind == 2:
        xs = np.linspace(a, c, random.integers(5, 9))
        draw.line([(x, (b, d)[k % 2]) for k, x in enumerate(xs)], 255, width, "curve")
    elif kind == 3:
        draw.line([(a, middle), (c, middle)], 255, width)
        draw.line([(c - 50, middle - 50), (c, middle), (c - 50, middle + 50)], 255, width)
    else:
        for x in np.linspace(a, c, 3):
            draw.line([(x, b), (x, d)], 255, width)
            draw.line([(a, x), (c, x)], 255, width)
    return _paper(picture.rotate(random.uniform(-8, 8)), random)


def shape(random: Random) -> np.ndarray:
    """A polygon or a star, filled or not, or a disc; an outline can be taken for a 0."""
    picture, draw = _canvas()
    corners, radius = int(random.choice([3, 4, 4, 5, 10, 40])), random.uniform(60, 100)
    turn = random.uniform(0, 2 * np.pi)
    angles = turn + 2 * np.pi * np.arange(corners) / corners
    radii = radius * np.where((corners == 10) & (np.arange(corners) % 2 == 1), 0.45, 1)
    points = SIDE / 2 + np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    outline = [*map(tuple, points), tuple(points[0])]
    if corners == 40 or random.random() < 0.5:
        draw.polygon(outline, 255)
    else:
        draw.line(outline, 255, _pen(random), "curve")
    return _paper(picture, random)


def face(random: Random) -> np.ndarray:
    """A face or a stick figure of simple strokes."""
    picture, draw = _canvas()
    width, a = _pen(random), int(random.integers(30, 60))
    if random.random() < 0.5:
        draw.ellipse([a, a, SIDE - a, SIDE - a], None, 255, width)
        for x in (90, 140):
            draw.ellipse([x, 90, x + 14, 104], 255)
        draw.arc([90, 100, 150, 160], 20, 160, 255, width)
    else:
        draw.ellipse([95, a - 10, 145, a + 40], None, 255, width)
        draw.line([(120, a + 40), (120, 150)], 255, width)
        draw.line([(80, a + 70), (160, a + 70)], 255, width)
        draw.line([(80, 210), (120, 150), (160, 210)], 255, width)
    return _paper(picture, random)


def squares(random: Random) -> np.ndarray:
    """Black and white squares, like a QR code or a chess board."""
    count = int(random.integers(5, 22))
    cells = random.random((count, count)) < random.uniform(0.3, 0.6)
    if random.random() < 0.3:
        cells = np.indices((count, count)).sum(axis=0) % 2 == 0
    ink = np.kron(cells, np.ones((SIDE // count,) * 2)) * 255
    return _paper(np.pad(ink, int(random.integers(0, 50))), random)


def blobs(random: Random) -> np.ndarray:
    """Stains and clouds: smooth noise, some of it cut at a level."""
    field = ndimage.gaussian_filter(random.normal(size=(SIDE, SIDE)), random.uniform(4, 30))
    field = (field - field.mean()) / field.std()
    if random.random() < 0.5:
        return _paper((field > random.uniform(0.3, 1.5)) * 255.0, random)
    return (128 + random.uniform(10, 60) * field).clip(0, 255).astype(np.uint8)


def blank_paper(random: Random) -> np.ndarray:
    """Paper with nothing on it: fibres, noise, perhaps a shadow, a crease, its edge."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    angle = random.uniform(0, 2 * np.pi, 3)
    along = np.cos(angle)[:, None, None] * x + np.sin(angle)[:, None, None] * y
    light = random.uniform(120, 240) * (1 + random.uniform(0, 0.3) * along[0])
    fibres = ndimage.gaussian_filter(random.normal(size=x.shape), random.uniform(1, 5))
    light += fibres / fibres.std() * random.uniform(0.5, 6) + random.normal(0, 3, x.shape)
    if random.random() < 0.4:
        light *= 1 - random.uniform(0.05, 0.4) / (1 + np.exp(-along[1] * random.uniform(3, 30)))
    if random.random() < 0.4:
        light += random.uniform(-25, 25) * np.exp(-((along[2] * random.uniform(10, 60)) ** 2))
    if random.random() < 0.3:
        light[along[2] > random.uniform(0.5, 1)] *= random.uniform(0.2, 0.7)
    return light.clip(0, 255).astype(np.uint8)


def photo(random: Random) -> np.ndarray:
    """A part of a photo of a landscape or a flower."""
    image = _photos()[random.integers(2)]
    side = int(random.integers(60, min(image.shape)))
    top, left = (random.integers(0, whole - side) for whole in image.shape)
    return image[top : top + side, left : left + side]


@functools.cache
def _photos() -> list[np.ndarray]:
    from sklearn.datasets import load_sample_images

    return [
        np.asarray(Image.fromarray(image).convert("L")) for image in load_sample_images().images
    ]


KINDS: dict[str, Callable[[Random], np.ndarray]] = {
    "letters, printed": letter,
    "letters, by hand": letter_by_hand,
    "letters like digits": letter_like_digit,
    "symbols": symbol,
    "words": word,
    "scribbles": scribble,
    "crosses, arrows, zigzags": strokes,
    "shapes": shape,
    "faces": face,
    "squares": squares,
    "blobs": blobs,
    "blank paper": blank_paper,
    "photos": photo,
}


def draw(kind: str, seed: int) -> bytes:
    """Return a PNG file that shows no digit.

    Args:
        kind: a key of KINDS.
        seed: equal seeds give equal files.
    """
    pixels = KINDS[kind](np.random.default_rng(seed))
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()
