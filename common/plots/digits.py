"""Pictures of digits: distorted copies, a mosaic with the errors first, several nets' answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from common.plots.canvas import (
    ORANGE,
    WIDTH,
    Grid,
    add_axes,
    colour_scale,
    draw_message,
    new_picture,
    short_name,
    short_names,
)

import numpy as np

SIDE = 10  # digits in a row and in a column of the mosaic
TILE = 44  # pixels of a digit in the mosaic
MOST_NAMED, LONGEST = 3, 20  # models in a caption, letters of a name
RED, WHITE = np.array([255, 205, 190]), np.array([255, 255, 255])


def plot_copies(
    path: Path | str,
    originals: np.ndarray,
    copies: np.ndarray,
    title: str,
    *,
    show: bool = False,
) -> None:
    """Draw images, each followed by copies of it.

    Args:
        path: the file to write.
        originals: uint8 `[n, height, width]` with n from 1 up.
        copies: floats from 0 to 1 `[n, copies, height, width]`.
        title: of the picture.
        show: also keep the figure for `show_all`.

    Raises:
        UserError: the file cannot be written.
    """
    count = copies.shape[1]
    captions = ["original", *[""] * count]
    colours = colour_scale("gray_r", 0, 1)
    grids = [
        Grid(np.concatenate([one[None] / 255, some]), colours, captions, WIDTH - 20, 9)
        for one, some in zip(originals, copies, strict=True)
    ]
    height = sum(grid.height + 14 for grid in grids) + 10
    with new_picture(path, title, show, height) as figure:
        bottom = height
        for grid in grids:
            bottom -= grid.height + 14
            grid.draw(figure, (WIDTH - grid.width) // 2, bottom)


def plot_mosaic(
    path: Path | str,
    images: np.ndarray,
    image_shape: tuple[int, int],
    labels: np.ndarray,
    predicted: np.ndarray,
    title: str = "Errors first: where the red part ends is the accuracy",
    *,
    show: bool = False,
) -> None:
    """Draw 100 test images, those that are misread first and on red, beside an axis.

    Each of the 100 stands for a thousandth of the images: a row of ten for one percent. So the
    picture reaches from 100 % at the top to 90 % at the bottom, and the lower edge of the red part
    is the accuracy. Below 90 % all images are misread ones.

    Args:
        path: the file to write.
        images: uint8 `[n, height * width]`.
        image_shape: `(height, width)`.
        labels: integers `[n]`, the true classes.
        predicted: integers `[n]`.
        title: of the picture.
        show: also keep the figure for `show_all`.

    Raises:
        UserError: the file cannot be written.

    Source: after the live view of Martin Görner, "TensorFlow and deep learning, without a PhD".
    """
    canvas = mosaic_canvas(images, image_shape, labels, predicted)
    accuracy = 100 * np.mean(predicted == labels)
    side = SIDE * TILE
    with new_picture(path, title, show, side + 30) as figure:
        axes = add_axes(figure, (WIDTH - side) // 2, 15, side, side)
        axes.imshow(canvas, extent=(0, SIDE, 90, 100), aspect="auto", interpolation="nearest")
        axes.set(xticks=[], yticks=range(90, 101), ylabel="Accuracy on the test images (%)")
        if accuracy >= 90:
            axes.axhline(accuracy, color=ORANGE, linewidth=1.5)
            axes.text(SIDE + 0.2, accuracy, f"{accuracy:.2f} %", color=ORANGE, va="center", size=12)


def mosaic_canvas(
    images: np.ndarray, image_shape: tuple[int, int], labels: np.ndarray, predicted: np.ndarray
) -> np.ndarray:
    """Return the pixels of `plot_mosaic`, uint8 [440, 440, 3]; the arguments are the same."""
    wrong = predicted != labels
    number = SIDE * SIDE
    num_red = min(number, int(np.ceil(1000 * wrong.mean() - 1e-9)))
    chosen = np.concatenate([np.flatnonzero(wrong)[:num_red], np.flatnonzero(~wrong)])[:number]
    canvas = np.full((SIDE * TILE, SIDE * TILE, 3), 255, np.uint8)
    for k, index in enumerate(chosen):
        ink = _fit_tile(images[index].reshape(image_shape))[..., None] / 255
        tile = (RED if wrong[index] else WHITE) * (1 - ink)
        top, left = k // SIDE * TILE, k % SIDE * TILE
        canvas[top : top + TILE, left : left + TILE] = tile.astype(np.uint8)
    return canvas


def _fit_tile(image: np.ndarray) -> np.ndarray:
    """Scale uint8 [height, width] to uint8 [TILE, TILE], with a margin of a pixel."""
    from PIL import Image

    scale = (TILE - 2) / max(image.shape)
    size = tuple(max(1, round(side * scale)) for side in image.shape[::-1])
    small = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    tile = np.zeros((TILE, TILE), np.uint8)
    top, left = (TILE - small.shape[0]) // 2, (TILE - small.shape[1]) // 2
    tile[top : top + small.shape[0], left : left + small.shape[1]] = small
    return tile


def plot_answers(
    path: Path | str,
    images: np.ndarray,
    image_shape: tuple[int, int],
    true_labels: np.ndarray,
    answers: dict[str, np.ndarray],
    title: str,
    class_names: Sequence[str] | None = None,
) -> None:
    """Draw up to ten images, each with its true class and what several models predict.

    Args:
        path: the file to write.
        images: uint8 `[n, height * width]` with n from 0 up; without images, a message is drawn.
        image_shape: `(height, width)`.
        true_labels: integers `[n]`.
        answers: for the name of each model its predicted classes, integers `[n]`. The answers of
            more than three models are counted.
        title: of the picture.
        class_names: a name per class; numbers if None.

    Raises:
        UserError: the file cannot be written.
    """
    if not len(images):
        draw_message(path, title, False, "There are none")
        return
    images = np.asarray(images)[:10].reshape(-1, *image_shape)
    captions = [
        f"True: {short_name(label, class_names)}\n"
        + _answers({name: short_name(of[k], class_names) for name, of in answers.items()})
        for k, label in enumerate(true_labels[: len(images)])
    ]
    colours = colour_scale("gray_r", 0, 255)
    grid = Grid(images, colours, captions, WIDTH, columns=5, text_size=9)
    with new_picture(path, title, False, grid.height + 10) as figure:
        grid.draw(figure, (WIDTH - grid.width) // 2, 10)


def _answers(answers: dict[str, str]) -> str:
    """Return what the models predict: a line for each or, if they are many, for each answer."""
    if len(answers) <= MOST_NAMED:
        names = short_names(answers, LONGEST)
        return "\n".join(f"{name}: {answers[of]}" for name, of in zip(names, answers, strict=True))
    counts = Counter(answers.values()).most_common()
    shown = [f"{n} model{'s' * (n != 1)}: {answer}" for answer, n in counts[:MOST_NAMED]]
    return "\n".join(shown) + (" …" if len(counts) > MOST_NAMED else "")
