"""What happens inside a net: what its filters look for, and what its layers make of an image."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from common.plots.canvas import (
    DPI,
    GREY,
    ORANGE,
    WIDTH,
    Grid,
    add_axes,
    colour_scale,
    new_picture,
    scale_end,
    short_name,
    short_names,
)
from common.plots.images import percent_below_100

import numpy as np

LEFT, RIGHT = 158, 656  # pixels, between which the layers are drawn
ROW, PANEL = 196, 140  # pixels, the height of a row and of the pictures in it
MOST_STAGES, MOST_CLASSES = 5, 10
LONGEST = 32  # letters of the name of a net
GREEN = "#009E73"


def plot_patches(path: Path | str, patches: np.ndarray, title: str, *, show: bool = False) -> None:
    """Draw four parts of images for each filter of a layer, in a square of two by two.

    Args:
        path: the file to write.
        patches: floats `[filters, 4, height, width]` from 0 (paper) to 255 (ink); NaN is grey.
        title: of the picture.
        show: also keep the figure for `show_all`.

    Raises:
        UserError: the file cannot be written.
    """
    filters, _, height, width = np.shape(patches)
    squares = np.full((filters, 2 * height + 1, 2 * width + 1), np.nan)
    for k in range(4):
        top, left = k // 2 * (height + 1), k % 2 * (width + 1)
        squares[:, top : top + height, left : left + width] = patches[:, k]
    colours = colour_scale("gray_r", 0, 255)
    grid = Grid(squares, colours, list(map(str, range(filters))), WIDTH - 20)
    with new_picture(path, title, show, grid.height + 10) as figure:
        grid.draw(figure, (WIDTH - grid.width) // 2, 10)


class OneNet(NamedTuple):
    """What one net makes of one image."""

    name: str
    stages: Sequence[tuple[str, np.ndarray, bool]]
    """For each layer a caption, maps as floats [number, height, width], and whether there is one
    for each class."""
    probabilities: np.ndarray
    """float [classes]."""


def plot_one_image(
    path: Path | str,
    image: np.ndarray,
    caption: str,
    true_label: int,
    nets: Sequence[OneNet],
    class_names: Sequence[str] | None = None,
    title: str = "One image through several nets",
) -> None:
    """Draw an image and, in a row for each net, what its layers and its probabilities make of it.

    Args:
        path: the file to write.
        image: numbers `[height, width]` from 0 (paper) to 255 (ink).
        caption: of the image.
        true_label: its class.
        nets: one or more. Of more than five layers the first and the last ones are drawn, of more
            than ten classes the most probable.
        class_names: a name per class; numbers if None.
        title: of the picture.

    Raises:
        UserError: the file cannot be written.
    """
    largest = np.max([net.probabilities for net in nets], axis=0)
    largest[true_label] = np.inf
    shown = np.sort(np.argsort(-largest, kind="stable")[:MOST_CLASSES])
    names = [short_name(label, class_names) for label in shown]
    below = 0 if max(map(len, names)) <= 2 else 7 * max(map(len, names))
    row, height = ROW + below, (ROW + below) * len(nets)
    net_names = short_names([net.name for net in nets], LONGEST)
    ink = colour_scale("gray_r", 0, 255)
    with new_picture(path, title, False, height) as figure:
        whole = Grid(image[None], ink, [caption], LEFT - 10, columns=1, text_size=9)
        whole.draw(figure, 4, (height - whole.height) // 2)
        for k, (net, name) in enumerate(zip(nets, net_names, strict=True)):
            bottom = height - (k + 1) * row + 26 + below
            answer = int(net.probabilities.argmax())
            right = answer == true_label
            figure.text(
                LEFT / WIDTH,
                (bottom + PANEL + 20) / (figure.get_size_inches()[1] * DPI),
                f"{name} says {short_name(answer, class_names)} "
                f"({percent_below_100(net.probabilities[answer])})",
                color=GREEN if right else ORANGE,
                size=11,
                weight="bold",
            )
            _draw_stages(figure, net.stages, bottom, class_names)
            axes = add_axes(figure, RIGHT + 40, bottom, WIDTH - RIGHT - 48, PANEL - 10)
            colours = [
                GREEN if label == true_label else ORANGE if label == answer else GREY
                for label in shown
            ]
            axes.bar(range(len(shown)), 100 * net.probabilities[shown], color=colours)
            turned = {"rotation": 90} if below else {}
            axes.set_xticks(range(len(shown)), names, size=8, **turned)
            axes.set_ylim(0, 100)
            axes.set_yticks([0, 50, 100], ["0 %", "50 %", "100 %"], size=8)
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(length=2)


def _draw_stages(
    figure: Any,
    stages: Sequence[tuple[str, np.ndarray, bool]],
    bottom: int,
    class_names: Sequence[str] | None,
) -> None:
    """Draw the maps of each layer beside each other, each layer on its own colour scale."""
    if len(stages) > MOST_STAGES:
        stages = [*stages[:2], *stages[2 - MOST_STAGES :]]
    pitch = (RIGHT - LEFT) // max(len(stages), 1)
    for k, (caption, maps, by_class) in enumerate(stages):
        signed, end = float(np.nanmin(maps)) < 0, scale_end(maps)
        colours = colour_scale("RdBu_r" if signed else "gray_r", -end if signed else 0, end)
        canvas, corners = _tiled(maps, colours, pitch - 24)
        high, wide = canvas.shape[:2]
        left = LEFT + k * pitch
        axes = add_axes(figure, left, bottom + PANEL - high, wide, high)
        axes.set_axis_off()
        axes.imshow(canvas, interpolation="nearest", aspect="auto")
        for label, (top, at) in enumerate(corners if by_class else ()):
            axes.text(at + 2, top + 1, short_name(label, class_names), size=7, va="top")
        axes.set_title(textwrap.fill(caption, pitch // 6), size=8, loc="left", pad=3)
        if k + 1 < len(stages):
            place = (
                (left + wide + 6) / WIDTH,
                (bottom + PANEL // 2) / (figure.get_size_inches()[1] * DPI),
            )
            figure.text(*place, "→", size=11, va="center", color=GREY)


def _tiled(maps: np.ndarray, colours: Any, width: int) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Lay maps in rows and columns, as large as they fit, each in a grey frame.

    Returns:
        uint8 [high, wide, 3], and the upper left corner of each map in it.
    """
    number, high, wide = maps.shape
    gap = 1 if high == 1 else 2

    def zoom(columns: int) -> float:
        rows = -(-number // columns)
        return min((width / columns - gap) / wide, (PANEL / rows - gap) / high)

    columns = max(range(1, number + 1), key=lambda count: (int(zoom(count)), zoom(count)))
    size = max(int(zoom(columns)), 1)
    skip = max(1, int(np.ceil(1 / zoom(columns)))) if zoom(columns) < 1 else 1
    pixels = colours.cmap(colours.norm(maps[:, ::skip, ::skip]), bytes=True)[..., :3]
    pixels = pixels.repeat(size, axis=1).repeat(size, axis=2)
    high, wide = pixels.shape[1:3]
    rows = -(-number // columns)
    canvas = np.full((rows * (high + gap) + gap, columns * (wide + gap) + gap, 3), 255, np.uint8)
    corners = [
        (k // columns * (high + gap) + gap, k % columns * (wide + gap) + gap) for k in range(number)
    ]
    for (top, left), tile in zip(corners, pixels, strict=True):
        canvas[top - 1 : top + high + 1, left - 1 : left + wide + 1] = 200
        canvas[top : top + high, left : left + wide] = tile
    return canvas, corners
