"""Pictures of digits → predictions of the trained nets.

    python -m common.predict my_digit.png --model runs/mnist_cnn

reads each picture, prepares it as MNIST's images were prepared, and prints the result with the
three most probable classes of each model. A model is the output directory of a run (train one with:
python mnist_cnn.py), or a SavedModel with the same signature: `images`, uint8
[n, height · width] → `probabilities`, float32 [n, classes]. For each picture that cannot be used a
message says why, and the exit status is then 1.

    python -m common.predict --csv test.csv --model runs/mnist_cnn

reads the rows of a CSV file, as Kaggle has them, and writes the answers as ImageId,Label.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import UserError
from common.pictures.text import draw_as_text
from common.process.alike import dashes
from common.process.arguments import new_parser
from common.process.text import visible
from common.run.files import require_writable_folder
from common.run.usual import add_models, usual_models

import numpy as np

if TYPE_CHECKING:  # TensorFlow, SciPy and Pillow are imported when the command line is right
    from common.pictures.preparation import Prepared
    from common.run.model import Model

COMMAND = "python -m common.predict"


def main(argv: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Prepare all pictures, classify them with all models, print and return the answers.

    Raises:
        UserError: a model cannot be loaded, or, after the others were read, a picture.
        SystemExit: a usage error (status 2).
    """
    options = _parse(argv)
    from common.pictures.doubt import find_doubts
    from common.plots import draw_each
    from common.run.model import load_models

    models = load_models(options.model)
    if options.csv:
        from common.datasets.submission import answer_table

        return [answer_table(options.csv, models[0], options.output_dir)]
    if len({(model.grey_levels, model.centred) for model in models}) > 1:
        print(
            "The models were trained with images of different kinds (classes.json); pictures are "
            f"prepared as for {visible(models[0].name)}, the first one.",
            file=sys.stderr,
        )
    folder = require_writable_folder(options.output_dir) if options.explain else None
    prepared, problems = _prepare_all(_files(options.picture), models[0], options)

    good = [one for one in prepared.values() if one is not None]
    images = np.concatenate([one.images for one in good]) if good else None
    answers = [model.probabilities(images) if good else None for model in models]
    doubts = find_doubts(models, good, answers)
    rows, start = [], 0
    given: set[str] = set()  # names of drawings
    for path, one in prepared.items():
        row: dict[str, Any] = {"file": str(path)}
        if one is None:
            row["error"] = problems[path]
        else:
            end = start + len(one.images)
            row["digits"] = [
                _digit_row(one, k, models, [a[start + k] for a in answers]) | doubts[start + k]
                for k in range(len(one.images))
            ]
            row["notes"] = one.notes
            if folder:
                # Two folders may hold pictures of one name.
                names = (f"{path.stem}{'' if k == 1 else f'_{k}'}_explained.png" for k in count(1))
                name = next(name for name in names if name.lower() not in given)
                given.add(name.lower())
                draw = partial(_explain, one, row, models)
                for drawn in draw_each(folder, [(name, draw)]):
                    row["explained"] = str(folder / drawn)
            start = end
        rows.append(row)
        if not options.json:
            _print(row, one, models)
    if options.json:
        print(json.dumps(rows, indent=2))
    elif folder and good:
        drawings = [row["explained"] for row in rows if "explained" in row]
        print("Files written:", *map(visible, drawings), sep="\n  ")
    if problems:
        *others, last = problems.values()
        sys.stdout.flush()
        for problem in others:
            print(f"Error: {visible(problem)}", file=sys.stderr)
        raise UserError(last)
    return rows


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = new_parser(COMMAND, __doc__)
    parser.add_argument(
        "picture",
        type=Path,
        nargs="*",
        help="photo, scan or drawing of one digit (PNG, JPEG, GIF, WebP, BMP, PNM, TIFF), or a "
        "folder of them",
    )
    add_models(parser)
    parser.add_argument(
        "--segment",
        action="store_true",
        help="read all digits of a picture, line by line, from left to right; digits that touch "
        "count as one",
    )
    parser.add_argument(
        "--prepare-always",
        action="store_true",
        help="prepare pictures, too, that have the size and the polarity of the model's images, "
        "such as 28 × 28, light on dark; otherwise they are used unchanged",
    )
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="in place of pictures: classify the rows of a CSV file, such as Kaggle's test.csv, "
        "and write OUTPUT_DIR/submission.csv",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the answers as JSON, for programs"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="draw how each picture was prepared, step by step, into a PNG file",
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=Path("runs/predict"),
        metavar="DIR",
        help="folder for the drawings of --explain and the answers of --csv "
        "(default: runs/predict)",
    )
    options = parser.parse_args(argv)
    if not options.picture and not options.csv:
        parser.error("the following arguments are required: picture (or --csv FILE)")
    options.model = options.model or usual_models()
    if options.csv:
        for name in ("picture", "segment", "prepare_always", "json", "explain"):
            if getattr(options, name):
                other = name if name == "picture" else f"--{dashes(name)}"
                parser.error(f"argument --csv: not allowed with argument {other}")
        if len(options.model) > 1:
            parser.error(
                "argument --csv: one file of answers is written, so name one --model, for example "
                f"--model {options.model[-1]}"
            )
    return options


def _files(paths: Sequence[Path]) -> list[Path]:
    """Replace folders by the pictures in them; drop repetitions."""
    from common.pictures.listing import LeftOut, list_pictures

    files, left_out = [], LeftOut()
    for path in paths:
        files += list_pictures(path) if path.is_dir() else [path]
        if path.is_dir():
            left_out.add_from(path, "in the folder")
    if sentence := left_out.sentence():
        print(visible(sentence), file=sys.stderr)
    return list(dict.fromkeys(files))


def _prepare_all(
    files: Sequence[Path], model: Model, options: argparse.Namespace
) -> tuple[dict[Path, Prepared | None], dict[Path, str]]:
    """Prepare each file; where that is impossible, keep the sentence that says why."""
    from common.pictures.preparation import prepare

    from tqdm import tqdm

    prepared: dict[Path, Prepared | None] = {}
    problems: dict[Path, str] = {}
    for path in tqdm(files, desc="Pictures", disable=None, leave=False):
        try:
            one = prepare(
                path,
                model.image_shape,
                segment=options.segment,
                unchanged=not options.prepare_always,
                polarity=model.polarity,
                grey_levels=model.grey_levels,
                centred=model.centred,
            )
            # Only a drawing needs the large arrays, so that a folder of 10,000 photos fits.
            prepared[path] = one if options.explain else one.without_steps()
        except UserError as problem:
            prepared[path], problems[path] = None, str(problem)
    return prepared, problems


def _digit_row(
    one: Prepared, k: int, models: Sequence[Model], probabilities: Sequence[np.ndarray]
) -> dict[str, Any]:
    """Return the entry of one digit for --json."""
    return {
        "box": list(one.boxes[k]) if one.digits else None,
        "line": one.digits[k].line + 1 if one.digits else 1,
        "place": one.digits[k].place + 1 if one.digits else 1,
        "models": {
            model.name: {
                "class": model.class_names[int(fractions.argmax())],
                "probabilities": dict(
                    zip(model.class_names, map(float, fractions.round(6)), strict=True)
                ),
            }
            for model, fractions in zip(models, probabilities, strict=True)
        },
    }


def _best(answer: dict[str, Any]) -> list[str]:
    """Return the three most probable classes with their probabilities, the best first."""
    best = sorted(answer["probabilities"].items(), key=lambda item: -item[1])[:3]
    return [f"{visible(name)} ({fraction:.1%})" for name, fraction in best]


def _print(row: dict[str, Any], one: Prepared | None, models: Sequence[Model]) -> None:
    """Print what the nets see and their answers."""
    if one is None:
        print(f"{visible(row['file'])}: not read", end="\n\n")
        return
    note = ""
    if not one.digits:
        note = " used unchanged, since it has the size of the model's images"
    print(f"{visible(row['file'])}:{note}")
    for note in one.notes:
        print(f"  ({note})")
    names = [visible(model.name) for model in models]
    width = max(map(len, names))
    for image, digit in zip(one.images, row["digits"], strict=True):
        print(draw_as_text(image))
        for model, name in zip(models, names, strict=True):
            best = "   ".join(_best(digit["models"][model.name]))
            print(f"  {name:<{width}}  {best}")
        if digit["doubt"]:
            print(f"  {visible(digit['doubt'])}")
    if len(row["digits"]) > 1:
        for model, name in zip(models, names, strict=True):
            lines: dict[int, list[str]] = {}
            for digit in row["digits"]:
                answer = digit["models"][model.name]["class"]
                lines.setdefault(digit["line"], []).append(answer)
            for k, classes in lines.items():
                where = f" in line {k}" if len(lines) > 1 else ""
                print(f"  {name:<{width}}  reads{where} {visible(' '.join(classes))}")
    print()


def _explain(one: Prepared, row: dict[str, Any], models: Sequence[Model], path: Path) -> None:
    """Draw the steps of one picture into a PNG file."""
    from common.plots import plot_preparation

    said = [
        "\n".join(
            f"{model.name}:  " + ",  ".join(_best(digit["models"][model.name])) for model in models
        )
        for digit in row["digits"]
    ]
    plot_preparation(
        path,
        one.picture.colours,
        one.ink,
        one.boxes,
        one.images,
        said,
        title=f"How {one.picture.path.name} becomes what the net sees",
    )


if __name__ == "__main__":
    main()
