"""Pages with digits on them: made of test images, drawn on, and saved as pictures."""

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

PEN = np.array([26.0, 28.0, 58.0])
WHITE, TABLE, YELLOW = np.array([[248.0, 246, 240], [70, 46, 34], [250, 230, 90]])


def cropped(digit, zoom=8):
    """The ink of a digit without any margin: float [height, width], about 20 · zoom long."""
    rows, columns = (np.flatnonzero((digit > 100).any(axis=axis)) for axis in (1, 0))
    part = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / 255
    return ndimage.zoom(part, zoom, order=1, grid_mode=True, mode="nearest")


def written(ink, paper=WHITE, pen=PEN):
    return paper + ink[..., None] * (pen - paper)


def saved(colours, path):
    colours = np.repeat(colours[..., None], 3, axis=2) if colours.ndim == 2 else colours
    Image.fromarray(np.rint(colours).clip(0, 255).astype(np.uint8)).save(path)
    return path


def drawn(colours, draw):
    """Draw with Pillow on colours, float [height, width, 3]."""
    picture = Image.fromarray(np.rint(colours).clip(0, 255).astype(np.uint8))
    draw(ImageDraw.Draw(picture))
    return np.asarray(picture, float)
