"""What all pictures share: the figure and its file, a grid of images, colour scales, names."""

from __future__ import annotations

import io
import os
import sys
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from common.process.text import visible
from common.run.files import atomic_path

import numpy as np

WIDTH, DPI = 858, 110  # pixels, about the width of a README; pixels per inch
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#888888"


def import_matplotlib() -> None:
    """Import Matplotlib, which fails where MPLBACKEND names a backend that it does not know.

    An old profile may set one, and the terminal of a notebook sets that of the notebook. Such a
    value is left out, and the pictures are the same.
    """
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib

        module = (backend or "").removeprefix("module://")
        with suppress(Exception):  # an unknown backend, or a broken package of that name
            if backend and (module == backend or find_spec(module)):
                matplotlib.rcParams["backend"] = backend
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend


@contextmanager
def new_picture(
    path: Path | str, title: str, show: bool, height: int, layout: str = "none"
) -> Iterator[Any]:
    """Create a figure with `height` pixels below its title; save it as PNG when the block ends.

    Args:
        path: the file to write.
        title: the title, broken into lines as needed.
        show: also keep the figure for `show_all`.
        height: pixels; the title needs 24 and another 20 for each of its lines.
        layout: a layout engine of Matplotlib; "none" for axes at given pixels (see `add_axes`).

    Raises:
        UserError: the file cannot be written; a file that was there before is unchanged.
    """
    import_matplotlib()
    import matplotlib.style
    from matplotlib.figure import Figure
    from PIL import Image

    # The pictures do not depend on the user's matplotlibrc, and a $ in a name is a $.
    style = ["default", {"text.parse_math": False}]
    with matplotlib.style.context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        lines = textwrap.wrap(visible(title), len(title) // (1 + len(title) // 84) + 8)
        pixels = height + 24 + 20 * len(lines)
        # Matplotlib rounds the size in pixels down.
        size = (WIDTH + 0.01) / DPI, (pixels + 0.01) / DPI
        figure = None
        if show:
            with suppress(Exception):  # without a display the file is written; show_all reports it
                import matplotlib.pyplot as plt

                figure = plt.figure(figsize=size, dpi=DPI, layout=layout)
        figure = figure or Figure(figsize=size, dpi=DPI, layout=layout)
        place = {"y": 1 - 8 / pixels} if layout == "none" else {}  # other layouts place the title
        figure.suptitle("\n".join(lines), size=12, **place)
        yield figure
        drawn = io.BytesIO()
        figure.savefig(drawn, format="rgba", dpi=DPI)
        picture = Image.frombytes("RGBA", (WIDTH, pixels), drawn.getvalue()).convert("RGB")
        with atomic_path(path) as temporary:  # 256 colours look the same in a third of the bytes
            picture.quantize(256).save(temporary, format="png", optimize=True)


def draw_message(path: Path | str, title: str, show: bool, message: str) -> None:
    """Write a picture with a short text in place of data."""
    with new_picture(path, title, show, 120) as figure:
        figure.text(0.5, 0.4, message, ha="center", va="center", size=14)


class Grid:
    """Captioned images of one size in rows, drawn as one array.

    One Axes per image would look the same and take several times as long.

    Args:
        images: numbers `[n, height, width]` with n from 1 up.
        colours: the colour scale of the images, from `colour_scale`.
        captions: a text above each image.
        width: of the grid in pixels, at most.
        columns: images per row; chosen by their number if None.
        text_size: of the captions, in points.
    """

    def __init__(
        self,
        images: np.ndarray,
        colours: Any,
        captions: Sequence[str],
        width: int,
        columns: int | None = None,
        text_size: int = 8,
    ) -> None:
        count = len(images)
        # The number of columns that leaves the fewest gaps in the last row, preferably about eight.
        options = range(4, 10) if count <= 100 else [16]
        columns = columns or min(options, key=lambda number: (-count % number, abs(number - 8)))
        columns = min(columns, count)
        pitch = min(width // columns, 290)
        # Each pixel becomes a square of whole screen pixels. Rows and columns of an image that is
        # too large for that are left out.
        space, side = min(pitch - 6, 170), max(images.shape[1:])
        images = images[:, :: -(-side // space), :: -(-side // space)]
        pixels = colours.cmap(colours.norm(images), bytes=True)[..., :3]
        zoom = space // max(images.shape[1:])
        pixels = pixels.repeat(zoom, axis=1).repeat(zoom, axis=2)
        high, wide = pixels.shape[1:3]
        lines = max(caption.count("\n") + 1 for caption in captions)
        above = int(text_size * lines * 1.2 * DPI / 72) + 10
        self.width, self.height = columns * pitch, -(-count // columns) * (above + high + 1)
        self.canvas = np.full((self.height, self.width, 3), 255, np.uint8)
        self.captions = []
        for k, (image, caption) in enumerate(zip(pixels, captions, strict=True)):
            top = k // columns * (above + high + 1) + above
            left = k % columns * pitch + (pitch - wide) // 2
            self.canvas[top - 1 : top + high + 1, left - 1 : left + wide + 1] = 136  # grey frame
            self.canvas[top : top + high, left : left + wide] = image
            self.captions.append((left + wide / 2, top - 5, caption))
        self.text_size = text_size

    def draw(self, figure: Any, left: int, bottom: int) -> None:
        """Draw the grid with its lower left corner at this pixel, one element on one pixel."""
        axes = add_axes(figure, left, bottom, self.width, self.height)
        axes.set_axis_off()
        axes.imshow(self.canvas, interpolation="nearest", aspect="auto")
        for x, y, caption in self.captions:
            axes.text(x, y, caption, ha="center", va="bottom", size=self.text_size)


def add_axes(figure: Any, left: int, bottom: int, width: int, height: int) -> Any:
    """Add axes at a place given in pixels from the lower left corner."""
    whole = np.tile(figure.get_size_inches() * DPI, 2)
    return figure.add_axes(np.array([left, bottom, width, height]) / whole)


def add_colour_bar(
    figure: Any, colours: Any, label: str, left: int, height: int, extend: str
) -> None:
    """Add a colour bar; an arrow at its `extend` ("min", "max", "both") means values beyond."""
    axes = add_axes(figure, left, 12, 16, height - 24)
    figure.colorbar(colours, cax=axes, label=label, extend=extend)


def colour_scale(name: str, lowest: float, highest: float) -> Any:
    """Return a ScalarMappable: the colour map `name` for numbers from `lowest` to `highest`."""
    import_matplotlib()
    import matplotlib
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    # 65 shades, one of them for the middle, look continuous and make the file smaller.
    shades = matplotlib.colormaps[name].resampled(65).with_extremes(bad="#DDDDDD")  # bad: NaN
    return ScalarMappable(Normalize(lowest, highest), shades)


def scale_end(numbers: np.ndarray) -> float:
    """Return the 99.5th percentile of the absolute values, the end of a colour scale.

    The maximum would make all other colours pale if there is an outlier. NaN and infinity do not
    count. The result is always above zero.
    """
    sizes = np.abs(numbers[np.isfinite(numbers)])
    return float(np.quantile(sizes, 0.995) or sizes.max() or 1) if sizes.size else 1.0


def short_names(names: Iterable[str], longest: int) -> list[str]:
    """Shorten the names of models, which begin alike and end in their flags.

    Args:
        names: the names.
        longest: letters.

    Returns:
        the names, those that are too long without their middle. Those that would be equal end in
        the number of their place, from 1 up.
    """
    names = [visible(name) for name in names]
    shown = [_without_middle(name, longest) for name in names]
    for k, name in enumerate(shown):
        if shown.count(name) > 1:
            end = f" ({k + 1})"
            names[k] = _without_middle(names[k], longest - len(end)) + end
        else:
            names[k] = name
    return names


def _without_middle(name: str, longest: int) -> str:
    last = (longest - 1) // 2
    return name if len(name) <= longest else f"{name[: longest - 1 - last]}…{name[-last:]}"


def short_name(label: int, names: Sequence[str] | None) -> str:
    """Return the name of a class or unit, shortened to 18 characters; its number without names."""
    name = visible(label if names is None else names[label])
    return name if len(name) <= 18 else name[:17] + "…"
