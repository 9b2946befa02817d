"""What the preparation of pictures costs: MNIST's test images as photos, scans and drawings.

    python -m benchmarks.preparation --model runs/mnist_mlp --model runs/mnist_cnn

renders test images large in many ways, reads each picture from its file as `common.predict` does,
and compares the accuracy with that on the original images. Then it does the same with the digits
of fonts. With `--update-docs` the tables go into docs/your-own-data.md.
"""

from __future__ import annotations

import argparse
import io
import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common.cli import parse_count
from common.data import load_data
from common.files import atomic_path
from common.pictures import PictureError, prepare
from common.predict import Model, load_models

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from tqdm import tqdm

COMMAND = "python -m benchmarks.preparation"
DOCS = Path(__file__).resolve().parents[1] / "docs" / "your-own-data.md"
ZOOM = 10
# Fonts that come with Matplotlib or with most Linux desktops. None is handwriting: these digits
# are printed ones, and no net here has seen any.
FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSerif-Italic"),
    *("DejaVuSansMono", "STIXGeneral", "STIXGeneralItalic", "cmr10", "cmmi10", "cmtt10"),
)
SIZES = (40, 90, 200)  # pixels


# What can happen to a digit, as functions of float [height, width] ink, 0 to 1, and a generator.


def enlarge(ink: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Enlarge tenfold, smoothly."""
    return ndimage.zoom(ink, ZOOM, order=3, grid_mode=True, mode="grid-constant").clip(0, 1)


def rotate(ink: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Turn by at most 10 degrees."""
    return ndimage.rotate(ink, random.uniform(-10, 10), reshape=False, order=1)


def thin(ink: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Take 4 of the 280 pixels from both sides of each stroke."""
    return ndimage.grey_erosion(ink, footprint=_disc(4))


def thick(ink: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Add 5 of the 280 pixels to both sides of each stroke."""
    return ndimage.grey_dilation(ink, footprint=_disc(5))


def _disc(radius: int) -> np.ndarray:
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return x * x + y * y <= radius * radius


def page(ink: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Put the digit somewhere on a page half as large again."""
    high, wide = ink.shape
    top, left = random.integers(0, high // 2), random.integers(0, wide // 2)
    around = (top, high // 2 - top), (left, wide // 2 - left)
    return np.pad(ink, around)


# And how ink and paper become colours [height, width, 3], 0 to 1.


def black_on_white(ink: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Black ink on white paper."""
    return np.repeat(1 - ink[..., None], 3, axis=2)


def white_on_black(ink: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Chalk on a board."""
    return np.repeat(ink[..., None], 3, axis=2)


def coloured(ink: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Dark ink of any colour on light paper of any colour, or the other way round."""
    dark, light = random.uniform(0, 0.4, 3), random.uniform(0.6, 1, 3)
    paper, pen = (light, dark) if random.random() < 0.5 else (dark, light)
    return paper + ink[..., None] * (pen - paper)


def uneven(colours: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Light from one side, a half to a fifth as strong on the other."""
    high, wide = colours.shape[:2]
    angle = random.uniform(0, 2 * np.pi)
    y, x = np.meshgrid(np.linspace(-1, 1, high), np.linspace(-1, 1, wide), indexing="ij")
    far = (np.cos(angle) * x + np.sin(angle) * y) / np.sqrt(2) / 2 + 0.5
    return colours * (1 - random.uniform(0.5, 0.8) * far)[..., None]


def shadow(colours: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The shadow of a hand: half the light beyond a line across the picture."""
    high, wide = colours.shape[:2]
    angle = random.uniform(0, 2 * np.pi)
    y, x = np.meshgrid(np.linspace(-1, 1, high), np.linspace(-1, 1, wide), indexing="ij")
    beyond = np.cos(angle) * x + np.sin(angle) * y + random.uniform(-0.5, 0.5)
    return colours * (1 - 0.5 / (1 + np.exp(-beyond * 20)))[..., None]


def noise(colours: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The noise of a camera in bad light: standard deviation 0.1 in each pixel and colour."""
    return colours + random.normal(0, 0.1, colours.shape)


# name, what happens, the file's format, its quality
CLEAN = {
    "black on white, 10 times as large": ([enlarge, black_on_white], "PNG"),
    "white on black": ([enlarge, white_on_black], "PNG"),
    "somewhere on a larger page": ([enlarge, page, black_on_white], "PNG"),
    "rotated by up to 10°": ([enlarge, page, rotate, black_on_white], "PNG"),
    "thinner strokes": ([enlarge, thin, black_on_white], "PNG"),
    "thicker strokes": ([enlarge, thick, black_on_white], "PNG"),
    "coloured ink and paper": ([enlarge, page, coloured], "PNG"),
}
DIRTY = {
    "light from one side": ([enlarge, page, black_on_white, uneven], "PNG"),
    "coloured, light from one side": ([enlarge, page, coloured, uneven], "PNG"),
    "a shadow across": ([enlarge, page, black_on_white, shadow], "PNG"),
    "noise": ([enlarge, page, black_on_white, noise], "PNG"),
    "JPEG of quality 10": ([enlarge, page, black_on_white], "JPEG"),
    "all: rotated, coloured, light, noise, JPEG": (
        [enlarge, page, rotate, coloured, uneven, noise],
        "JPEG",
    ),
}


def render(
    image: np.ndarray, steps: Sequence[Callable[..., np.ndarray]], kind: str, seed: int
) -> bytes:
    """Make a picture file of a digit.

    Args:
        image: uint8 [28, 28], 255 is ink.
        steps: functions of this module, applied in this order.
        kind: PNG or JPEG.
        seed: equal seeds, equal files.
    """
    random = np.random.default_rng(seed)
    picture = image / 255
    for step in steps:
        picture = step(picture, random)
    pixels = np.rint(picture.clip(0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **({"quality": 10} if kind == "JPEG" else {}))
    return file.getvalue()


def prepared(files: Sequence[bytes], name: str) -> np.ndarray:
    """Prepare files as `common.predict` does; a refused one becomes an empty image.

    Returns:
        uint8 [files, 784]
    """
    images = np.zeros((len(files), 784), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        for k, content in enumerate(tqdm(files, desc=name, disable=None, leave=False)):
            path.write_bytes(content)
            try:
                images[k] = prepare(path).images.ravel()
            except PictureError:
                continue  # counted as an error below, whatever the net makes of nothing
    return images


def accuracy(model: Model, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of right answers; an empty image has none."""
    right = model.probabilities(images).argmax(axis=1) == labels
    return float((right & images.any(axis=1)).mean())


def renderings(models: Sequence[Model], count: int) -> list[tuple[str, list[float]]]:
    """Measure the accuracy of each model on the originals and on each rendering of them.

    Returns:
        a name and one share per model, for each row of the table.
    """
    test = load_data().test.first(count)
    rows = [("the original images", [accuracy(m, test.images, test.labels) for m in models])]
    for name, (steps, kind) in (CLEAN | DIRTY).items():
        files = [
            render(image.reshape(28, 28), steps, kind, seed)
            for seed, image in enumerate(tqdm(test.images, desc=name, disable=None, leave=False))
        ]
        images = prepared(files, name)
        rows.append((name, [accuracy(m, images, test.labels) for m in models]))
        print(rows[-1][0], *(f"{share:.1%}" for share in rows[-1][1]), flush=True)
    return rows


def draw_digit(font: Path, size: int, digit: int) -> bytes:
    """Draw a digit of a font, black on white, with a margin: a PNG file."""
    face = ImageFont.truetype(str(font), size)
    left, top, right, bottom = face.getbbox(str(digit))
    margin = size // 3
    picture = Image.new("L", (right - left + 2 * margin, bottom - top + 2 * margin), 255)
    ImageDraw.Draw(picture).text((margin - left, margin - top), str(digit), 0, face)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def fonts(models: Sequence[Model]) -> list[tuple[str, list[str]]]:
    """Let each model read the ten digits of each font in three sizes.

    Returns:
        the font's name, and for each model how many of 30 it reads and which it does not.
    """
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    rows = []
    for name in FONTS:
        drawn = [draw_digit(folder / f"{name}.ttf", s, digit) for s in SIZES for digit in range(10)]
        images = prepared(drawn, name)
        labels = np.tile(np.arange(10), len(SIZES))
        cells = []
        for model in models:
            right = model.probabilities(images).argmax(axis=1) == labels
            wrong = " ".join(map(str, sorted(set(labels[~right].tolist()))))
            cells.append(f"{right.sum()}" + (f" (not {wrong})" if wrong else ""))
        rows.append((name, cells))
    return rows


def table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return a table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join([name, *cells]) + " |" for name, cells in rows)])


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print and, where asked for, write the tables; return the shares of the first one.

    Raises:
        UserError: a model cannot be loaded, or the documentation cannot be written.
        SystemExit: a usage error (status 2).
    """
    parser = argparse.ArgumentParser(
        prog=COMMAND, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", action="append", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--images",
        type=parse_count,
        default=2000,
        metavar="N",
        help="take the first N test images (default: 2000)",
    )
    parser.add_argument(
        "--update-docs", action="store_true", help=f"put the tables into {DOCS.name}"
    )
    options = parser.parse_args(argv)
    models = load_models(options.model)
    measured = renderings(models, options.images)
    original = measured[0][1]
    head = ["picture", *(model.name for model in models)]
    rows = [("the original images", [f"{share:.1%}" for share in original])]
    rows += [
        (name, [f"{s:.1%} ({100 * (s - o):+.1f})" for s, o in zip(shares, original, strict=True)])
        for name, shares in measured[1:]
    ]
    printed = [
        ("renderings", table(head, rows)),
        ("fonts", table(["font", *head[1:]], fonts(models))),
    ]
    command = shlex.join([*COMMAND.split(), *(sys.argv[1:] if argv is None else argv)])
    for name, text in printed:
        print(text, end="\n\n")
        if options.update_docs:
            _publish(name, f"`{command}`:\n\n{text}")
    return {name: dict(zip(head[1:], shares, strict=True)) for name, shares in measured}


def _publish(name: str, text: str) -> None:
    """Put a text between its two marks in the documentation."""
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(start)
    after = rest.partition(end)[2]
    with atomic_path(DOCS) as temporary:
        temporary.write_text(f"{before}{start}{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
