"""Arrays → pictures: each function takes arrays and writes one PNG file.

    images.py     images, weights, filters, outputs of layers, the preparation of a picture
    digits.py     distorted copies, a mosaic with the errors first, the answers of several nets
    inside.py     what filters look for, and what the layers make of an image
    film.py       an animated GIF of a training
    curves.py     loss and accuracy by epoch, errors against training time
    confusion.py  confusion matrices
    robustness.py  accuracy against the strength of a distortion, or the number of images
    series.py     several pictures in a folder, of which some may fail
    windows.py    pictures in windows, for --show
    labels.py     names at the ends of curves
    canvas.py     what these share: figure, grid of images, colour scales, names

All plot functions have these arguments in common: `path` is the file to write (UserError if it
cannot be written), `title` stands above the picture, and `show=True` also keeps the figure for
`show_all()`, which opens a window for it. Without it no display is needed. Where a list of names is
optional, numbers take its place. The colours can be distinguished with every kind of colour vision.
The first picture imports Matplotlib; importing this package does not.
"""

from common.plots.confusion import plot_confusion_matrices, plot_confusion_matrix
from common.plots.curves import plot_curves, plot_errors_against_time, plot_validation
from common.plots.digits import plot_answers, plot_copies, plot_mosaic
from common.plots.film import plot_film
from common.plots.images import (
    plot_filters,
    plot_images,
    plot_layer_outputs,
    plot_preparation,
    plot_weights,
)
from common.plots.inside import plot_one_image, plot_patches
from common.plots.robustness import plot_panels, plot_reliability, plot_shift, plot_sizes
from common.plots.series import draw_each
from common.plots.windows import require_display, show_all

__all__ = [
    "draw_each",
    "plot_answers",
    "plot_confusion_matrices",
    "plot_confusion_matrix",
    "plot_copies",
    "plot_curves",
    "plot_errors_against_time",
    "plot_film",
    "plot_filters",
    "plot_images",
    "plot_layer_outputs",
    "plot_mosaic",
    "plot_one_image",
    "plot_panels",
    "plot_patches",
    "plot_preparation",
    "plot_reliability",
    "plot_shift",
    "plot_sizes",
    "plot_validation",
    "plot_weights",
    "require_display",
    "show_all",
]
