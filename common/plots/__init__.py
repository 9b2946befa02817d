"""Numbers → pictures: each function takes arrays and writes one PNG, whole or not at all.

What all of them share: `path` is the file to write (UserError when it cannot be written), `title`
says what to see, and `show=True` also keeps the figure, for `show_all()` to open in a window.
Without it no display is needed. A missing list of names means numbers. The colours can be told
apart with any kind of colour vision. Matplotlib is imported by the first picture, not before.
"""

from __future__ import annotations

import io
import itertools
import logging
import os
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from common import UserError
from common.run.files import atomic_path

import numpy as np

WIDTH, DPI = 858, 110  # pixels, about the width of a README; pixels per inch
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#888888"
# Colour, line and mark of one net among several.
STYLES = [(BLUE, "-", "o"), (ORANGE, "--", "s"), ("#009E73", ":", "^"), ("#CC79A7", "-.", "D")]
# Matplotlib logs about its caches and fonts; the pictures are right all the same.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
# A notebook's terminal names the notebook's backend here, and Matplotlib stops without it.
_, _, _backend = os.environ.get("MPLBACKEND", "").partition("module://")
if _backend and find_spec(_backend.partition(".")[0]) is None:
    del os.environ["MPLBACKEND"]


def plot_images(
    path: Path | str,
    images: np.ndarray,
    image_shape: tuple[int, int],
    true_labels: np.ndarray,
    predicted_labels: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    title: str = "The first images and their true classes",
    *,
    show: bool = False,
) -> None:
    """Draw the first 9 images, captioned with their classes, or say that there are none.

    `images` are uint8 `[n, height * width]` or `[n, height, width]` with n from 0 up,
    `image_shape` is `(height, width)`, the labels are integers `[n]`.
    """
    images = np.asarray(images)[:9].reshape(-1, *image_shape)
    captions = [f"True: {_name(label, class_names)}" for label in true_labels[:9]]
    if predicted_labels is not None:
        for k, label in enumerate(predicted_labels[:9]):
            captions[k] += f"\nPredicted: {_name(label, class_names)}"
    if len(images):
        grid = _Grid(images, _colours("gray_r", 0, 255), captions, WIDTH, columns=3, text_size=10)
        with _picture(path, title, show, grid.height + 10) as figure:
            grid.draw(figure, (WIDTH - grid.width) // 2, 10)
    else:
        _say(path, title, show, "No images" if predicted_labels is None else "No errors")


def plot_confusion_matrix(
    path: Path | str,
    matrix: np.ndarray,
    class_names: Sequence[str] | None = None,
    title: str = "Which class is taken for which",
    *,
    show: bool = False,
) -> None:
    """Draw the confusion matrix, errors in colour on a scale of their own, right answers in grey.

    `matrix` holds the counts `[classes, classes]`, rows true, columns predicted. Up to 20 classes
    the counts stand in the cells.
    """
    matrix = np.asarray(matrix)
    classes = len(matrix)
    names = [_name(label, class_names) for label in range(classes)]
    # The diagonal is no error and a hundred times larger: masked, it is left grey.
    errors = np.ma.array(matrix, mask=np.eye(classes, dtype=bool))
    most = max(1, int(errors.filled(0).max()))
    colours = _colours("YlOrBr", 0, most)
    with _picture(path, title, show, 720, layout="compressed") as figure:
        axes = figure.add_subplot(xlabel="Predicted class", ylabel="True class")
        axes.imshow(errors, norm=colours.norm, cmap=colours.cmap)
        label = "Errors in a cell (the grey diagonal counts the right answers)"
        bar = figure.colorbar(colours, ax=axes, label=label)
        bar.ax.yaxis.get_major_locator().set_params(integer=True)
        size, slant = (9 if classes <= 20 else 5), {}
        if max(map(len, names)) > 3:
            slant = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(range(classes), names, size=size, **slant)
        axes.set_yticks(range(classes), names, size=size)
        axes.tick_params(length=0)
        edges = np.arange(classes + 1) - 0.5
        axes.hlines(edges, edges[0], edges[-1], color="white")
        axes.vlines(edges, edges[0], edges[-1], color="white")
        axes.spines[:].set_visible(False)
        for (row, column), count in np.ndenumerate(matrix if classes <= 20 else matrix[:0]):
            ink = "white" if row != column and count > 0.7 * most else "black" if count else GREY
            place = {"ha": "center", "va": "center", "in_layout": False}
            axes.text(column, row, str(count), color=ink, size=size, **place)


def plot_curves(
    path: Path | str,
    history: Sequence[Mapping[str, float]],
    title: str = "Loss and accuracy while training",
    *,
    show: bool = False,
) -> None:
    """Draw loss and accuracy side by side, training and validation in each.

    `history` has a row per point, any number of them, with `epoch`, `train_loss`,
    `validation_loss`, and `train_accuracy`, `validation_accuracy` as fractions.
    """
    if not history:
        _say(path, title, show, "No epoch was finished")
        return
    epochs = [row["epoch"] for row in history]
    marker = 4 if len(epochs) <= 50 else 0
    with _picture(path, title, show, 390, layout="constrained") as figure:
        loss, accuracy = figure.subplots(1, 2)
        for axes, what, unit, factor in (loss, "loss", "", 1), (accuracy, "accuracy", "%", 100):
            for kind, colour, style in ("train", BLUE, "o-"), ("validation", ORANGE, "s--"):
                values = np.array([row[f"{kind}_{what}"] for row in history], float) * factor
                label = "Training" if kind == "train" else "Validation"
                label += f", at the end {values[-1]:.{2 if unit else 3}f}{unit}"
                axes.plot(epochs, values, style, color=colour, markersize=marker, label=label)
            axes.set(xlabel="Epoch", title=what.capitalize() + (f" ({unit})" if unit else ""))
            axes.xaxis.get_major_locator().set_params(integer=max(epochs) >= 3)
            if len(epochs) == 1:
                axes.set_xticks(epochs)
            axes.ticklabel_format(useOffset=False)
            axes.grid(color="#DDDDDD")
            axes.legend()


def plot_accuracy_against_time(
    path: Path | str,
    histories: Mapping[str, Sequence[Sequence[Mapping[str, float]]]],
    title: str = "How long each net takes to become how accurate: up and to the left is better",
) -> None:
    """Draw the validation accuracy of several nets against the seconds of training.

    `histories` maps each net's name to one history per seed (see `plot_curves`), whose rows also
    have `seconds`. Each seed is a thin line; the dots are the ends of the runs. Both axes are
    logarithmic, the vertical one in the errors: from 98 % to 99 % is as far as from 96 % to 98 %.
    """
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    with _picture(path, title, False, 420, layout="constrained") as figure:
        axes = figure.add_subplot(xlabel="Seconds of training")
        axes.set_ylabel("Accuracy on the validation split (%)")
        styles = itertools.cycle(STYLES)
        for name, runs in histories.items():
            colour, line, marker = next(styles)
            for k, run in enumerate(runs):
                seconds = [row["seconds"] for row in run]
                errors = [100 * max(1 - row["validation_accuracy"], 1e-4) for row in run]
                axes.plot(seconds, errors, line, color=colour, linewidth=1, alpha=0.6)
                label = textwrap.shorten(name, 60, placeholder=" …") if k == 0 else None
                axes.plot(seconds[-1:], errors[-1:], marker, color=colour, label=label)
        axes.set(xscale="log", yscale="log")
        axes.invert_yaxis()
        lowest, highest = sorted(axes.get_ylim())
        ticks = [e for e in (90, 50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1) if lowest <= e <= highest]
        axes.set_yticks(ticks, [f"{100 - error:g}" for error in ticks])
        axes.minorticks_off()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.grid(color="#DDDDDD")
        axes.legend()


def plot_confusion_matrices(
    path: Path | str,
    matrices: Sequence[np.ndarray],
    names: Sequence[str],
    class_names: Sequence[str] | None = None,
    title: str = "Which digit is taken for which: fewer and paler cells are better",
) -> None:
    """Draw the errors of several nets side by side on one colour scale.

    `matrices` are counts `[classes, classes]` (means over seeds are welcome), rows true, columns
    predicted; `names` says whose each is. The scale is logarithmic because the nets differ so.
    """
    from matplotlib.colors import SymLogNorm

    errors = [np.ma.array(m, mask=np.eye(len(m), dtype=bool), dtype=float) for m in matrices]
    most = max(1.0, *(float(e.filled(0).max()) for e in errors))
    with _picture(path, title, False, 290 * -(-len(errors) // 3), layout="compressed") as figure:
        colours = _colours("YlOrBr", 0, most)
        colours.set_norm(SymLogNorm(1, vmin=0, vmax=most))
        grid = figure.subplots(-(-len(errors) // 3), min(3, len(errors)), squeeze=False)
        for axes in grid.flat[len(errors) :]:
            axes.set_axis_off()
        for axes, error, name in zip(grid.flat, errors, names, strict=False):
            axes.imshow(error, norm=colours.norm, cmap=colours.cmap)
            shown = textwrap.shorten(name, 36, placeholder=" …")
            axes.set_title(f"{shown}\n{error.sum():.0f} errors", size=9)
            axes.set(xlabel="Predicted class", ylabel="True class")
            labels = [_name(k, class_names) for k in range(len(error))]
            if len(labels) <= 20:
                slant = {"rotation": 90} if max(map(len, labels)) > 3 else {}
                axes.set_xticks(range(len(labels)), labels, size=8, **slant)
                axes.set_yticks(range(len(labels)), labels, size=8)
        bar = figure.colorbar(colours, ax=grid, label="Errors in a cell", shrink=0.8)
        ticks = [t for t in (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if t <= most]
        bar.set_ticks(ticks, labels=[str(tick) for tick in ticks])
        bar.minorticks_off()


def plot_weights(
    path: Path | str,
    weights: np.ndarray,
    image_shape: tuple[int, int],
    titles: Sequence[str] | None = None,
    title: str = "What each unit looks for: red where ink speaks for it, blue where against",
    *,
    show: bool = False,
) -> None:
    """Draw the weights from the pixels to each of the first 40 units, an image per unit.

    `weights` are floats `[height * width, units]`, `image_shape` is `(height, width)`, and
    `titles` are the captions of the units, for example the class names. When there are more
    than 40 units, the title says so.
    """
    units = np.asarray(weights, np.float32).T[:40].reshape(-1, *image_shape)
    captions = [_name(unit, titles) for unit in range(len(units))]
    if len(units) < np.shape(weights)[1]:
        title += f" (the first {len(units)} of {np.shape(weights)[1]} units)"
    _draw_weights(path, units, _largest(units), captions, title, show)


def plot_filters(
    path: Path | str,
    weights: np.ndarray,
    input_channel: int = 0,
    title: str = "What the filters look for: red adds to the output, blue takes from it",
    *,
    show: bool = False,
) -> None:
    """Draw every filter of a convolutional layer, the part for one of its input channels.

    `weights` are floats `[filter_height, filter_width, input_channels, filters]`. All channels
    share one colour scale, so that pictures of two channels can be compared.

    Raises:
        UserError: the layer has no such input channel.
    """
    weights = np.asarray(weights, np.float32)
    channels, count = weights.shape[2:]
    if not 0 <= input_channel < channels:
        raise UserError(
            f"cannot draw {path}: this layer has no input channel {input_channel}. "
            f"It has {channels}, counted from 0; choose another --input-channel."
        )
    filters = weights[:, :, input_channel].transpose(2, 0, 1)
    _draw_weights(path, filters, _largest(weights), list(map(str, range(count))), title, show)


def plot_layer_outputs(
    path: Path | str,
    images: np.ndarray,
    outputs: np.ndarray,
    titles: Sequence[str] | None = None,
    title: str = "What the filters find: bright where the image has the filter's pattern",
    *,
    show: bool = False,
) -> None:
    """Draw a few images, each followed by what all channels of a layer make of it.

    `images` are `[n, height, width]` with n from 1 up, `titles` their captions, and `outputs`
    floats `[n, layer_height, layer_width, channels]`, drawn with one colour scale for all.
    """
    images, outputs = np.asarray(images), np.asarray(outputs, np.float32)
    ink = _colours("gray_r", 0, max(1, images.max()))
    lowest = np.min(outputs, initial=0, where=np.isfinite(outputs))
    colours = _colours("viridis", lowest, _largest(outputs))
    numbers = list(map(str, range(outputs.shape[3])))
    rows = [
        (_Grid(image[None], ink, [_name(k, titles)], 150), _Grid(maps, colours, numbers, 560))
        for k, (image, maps) in enumerate(zip(images, outputs.transpose(0, 3, 1, 2), strict=True))
    ]
    heights = [20 + max(left.height, right.height) for left, right in rows]
    with _picture(path, title, show, sum(heights)) as figure:
        for k, (left, right) in enumerate(rows):
            top = sum(heights[k:])
            left.draw(figure, 10, top - left.height)
            right.draw(figure, 180, top - right.height)
        _draw_bar(figure, colours, "Output of the layer", 760, sum(heights), "max")


def plot_preparation(
    path: Path | str,
    colours: np.ndarray,
    ink: np.ndarray | None,
    boxes: Sequence[tuple[int, int, int, int]],
    images: np.ndarray,
    captions: Sequence[str],
    title: str = "How a picture becomes what the net sees",
) -> None:
    """Draw how a picture was prepared: as it was, its ink, and each digit as the net sees it.

    `colours` are `[h, w, 3]` from 0 to 1, `ink` `[h, w]` from 0 for paper to 1 (None if the picture
    was not prepared), `boxes` the left, top, right, bottom of each digit, `images` uint8
    `[n, height, width]`, of which the first 8 are drawn, and `captions` what stands beside them.
    """
    from matplotlib.patches import Rectangle

    images = images[:8]
    steps = [("1. The picture", colours)]
    if ink is not None:
        steps.append(("2. Ink and paper told apart", ink))
    row = 230
    # Wide pictures need less room above the rows of digits.
    room = int(min(235, 380 * colours.shape[0] / colours.shape[1]))
    with _picture(path, title, False, 45 + room + row * len(images)) as figure:
        total = figure.get_size_inches()[1] * DPI
        for k, (caption, step) in enumerate(steps):
            axes = _axes(figure, 30 + 420 * k, row * len(images) + 15, 380, room)
            axes.set_axis_off()
            axes.set_title(caption, size=10)
            axes.imshow(step, cmap="gray_r", vmin=0, vmax=1)
            for left, top, right, bottom in boxes if k else ():
                box = Rectangle((left - 0.5, top - 0.5), right - left, bottom - top)
                box.set(fill=False, edgecolor=ORANGE, linewidth=1.5)
                axes.add_patch(box)
        for k, (image, caption) in enumerate(zip(images, captions, strict=False)):
            bottom = row * (len(images) - 1 - k) + 12
            axes = _axes(figure, 120, bottom, 195, 195)
            axes.imshow(image, cmap="gray", vmin=0, vmax=255)
            axes.set_xticks([]), axes.set_yticks([])
            height, width = image.shape
            size = f"{height} × {width} pixels"
            which = f", digit {k + 1}" if len(images) > 1 else ""
            axes.set_title(f"{len(steps) + 1}. What the net sees{which}: {size}", size=10)
            figure.text(400 / WIDTH, (bottom + 98) / total, caption, va="center", size=11)


def require_display() -> None:
    """Prove that windows can be opened, before anything is computed for them.

    Raises:
        UserError: Matplotlib finds no display or no window toolkit.
    """
    can_show = False
    with suppress(Exception):  # each window toolkit has exceptions of its own
        import matplotlib.pyplot as plt
        from matplotlib.backend_bases import FigureManagerBase

        manager = plt.figure().canvas.manager  # hidden: only plt.show() makes windows visible
        plt.close(manager.num)
        can_show = type(manager).show is not FigureManagerBase.show
    if not can_show:
        raise UserError(
            "cannot open windows: Matplotlib found no display or no window toolkit. "
            "Leave out --show and open the PNG files in the output directory instead."
        )


def show_all() -> None:
    """Open a window for each figure drawn with `show=True`; return when all are closed.

    Raises:
        UserError: see `require_display`.
    """
    import matplotlib.pyplot as plt

    try:
        require_display()
        plt.show()
    finally:
        plt.close("all")


@contextmanager
def _picture(
    path: Path | str, title: str, show: bool, height: int, layout: str = "none"
) -> Iterator[Any]:
    """Give an empty figure with `height` pixels below its title; save it when the block is done."""
    import matplotlib.style
    from matplotlib.figure import Figure
    from PIL import Image

    # The same picture for everybody, whatever their matplotlibrc says; a $ in a name is a $.
    style = ["default", {"text.parse_math": False}]
    with matplotlib.style.context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        lines = textwrap.wrap(title, len(title) // (1 + len(title) // 84) + 8)
        pixels = height + 24 + 20 * len(lines)
        size = (WIDTH + 0.01) / DPI, (pixels + 0.01) / DPI  # no pixel lost to rounding
        figure = None
        if show:
            with suppress(Exception):  # no window: show_all will say so, the file is still due
                import matplotlib.pyplot as plt

                figure = plt.figure(figsize=size, dpi=DPI, layout=layout)
        figure = figure or Figure(figsize=size, dpi=DPI, layout=layout)
        place = {"y": 1 - 8 / pixels} if layout == "none" else {}  # a layout finds the place itself
        figure.suptitle("\n".join(lines), size=12, **place)
        yield figure
        drawn = io.BytesIO()
        figure.savefig(drawn, format="rgba", dpi=DPI)
        picture = Image.frombytes("RGBA", (WIDTH, pixels), drawn.getvalue()).convert("RGB")
        with atomic_path(path) as temporary:  # 256 colours look the same in a third of the bytes
            picture.quantize(256).save(temporary, format="png", optimize=True)


class _Grid:
    """Captioned images of one size in rows, as one array: far faster than one Axes per image."""

    def __init__(
        self,
        images: np.ndarray,
        colours: Any,
        captions: Sequence[str],
        width: int,
        columns: int | None = None,
        text_size: int = 8,
    ) -> None:
        """Colour `images` `[n, height, width]` and lay them out in at most `width` pixels."""
        count = len(images)
        # As many columns as leave the fewest gaps in the last row, if possible about eight.
        options = range(4, 10) if count <= 100 else [16]
        columns = columns or min(options, key=lambda number: (-count % number, abs(number - 8)))
        columns = min(columns, count)
        pitch = min(width // columns, 290)
        # Each pixel becomes a square of whole screen pixels; a large image loses rows and columns.
        room, side = min(pitch - 6, 170), max(images.shape[1:])
        images = images[:, :: -(-side // room), :: -(-side // room)]
        pixels = colours.cmap(colours.norm(images), bytes=True)[..., :3]
        zoom = room // max(images.shape[1:])
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
        """Put the grid into the figure, one array element on one pixel."""
        axes = _axes(figure, left, bottom, self.width, self.height)
        axes.set_axis_off()
        axes.imshow(self.canvas, interpolation="nearest", aspect="auto")
        for x, y, caption in self.captions:
            axes.text(x, y, caption, ha="center", va="bottom", size=self.text_size)


def _draw_weights(
    path: Path | str,
    images: np.ndarray,
    largest: float,
    captions: Sequence[str],
    title: str,
    show: bool,
) -> None:
    """Draw weights `[n, height, width]` in blue and red from `-largest` to `largest`."""
    colours = _colours("RdBu_r", -largest, largest)
    grid = _Grid(images, colours, captions, 720)
    left = (WIDTH - grid.width - 90) // 2
    with _picture(path, title, show, grid.height + 10) as figure:
        grid.draw(figure, left, 10)
        _draw_bar(figure, colours, "Weight", left + grid.width + 10, grid.height, "both")


def _draw_bar(figure: Any, colours: Any, label: str, left: int, height: int, extend: str) -> None:
    """Draw a colour bar; the arrows that `extend` it stand for the few numbers beyond."""
    axes = _axes(figure, left, 12, 16, height - 24)
    figure.colorbar(colours, cax=axes, label=label, extend=extend)


def _axes(figure: Any, left: int, bottom: int, width: int, height: int) -> Any:
    """Add axes at a place given in pixels from the lower left corner."""
    whole = np.tile(figure.get_size_inches() * DPI, 2)
    return figure.add_axes(np.array([left, bottom, width, height]) / whole)


def _colours(name: str, lowest: float, highest: float) -> Any:
    """Return the colour map `name` for the numbers from `lowest` to `highest`."""
    import matplotlib
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    # 65 shades, one of them for the middle: no eye needs more and the file is smaller.
    shades = matplotlib.colormaps[name].resampled(65).with_extremes(bad="#DDDDDD")  # bad: NaN
    return ScalarMappable(Normalize(lowest, highest), shades)


def _largest(numbers: np.ndarray) -> float:
    """Return the end of a scale: nearly the largest size, so that one outlier pales nothing."""
    sizes = np.abs(numbers[np.isfinite(numbers)])
    return float(np.quantile(sizes, 0.995) or sizes.max() or 1) if sizes.size else 1.0


def _name(label: int, names: Sequence[str] | None) -> str:
    """Return the name of a class or unit, cut to fit; its number if there are no names."""
    name = str(label if names is None else names[label])
    return name if len(name) <= 18 else name[:17] + "…"


def _say(path: Path | str, title: str, show: bool, sentence: str) -> None:
    """Draw a picture that says in a sentence why it has nothing to show."""
    with _picture(path, title, show, 120) as figure:
        figure.text(0.5, 0.4, sentence, ha="center", va="center", size=14)
