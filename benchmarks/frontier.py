"""Draw accuracy against the number of parameters and against the work of the training.

    python -m benchmarks.frontier

Reads the results files of some pages in docs/results/ and draws docs/pictures/records.png. Nothing
is trained. The work is an estimate: two floating-point operations for each multiply–add, three
times, since the backward pass takes about two forward passes, for each training image in each
epoch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.pages import DOCS
from common import MODEL_NAMES, UserError
from common.comparison.tables import model_name
from common.datasets.order import MAX_VALIDATION_IMAGES
from common.plots.canvas import BLUE, GREY, ORANGE, import_matplotlib, new_picture
from common.plots.curves import show_errors_as_accuracies
from common.process.arguments import new_parser
from common.run.files import reason_of

COMMAND = "python -m benchmarks.frontier"
PICTURE = DOCS / "pictures" / "records.png"
RESULTS = ("README", "fast", "augmentation", "smallest")
COLOURS = {"mnist_softmax": GREY, "mnist_mlp": ORANGE, "mnist_cnn": BLUE}
NUM_IMAGES = 60_000 - MAX_VALIDATION_IMAGES
OPERATIONS = 6  # of floating point, for each multiply–add of the forward pass
TERA = 1e12
LABELS = {"parameters": "parameters", "operations": "training, 10¹² floating-point operations"}


class Point(NamedTuple):
    """A net: its test accuracy (0 to 1), and what it takes."""

    name: str
    accuracy: float
    spread: float  # half the length of the bar: a standard deviation, or a published range
    parameters: float | None  # None: not published
    operations: float | None  # TERA floating-point operations, of the whole training
    offset: tuple[int, int] = (5, 4)  # of the name from the point, in typographic points


# Means that others have published; records.md names the sources. The operations of the two examples
# are computed as ours are: multiply–adds · 6 · training images · epochs.
PUBLISHED = (
    Point("hexhowells", 0.98, 0, 575, None),
    Point("JoshWarn, best of 700", 0.9903, 0, 697, None, (6, -11)),
    Point("7,070 parameters", 0.994, 0, 7_070, None),
    Point("Keras example", 0.9922, 0, 34_826, 2_440_864 * OPERATIONS * 54_000 * 15 / TERA, (-5, 4)),
    Point(
        "PyTorch example",
        0.9919,
        0,
        1_199_882,
        11_992_448 * OPERATIONS * 60_000 * 14 / TERA,
        (-4, -19),
    ),
    Point("cdeotte", 0.9964, 0, None, 163),
    Point("M5", 0.9975, 0.0005, None, 7_400, (-5, 4)),
    Point("HVC", 0.9975, 0.0005, None, 17_000),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the picture.

    Args:
        argv: the command line; None reads `sys.argv`.

    Raises:
        UserError: a results file cannot be read, or the picture cannot be written.
        SystemExit: a usage error (status 2).
    """
    parser = new_parser(COMMAND, __doc__)
    parser.parse_args(argv)
    draw(PICTURE, measured(DOCS / "results"))
    print(f"Wrote {PICTURE}")


def measured(folder: Path) -> list[tuple[str, Point]]:
    """Read our own points, each with the script that was run; a net on two pages counts once.

    Raises:
        UserError: a file cannot be read or has no models.
    """
    points: dict[str, tuple[str, Point]] = {}
    for name in RESULTS:
        path = folder / f"{name}.json"
        try:
            models = json.loads(path.read_text(encoding="utf-8"))["models"]
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"cannot read {path}: {reason_of(error)}") from error
        for model in models:
            points.setdefault(model["name"], (model["name"].split(".py")[0], point_of(model)))
    return list(points.values())


def point_of(model: dict[str, Any]) -> Point:
    """Return the point of one row of a results file."""
    operations = model["multiply_adds"] * OPERATIONS * NUM_IMAGES * model["epochs"]
    return Point(
        model_name(model["name"]),
        model["test_mean"],
        model["test_std"] or 0.0,
        model["parameters"],
        operations / TERA,
    )


def draw(path: Path, ours: Sequence[tuple[str, Point]]) -> None:
    """Draw two panels: accuracy against parameters, and against the work of the training.

    Args:
        path: the file to write.
        ours: for each net its script and its point.

    Raises:
        UserError: the file cannot be written.
    """
    import_matplotlib()
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    title = "Accuracy against parameters and training work; filled: ours, hollow: published"
    with new_picture(path, title, False, 420, layout="constrained") as figure:
        panels = zip(figure.subplots(1, 2, sharey=True), ("parameters", "operations"), strict=True)
        for axes, what in panels:
            axes.set(xscale="log", xlabel=LABELS[what])
            axes.xaxis.set_major_locator(LogLocator(numticks=6))
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.12g}"))
            for script, point in ours:
                _put(axes, point, getattr(point, what), COLOURS[script], filled=True)
            for point in PUBLISHED:
                if getattr(point, what):
                    _put(axes, point, getattr(point, what), "black", filled=False)
            axes.grid(color="#DDDDDD")
            axes.margins(x=0.16)
        for script, colour in COLOURS.items():
            axes.plot([], [], "o", color=colour, label=MODEL_NAMES[script])
        axes.legend(loc="lower right", fontsize=8)
        show_errors_as_accuracies(axes)
        figure.axes[0].set_ylabel("test accuracy (%)")


def _put(axes: Any, point: Point, x: float, colour: str, filled: bool) -> None:
    axes.errorbar(
        x,
        100 * (1 - point.accuracy),
        yerr=100 * point.spread,
        fmt="o",
        color=colour,
        markerfacecolor=colour if filled else "white",
        markersize=5,
        elinewidth=1,
    )
    if not filled:
        axes.annotate(
            point.name,
            (x, 100 * (1 - point.accuracy)),
            point.offset,
            textcoords="offset points",
            ha="left" if point.offset[0] > 0 else "right",
            size=7,
        )


if __name__ == "__main__":
    main()
