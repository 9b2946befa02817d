"""Trained nets → one HTML file in which visitors draw a digit and see what each net reads.

    python -m common.page --model runs/mnist_softmax --model runs/mnist_mlp --model runs/mnist_cnn

writes runs/page.html. It needs no server and no network: open it in a browser. A model is the
output directory of a run, or a SavedModel with the same signature, see common.predict. Its layers
must follow one another: convolution, pooling, batch normalisation, average, fully-connected layers
and activations; for others a sentence says which layer cannot be drawn.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from common import UserError
from common.data import DEFAULT_DATA_DIR, load_data
from common.process.arguments import new_parser
from common.process.text import visible
from common.run.usual import add_models, usual_models

COMMAND = "python -m common.page"


def main(argv: Sequence[str] | None = None) -> Path:
    """Build the page; return the file.

    Raises:
        UserError: a model cannot be loaded or drawn, models or data do not fit each other, or the
            file cannot be written.
        SystemExit: a usage error (status 2).
    """
    options = _parse(argv)
    from common.page.build import build_page
    from common.page.content import page_content
    from common.run.model import load_models

    if options.output.is_dir():
        raise UserError(
            f"cannot write {options.output}: it is a folder. Name a file with --output."
        )
    models = load_models(options.model)
    data = load_data(options.data_dir, transpose=models[0].transposed)
    folder = options.data_dir.resolve()  # `.` has no name
    content = page_content(models, data, "MNIST" if folder == DEFAULT_DATA_DIR else folder.name)
    size = build_page(options.output, content)
    for network in content["networks"]:
        print(_line(network))
    print(f"Files written:\n  {visible(options.output)} ({size / 1e6:.2f} MB)")
    return options.output


def _line(network: dict) -> str:
    """Say what rounding does to a net."""
    rounding = network["rounding"]
    return visible(
        f"{network['name']}: weights in {rounding['kind']}, test accuracy "
        f"{rounding['test_accuracy']:.2%} (rounding changes {rounding['different']:,} of "
        f"{rounding['test_total']:,} answers)"
    )


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = new_parser(COMMAND, __doc__)
    add_models(parser)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("runs/page.html"),
        metavar="FILE",
        help="the HTML file to write (default: runs/page.html)",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=DEFAULT_DATA_DIR,
        metavar="PATH",
        help="the data of the models, whose test images the page shows (default: data/MNIST)",
    )
    options = parser.parse_args(argv)
    options.model = options.model or usual_models()
    return options


if __name__ == "__main__":
    main()
