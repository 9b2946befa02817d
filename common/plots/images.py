"""Pictures made of images: examples, weights, filters, outputs of layers, prepared pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common import UserError
from common.plots.canvas import (
    DPI,
    ORANGE,
    WIDTH,
    Grid,
    add_axes,
    add_colour_bar,
    colour_scale,
    draw_message,
    import_matplotlib,
    new_picture,
    scale_end,
    short_name,
)

import numpy as np

MAX_UNITS = 40  # in a picture of weights


def plot_images(
    path: Path | str,
    images: np.ndarray,
    image_shape: tuple[int, int],
    true_labels: np.ndarray,
    predicted_labels: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    title: str = "The first images and their true classes",
    *,
    probabilities: np.ndarray | None = None,
    show: bool = False,
) -> None:
    """Draw the first 9 images with their classes; without images, a message.

    Args:
        path: the file to write.
        images: uint8 `[n, height * width]` or `[n, height, width]` with n from 0 up. The message
            for n = 0 is "No errors" with predicted labels and "No images" without.
        image_shape: `(height, width)`.
        true_labels: integers `[n]`.
        predicted_labels: integers `[n]`, or None to show only the true classes.
        class_names: a name per class; numbers if None.
        title: of the picture.
        probabilities: floats `[n]` from 0 to 1, those of the predicted classes, or None.
        show: also keep the figure for `show_all`.

    Raises:
        UserError: the file cannot be written.
    """
    images = np.asarray(images)[:9].reshape(-1, *image_shape)
    captions = [f"True: {short_name(label, class_names)}" for label in true_labels[:9]]
    if predicted_labels is not None:
        for k, label in enumerate(predicted_labels[:9]):
            captions[k] += f"\nPredicted: {short_name(label, class_names)}"
            if probabilities is not None:
                captions[k] += f" ({percent_below_100(probabilities[k])})"
    if len(images):
        colours = colour_scale("gray_r", 0, 255)
        grid = Grid(images, colours, captions, WIDTH, columns=3, text_size=10)
        with new_picture(path, title, show, grid.height + 10) as figure:
            grid.draw(figure, (WIDTH - grid.width) // 2, 10)
    else:
        message = "No images" if predicted_labels is None else "No errors"
        draw_message(path, title, show, message)


def percent_below_100(probability: float) -> str:
    """Return a probability as a percentage that is never rounded up to 100: `99.99 %`."""
    digits = 0 if probability < 0.99 else 2
    text = f"{100 * probability:.{digits}f} %"
    return "> 99.99 %" if text.startswith("100") else text


def plot_weights(
    path: Path | str,
    weights: np.ndarray,
    image_shape: tuple[int, int],
    titles: Sequence[str] | None = None,
    title: str = "Weights of each unit: red pixels increase its output, blue pixels decrease it",
    *,
    outgoing: np.ndarray | None = None,
    show: bool = False,
) -> None:
    """Draw the weights from the pixels to each of up to 40 units, an image per unit.

    Args:
        path: the file to write.
        weights: floats `[height * width, units]`.
        image_shape: `(height, width)`.
        titles: a caption per unit, for example the class names; numbers if None.
        title: of the picture. With more than 40 units, it also says which of them are drawn.
        outgoing: floats `[units]`, how large the weights are that lead on from each unit. Of more
            than 40 units the 40 with the largest are drawn, the largest first. Without it, the
            first 40.
        show: also keep the figure for `show_all`.

    Raises:
        UserError: the file cannot be written.
    """
    units, number = np.asarray(weights, np.float32).T, np.shape(weights)[1]
    drawn = np.arange(min(MAX_UNITS, number))
    if number > MAX_UNITS and outgoing is None:
        title += f" (the first {MAX_UNITS} of {number} units)"
    elif number > MAX_UNITS:
        title += f" (the {MAX_UNITS} of {number} units with the largest outgoing weights)"
        drawn = np.argsort(-np.asarray(outgoing), kind="stable")[:MAX_UNITS]
    captions = [short_name(unit, titles) for unit in drawn]
    units = units[drawn].reshape(-1, *image_shape)
    _draw_weights(path, units, scale_end(units), captions, title, show)


def plot_filters(
    path: Path | str,
    weights: np.ndarray,
    input_channel: int = 0,
    title: str = "Weights of the filters: red increases the output, blue decreases it",
    *,
    show: bool = False,
) -> None:
    """Draw every filter of a convolutional layer, for one of its input channels.

    Args:
        path: the file to write.
        weights: floats `[filter_height, filter_width, input_channels, filters]`. All channels
            share one colour scale, so that pictures of two channels can be compared.
        input_channel: the channel to draw, counted from 0.
        title: of the picture.
        show: also keep the figure for `show_all`.

    Raises:
        UserError: the layer has no such input channel, or the file cannot be written.
    """
    weights = np.asarray(weights, np.float32)
    channels, count = weights.shape[2:]
    if not 0 <= input_channel < channels:
        raise UserError(
            f"cannot draw {path}: this layer has no input channel {input_channel}. "
            f"It has {channels}, counted from 0; choose another --input-channel."
        )
    filters = weights[:, :, input_channel].transpose(2, 0, 1)
    _draw_weights(path, filters, scale_end(weights), list(map(str, range(count))), title, show)


def _draw_weights(
    path: Path | str,
    images: np.ndarray,
    largest: float,
    captions: Sequence[str],
    title: str,
    show: bool,
) -> None:
    """Draw weights `[n, height, width]` in blue and red from `-largest` to `largest`."""
    colours = colour_scale("RdBu_r", -largest, largest)
    grid = Grid(images, colours, captions, 720)
    left = (WIDTH - grid.width - 90) // 2
    with new_picture(path, title, show, grid.height + 10) as figure:
        grid.draw(figure, left, 10)
        add_colour_bar(figure, colours, "Weight", left + grid.width + 10, grid.height, "both")


def plot_layer_outputs(
    path: Path | str,
    images: np.ndarray,
    outputs: np.ndarray,
    titles: Sequence[str] | None = None,
    title: str = "Output of each channel: bright where the image matches the filter",
    *,
    show: bool = False,
) -> None:
    """Draw a few images, each followed by the outputs of all channels of a layer.

    Args:
        path: the file to write.
        images: numbers from 0 `[n, height, width]` with n from 1 up.
        outputs: floats `[n, layer_height, layer_width, channels]`, on one colour scale for all.
        titles: a caption per image; numbers if None.
        title: of the picture.
        show: also keep the figure for `show_all`.

    Raises:
        UserError: the file cannot be written.
    """
    images, outputs = np.asarray(images), np.asarray(outputs, np.float32)
    ink = colour_scale("gray_r", 0, max(1, images.max()))
    lowest = np.min(outputs, initial=0, where=np.isfinite(outputs))
    colours = colour_scale("viridis", lowest, scale_end(outputs))
    numbers = list(map(str, range(outputs.shape[3])))
    channels = outputs.transpose(0, 3, 1, 2)
    rows = [
        (Grid(image[None], ink, [short_name(k, titles)], 150), Grid(maps, colours, numbers, 560))
        for k, (image, maps) in enumerate(zip(images, channels, strict=True))
    ]
    heights = [20 + max(left.height, right.height) for left, right in rows]
    with new_picture(path, title, show, sum(heights)) as figure:
        for k, (left, right) in enumerate(rows):
            top = sum(heights[k:])
            left.draw(figure, 10, top - left.height)
            right.draw(figure, 180, top - right.height)
        add_colour_bar(figure, colours, "Output of the layer", 760, sum(heights), "max")


def plot_preparation(
    path: Path | str,
    colours: np.ndarray,
    ink: np.ndarray | None,
    boxes: Sequence[tuple[int, int, int, int]],
    images: np.ndarray,
    captions: Sequence[str],
    title: str = "Preparation of a picture for the network",
) -> None:
    """Draw the steps of the preparation: the picture, its ink, and the image of each digit.

    Args:
        path: the file to write.
        colours: floats `[h, w, 3]` from 0 to 1.
        ink: floats `[h, w]`, 0 paper to 1 ink; None if the picture was used unchanged.
        boxes: left, top, right, bottom of each digit.
        images: uint8 `[n, height, width]`, of which the first 8 are drawn.
        captions: the text beside each image.
        title: of the picture.

    Raises:
        UserError: the file cannot be written.
    """
    import_matplotlib()
    from matplotlib.patches import Rectangle

    images = images[:8]
    steps = [("1. The picture", colours)]
    if ink is not None:
        steps.append(("2. Its ink", ink))
    row = 230
    # Wide pictures need less space above the rows of digits.
    space = int(min(235, 380 * colours.shape[0] / colours.shape[1]))
    with new_picture(path, title, False, 45 + space + row * len(images)) as figure:
        total = figure.get_size_inches()[1] * DPI
        for k, (caption, step) in enumerate(steps):
            axes = add_axes(figure, 30 + 420 * k, row * len(images) + 15, 380, space)
            axes.set_axis_off()
            axes.set_title(caption, size=10)
            axes.imshow(step, cmap="gray_r", vmin=0, vmax=1)
            for left, top, right, bottom in boxes if k else ():
                box = Rectangle((left - 0.5, top - 0.5), right - left, bottom - top)
                box.set(fill=False, edgecolor=ORANGE, linewidth=1.5)
                axes.add_patch(box)
        for k, (image, caption) in enumerate(zip(images, captions, strict=False)):
            bottom = row * (len(images) - 1 - k) + 12
            axes = add_axes(figure, 120, bottom, 195, 195)
            axes.imshow(image, cmap="gray", vmin=0, vmax=255)
            axes.set(xticks=[], yticks=[])
            height, width = image.shape
            size = f"{height} × {width} pixels"
            which = f", digit {k + 1}" if len(images) > 1 else ""
            axes.set_title(f"{len(steps) + 1}. Input of the network{which}: {size}", size=10)
            figure.text(400 / WIDTH, (bottom + 98) / total, caption, va="center", size=11)
