"""An animated GIF of a training: weights, curves, and digits with the errors first."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from common.plots.canvas import (
    BLUE,
    DPI,
    GREY,
    ORANGE,
    colour_scale,
    import_matplotlib,
    scale_end,
)
from common.plots.digits import mosaic_canvas
from common.run.files import atomic_path

import numpy as np

WIDTH, HEIGHT = 760, 500  # pixels
MILLISECONDS, LAST_MILLISECONDS = 180, 3_000  # that a frame, and the last one, is shown
COLOURS = 48
MOST_NUMBERED = 20  # units


class Frame(NamedTuple):
    """What is known after so many steps."""

    step: int
    units: np.ndarray  # float32 [units, height, width], weights of the first layer
    accuracy: tuple[float, float]  # on training and on validation images, from 0 to 1
    loss: tuple[float, float]
    band: np.ndarray  # float [5], percentiles of these weights
    predicted: np.ndarray  # integers [n], of the validation images


def plot_film(
    path: Path | str,
    frames: Sequence[Frame],
    layer_name: str,
    images: np.ndarray,
    image_shape: tuple[int, int],
    labels: np.ndarray,
    title: str,
) -> None:
    """Write an animated GIF with a frame for each entry.

    Args:
        path: the file to write.
        frames: one or more, in the order of the steps.
        layer_name: what the first layer is called.
        images: uint8 [n, height * width], validation images.
        image_shape: (height, width).
        labels: integers [n].
        title: of the film; the step is added.

    Raises:
        UserError: the file cannot be written.

    Source: after the live view of Martin Görner, "TensorFlow and deep learning, without a PhD".
    """
    import_matplotlib()
    import matplotlib.style
    from PIL import Image

    with matplotlib.style.context(["default", {"text.parse_math": False, "font.size": 8}]):
        mosaics = [mosaic_canvas(images, image_shape, labels, one.predicted) for one in frames]
        pictures = [
            _draw(frames, k, mosaic, layer_name, f"{title}: after {frames[k].step:,} steps")
            for k, mosaic in enumerate(mosaics)
        ]
    # One palette for all frames, that of the last one: colours that change would flicker. The
    # strips below it give the thin curves a weight.
    sample = Image.new("RGB", (WIDTH, HEIGHT + 60), "white")
    sample.paste(pictures[-1])
    for k, colour in enumerate((BLUE, ORANGE, GREY)):
        sample.paste(colour, (0, HEIGHT + 20 * k, WIDTH, HEIGHT + 20 * k + 20))
    palette = sample.quantize(COLOURS)
    shown = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    durations = [MILLISECONDS] * (len(shown) - 1) + [LAST_MILLISECONDS]
    with atomic_path(path) as temporary:
        shown[0].save(
            temporary,
            format="gif",
            save_all=True,
            append_images=shown[1:],
            duration=durations,
            loop=0,
            optimize=True,
        )


def _draw(
    frames: Sequence[Frame], number: int, mosaic: np.ndarray, layer_name: str, title: str
) -> Any:
    """Draw frame `number`; the others decide the ranges of the axes."""
    from matplotlib.figure import Figure
    from PIL import Image

    past, size = frames[: number + 1], ((WIDTH + 0.01) / DPI, (HEIGHT + 0.01) / DPI)
    figure = Figure(figsize=size, dpi=DPI)
    figure.suptitle(title, size=11, y=0.97)
    right = 0.56
    _draw_units(figure.add_axes((0.02, 0.53, 0.46, 0.36)), past[-1])
    _draw_mosaic(figure.add_axes((0.05, 0.03, 0.36, 0.44)), mosaic)
    steps = [frame.step for frame in past]
    for k, (name, bottom) in enumerate((("accuracy", 0.66), ("loss", 0.37))):
        axes = figure.add_axes((right, bottom, 0.41, 0.22))
        for which, label, colour in ((0, "training", BLUE), (1, "validation", ORANGE)):
            values = [getattr(frame, name)[which] for frame in past]
            values = [100 * value for value in values] if k == 0 else values
            axes.plot(steps, values, color=colour, label=label)
        axes.set_title("Accuracy (%)" if k == 0 else "Loss", size=9)
        if k == 0:
            axes.set_ylim(0, 103)
            axes.legend(loc="lower right")
        else:
            axes.set_ylim(0, 1.05 * max(max(frame.loss) for frame in frames))
        _set_steps(axes, frames)
        axes.set_xticklabels([])
    axes = figure.add_axes((right, 0.08, 0.41, 0.22))
    _draw_band(axes, past, frames, layer_name)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="rgba", dpi=DPI)
    return Image.frombytes("RGBA", (WIDTH, HEIGHT), drawn.getvalue()).convert("RGB")


def _set_steps(axes: Any, frames: Sequence[Frame]) -> None:
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    axes.set_xscale("symlog", linthresh=1)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(0, max(frames[-1].step, 1))
    axes.grid(color="#DDDDDD")


def _draw_units(axes: Any, now: Frame) -> None:
    """Draw weights as small images, on a colour scale of their own.

    On the scale of the last frame the first ones would be white: weights grow while a net learns.
    """
    axes.set_axis_off()
    axes.set_title("Weights of the first layer: red adds, blue takes away", size=9)
    count = len(now.units)
    if not count:
        return
    columns = 5 if count <= 10 else 10
    rows = -(-count // columns)
    height, width = now.units.shape[1:]
    canvas = np.full((rows * (height + 1), columns * (width + 1)), np.nan)
    for k, unit in enumerate(now.units):
        top, left = k // columns * (height + 1), k % columns * (width + 1)
        canvas[top : top + height, left : left + width] = unit
        if count <= MOST_NUMBERED:
            axes.text(left, top, str(k), size=7, va="top")
    largest = scale_end(now.units)
    colours = colour_scale("RdBu_r", -largest, largest)
    axes.imshow(canvas, norm=colours.norm, cmap=colours.cmap, interpolation="nearest")


def _draw_mosaic(axes: Any, mosaic: np.ndarray) -> None:
    axes.imshow(mosaic, extent=(0, 10, 90, 100), aspect="auto", interpolation="nearest")
    axes.set(xticks=[], yticks=range(90, 101, 2))
    axes.set_title("Errors first: red ends at the accuracy (%)", size=9)


def _draw_band(axes: Any, past: Sequence[Frame], frames: Sequence[Frame], layer_name: str) -> None:
    """Draw where the middle half, and nine tenths, of the first layer's weights lie."""
    steps = [frame.step for frame in past]
    low, quarter, middle, three_quarters, high = np.array([frame.band for frame in past]).T
    axes.fill_between(steps, low, high, color=BLUE, alpha=0.25, lw=0)
    axes.fill_between(steps, quarter, three_quarters, color=BLUE, alpha=0.4, lw=0)
    axes.plot(steps, middle, color=GREY)
    reach = max(float(np.abs(frame.band).max()) for frame in frames)
    axes.set_ylim(-1.1 * reach - 1e-9, 1.1 * reach + 1e-9)
    axes.set_title(f"Weights of {layer_name}: the middle 50 % and 90 %", size=9)
    _set_steps(axes, frames)
    axes.set_xlabel("Steps")
