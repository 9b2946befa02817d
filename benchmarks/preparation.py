"""What the preparation of pictures costs: MNIST's test images as photos, scans and drawings.

    python -m benchmarks.preparation --model runs/mnist_mlp --model runs/mnist_cnn

renders test images large in many ways, reads each picture from its file as `common.predict` does,
and compares the accuracy with that on the original images. Then it does the same with the digits
of fonts. With `--update-docs` the tables go into docs/your-own-data.md. Who changes a setting in
common/pictures.py chooses it with `--split validation` and looks at the test images afterwards.
"""

from __future__ import annotations

import io
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from common.data import Split, load_data
from common.pictures.preparation import PictureError, prepare
from common.predict import Model, load_models
from common.run.files import atomic_path
from common.settings import new_parser, parse_count

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from tqdm import tqdm

COMMAND = "python -m benchmarks.preparation"
DOCS = Path(__file__).resolve().parents[1] / "docs" / "your-own-data.md"
ZOOM = 10
# Each set of fonts has a table of its own, which names the package that brings the font: Matplotlib
# has the printed ones, Debian and Ubuntu the others.
PRINTED = dict.fromkeys(
    (
        *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSerif"),
        *("DejaVuSerif-Italic", "DejaVuSansMono", "STIXGeneral", "STIXGeneralItalic"),
        *("cmr10", "cmmi10", "cmtt10"),
    ),
    "Matplotlib",
)
HANDWRITTEN = {
    "BecauseWeBuild-Regular": "fonts-bwht",
    "BecauseWeConnect-Regular": "fonts-bwht",
    "BecauseWeCreate-Regular": "fonts-bwht",
    "BecauseWeLearn-Regular": "fonts-bwht",
    "BecauseWeMentor-Regular": "fonts-bwht",
    "BecauseWeOrganize-Regular": "fonts-bwht",
    "dkg": "fonts-dkg-handwriting",
    "Breip": "fonts-breip",
    "Kristi": "fonts-kristi",
    "Rufscript010": "fonts-rufscript",
    "Humor-Sans": "fonts-humor-sans",
    "Isabella": "fonts-isabella",
    "KleeOne-Regular": "fonts-klee",
    "ComicNeue-Regular": "fonts-comic-neue",
    "DancingScript-Regular": "fonts-dancingscript",
    "Ecolier-court": "fonts-ecolier-court",
    "femkeklaver": "fonts-femkeklaver",
}
SIZES = (40, 90, 200)  # pixels


# What can happen to a digit, as functions of float [height, width] ink, 0 to 1, and a generator.


def enlarge(image: np.ndarray) -> np.ndarray:
    """Enlarge uint8 [height, width] tenfold, smoothly, to ink from 0 to 1: what all begins with."""
    ink = image / np.float32(255)
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
    return colours + 0.1 * random.standard_normal(colours.shape, np.float32)


# name, what happens, the file's format, its quality
CLEAN = {
    "black on white, 10 times as large": ([black_on_white], "PNG"),
    "white on black": ([white_on_black], "PNG"),
    "somewhere on a larger page": ([page, black_on_white], "PNG"),
    "rotated by up to 10°": ([page, rotate, black_on_white], "PNG"),
    "thinner strokes": ([thin, black_on_white], "PNG"),
    "thicker strokes": ([thick, black_on_white], "PNG"),
    "coloured ink and paper": ([page, coloured], "PNG"),
}
DIRTY = {
    "light from one side": ([page, black_on_white, uneven], "PNG"),
    "coloured, light from one side": ([page, coloured, uneven], "PNG"),
    "a shadow across": ([page, black_on_white, shadow], "PNG"),
    "noise": ([page, black_on_white, noise], "PNG"),
    "JPEG of quality 10": ([page, black_on_white], "JPEG"),
    "all: rotated, coloured, light, noise, JPEG": (
        [page, rotate, coloured, uneven, noise],
        "JPEG",
    ),
}


def render(
    ink: np.ndarray, steps: Sequence[Callable[..., np.ndarray]], kind: str, seed: int
) -> bytes:
    """Make a picture file of a digit.

    Args:
        ink: what `enlarge` returns.
        steps: functions of this module, applied in this order.
        kind: PNG or JPEG.
        seed: equal seeds, equal files.
    """
    random = np.random.default_rng(seed)
    picture = ink
    for step in steps:
        picture = step(picture, random)
    pixels = np.rint(picture.clip(0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    how = {"quality": 10} if kind == "JPEG" else {"compress_level": 1}
    Image.fromarray(pixels).save(file, kind, **how)
    return file.getvalue()


def prepared(content: bytes) -> np.ndarray:
    """Prepare a file as `common.predict` does: uint8 [784], empty where it is refused."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        try:
            return prepare(file.name).images.ravel()
        except PictureError:
            return np.zeros(784, np.uint8)  # counted as an error below, whatever a net makes of it


def prepared_renderings(images: np.ndarray) -> np.ndarray:
    """Render each image in each way and prepare it again.

    Args:
        images: uint8 [n, 784].

    Returns:
        uint8 [n, ways, 784], the ways in the order of CLEAN and then of DIRTY.
    """

    def all_ways(seed: int) -> np.ndarray:
        ink = enlarge(images[seed].reshape(28, 28))
        ways = (CLEAN | DIRTY).values()
        return np.stack([prepared(render(ink, steps, kind, seed)) for steps, kind in ways])

    # SciPy and Pillow do most of the work outside Python's lock, so threads share it.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(all_ways, range(len(images)))
        return np.stack(list(tqdm(done, "Images", len(images), disable=None, leave=False)))


def accuracy(model: Model, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of right answers; an empty image has none."""
    right = model.probabilities(images).argmax(axis=1) == labels
    return float((right & images.any(axis=1)).mean())


def renderings(models: Sequence[Model], originals: Split) -> list[tuple[str, list[float]]]:
    """Measure the accuracy of each model on the originals and on each rendering of them.

    Returns:
        a name and one share per model, for each row of the table.
    """
    again = prepared_renderings(originals.images)
    names = ["the original images", *CLEAN, *DIRTY]
    columns = [originals.images, *again.swapaxes(0, 1)]
    return [
        (name, [accuracy(model, images, originals.labels) for model in models])
        for name, images in zip(names, columns, strict=True)
    ]


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


def find_fonts(names: Sequence[str]) -> dict[str, Path]:
    """Return where the fonts are, of those that Matplotlib brings along or finds installed."""
    import matplotlib
    from matplotlib import font_manager

    own = sorted(Path(matplotlib.get_data_path()).glob("fonts/ttf/*.ttf"))
    installed = sorted(map(Path, font_manager.findSystemFonts()))
    # The former come last and thus first: they are the same everywhere.
    found = {path.stem: path for path in [*installed, *own]}
    return {name: found[name] for name in names if name in found}


def fonts(models: Sequence[Model], packages: dict[str, str]) -> list[tuple[str, list[str]]]:
    """Let each model read the ten digits of each font in three sizes.

    Args:
        models: the nets.
        packages: the package of each font, which stands in the table.

    Returns:
        the font's name, and for each model how many of 30 it reads and which it does not; a last
        row with the shares of all. A font that is not installed has a row that says so.
    """
    found = find_fonts(list(packages))
    labels = np.tile(np.arange(10), len(SIZES))
    rows, totals = [], np.zeros(len(models), int)
    for name, package in packages.items():
        if name not in found:
            rows.append((name, [package, *["not installed"] * len(models)]))
            continue
        files = [draw_digit(found[name], size, digit) for size in SIZES for digit in range(10)]
        images = np.stack([prepared(file) for file in files])
        right = np.stack([m.probabilities(images).argmax(axis=1) == labels for m in models])
        right &= images.any(axis=1)
        totals += right.sum(axis=1)
        rows.append((name, [package, *(_read_and_not(labels, one) for one in right)]))
    drawn = max(1, len(found) * len(labels))
    return [*rows, ("all", [f"{len(found)} fonts", *(f"{total / drawn:.1%}" for total in totals)])]


def _read_and_not(labels: np.ndarray, right: np.ndarray) -> str:
    """Return how many digits were read and which were not always: `26 (not 4 9)`."""
    wrong = " ".join(map(str, sorted(set(labels[~right].tolist()))))
    return f"{right.sum()}" + (f" (not {wrong})" if wrong else "")


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
    parser = new_parser(COMMAND, __doc__)
    parser.add_argument("--model", action="append", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--split",
        choices=("test", "validation"),
        default="test",
        help="take MNIST's test images, or its validation images (default: test)",
    )
    parser.add_argument(
        "--images",
        type=parse_count,
        default=1000,
        metavar="N",
        help="take the first N of them (default: 1000)",
    )
    parser.add_argument(
        "--update-docs",
        action="store_true",
        help=f"put the tables into {DOCS.name}; only with the test images",
    )
    options = parser.parse_args(argv)
    if options.update_docs and options.split != "test":
        parser.error("--update-docs goes with --split test: validation images only choose settings")
    models = load_models(options.model)
    measured = renderings(models, getattr(load_data(), options.split).first(options.images))
    original = measured[0][1]
    names = [model.name for model in models]
    rows = [("the original images", [f"{share:.1%}" for share in original])]
    rows += [
        (name, [f"{s:.1%} ({100 * (s - o):+.1f})" for s, o in zip(shares, original, strict=True)])
        for name, shares in measured[1:]
    ]
    head = ["font", "package", *names]
    printed = [
        ("renderings", table(["picture", *names], rows)),
        ("printed", table(head, fonts(models, PRINTED))),
        ("handwritten", table(head, fonts(models, HANDWRITTEN))),
    ]
    command = shlex.join([*COMMAND.split(), *(sys.argv[1:] if argv is None else argv)])
    for name, text in printed:
        print(text, end="\n\n")
        if options.update_docs:
            _publish(name, f"`{command}`:\n\n{text}")
    return {name: dict(zip(names, shares, strict=True)) for name, shares in measured}


def _publish(name: str, text: str) -> None:
    """Put a text between its two marks in the documentation."""
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(start)
    after = rest.partition(end)[2]
    with atomic_path(DOCS) as temporary:
        temporary.write_text(f"{before}{start}{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
