"""Softmax, MLP and CNN on the same images: one command, one table that can be believed.

    python -m common.compare --seeds 5

trains each script's recipe with several seeds by calling the script's own `main`, then says how
accurate each net is, how sure that is, and whether the differences between the nets are more than
luck. Every finished run is kept; a comparison that was interrupted goes on where it stopped, and
one that is repeated with more seeds or more `--run` variants trains only what is new.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from common import UsageError, UserError, plots
from common.data import DEFAULT_DATA_DIR, load_data
from common.process.errors import InterruptedRunError
from common.process.machine import describe_machine
from common.run.files import atomic_path, require_writable_folder, write_json
from common.settings import new_parser, parse_count

import numpy as np
from scipy import stats
from tqdm import tqdm

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPTS = ("mnist_softmax", "mnist_mlp", "mnist_cnn")
README = REPOSITORY / "README.md"
RESULTS = REPOSITORY / "docs" / "results" / "README.json"
PICTURES = REPOSITORY / "docs" / "pictures"
COMMAND = "python -m common.compare"
TAKEN = {"--seed", "--data-dir", "--output-dir", "--resume", "--show", "--help", "-h"}


class Contestant(NamedTuple):
    """One row of the table: a script with its flags."""

    script: str
    flags: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the user would type after `python`."""
        return shlex.join([f"{self.script}.py", *self.flags])

    def folder(self, root: Path) -> Path:
        """Return the folder of its runs: legible, and another one for other flags."""
        words = re.sub(r"[^\w.=-]+", "_", " ".join((self.script, *self.flags)))
        return root / "runs" / words


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train what is missing, compare, print and write the results; return them.

    Raises:
        UserError: a run failed or a file cannot be written.
        SystemExit: a usage error (status 2).
    """
    options, contestants = _parse(argv)
    root = require_writable_folder(options.output_dir)
    seeds = range(options.seeds)
    runs = _train_all(contestants, seeds, root, options)
    results = {
        "command": options.command,
        "machine": describe_machine(),
        "seeds": options.seeds,
        "models": [summarise(c.name, of_one) for c, of_one in zip(contestants, runs, strict=True)],
        "differences": [
            compare_two((contestants[a].name, runs[a]), (contestants[b].name, runs[b]))
            for a, b in _pairs(len(runs))
        ],
    }
    table = markdown_table(results)
    print(table)
    write_json(root / "results.json", results)
    with atomic_path(root / "results.md") as temporary:
        temporary.write_text(table + "\n", encoding="utf-8")
    pictures = _draw(results, runs, root, options.data_dir)
    files = ("results.json", "results.md", *pictures)
    print("Files written:", *(root / file for file in files), sep="\n  ")
    if options.update_page:
        _update_page(options.update_page, results, table)
    if options.update_readme:
        _update_readme(results, table, root, pictures)
    return results


def _pairs(count: int) -> list[tuple[int, int]]:
    """Return which rows are compared: of up to three each pair, of more each with the first."""
    pairs = list(itertools.combinations(range(count), 2))
    return pairs if count <= 3 else [pair for pair in pairs if pair[0] == 0]


def _parse(argv: Sequence[str] | None) -> tuple[argparse.Namespace, list[Contestant]]:
    parser = new_parser(COMMAND, __doc__)
    parser.add_argument(
        "--seeds", type=parse_count, default=5, metavar="N", help="seeds 0 to N-1 (default: 5)"
    )
    parser.add_argument(
        "--run",
        action="append",
        default=[],
        metavar='"SCRIPT FLAGS"',
        help='one more row, as in --run "mnist_mlp.py --dropout 0"; may be given several times',
    )
    parser.add_argument(
        "--only",
        action="store_true",
        help="compare only what --run names, not also the three scripts' defaults",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=DEFAULT_DATA_DIR,
        metavar="DIR",
        help="folder with the data for all runs (default: the MNIST that came with this program)",
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=Path("runs/compare"),
        metavar="DIR",
        help="folder for the runs and the results (default: runs/compare)",
    )
    parser.add_argument(
        "--update-page",
        type=Path,
        metavar="PAGE.md",
        help="put the table between the markers of this page, the numbers into results/ beside it",
    )
    parser.add_argument(
        "--update-readme",
        action="store_true",
        help="put the table, the pictures and the scripts' expected accuracies into the repository",
    )
    options = parser.parse_args(argv)
    typed = sys.argv[1:] if argv is None else argv
    options.command = _without_updates(typed)
    lines = ([] if options.only else [f"{script}.py" for script in SCRIPTS]) + options.run
    contestants = []
    for line in lines:
        try:
            script, *flags = shlex.split(line) or [""]
        except ValueError as error:
            parser.error(f"--run {line!r} cannot be read: {error}")
        if script.removesuffix(".py") not in SCRIPTS:
            known = ", ".join(f"{known}.py" for known in SCRIPTS)
            parser.error(f"--run {line!r} must begin with one of {known}")
        taken = {flag.partition("=")[0] for flag in flags} & TAKEN
        if taken:
            parser.error(f"--run {line!r} must leave {', '.join(sorted(taken))} to the comparison")
        contestant = Contestant(script.removesuffix(".py"), tuple(flags))
        # The script's own parser judges the rest, before anything is trained.
        importlib.import_module(contestant.script).read_settings(flags)
        if contestant not in contestants:
            contestants.append(contestant)
    if not contestants:
        parser.error("--only leaves nothing to compare; name something with --run")
    return options, contestants


def _without_updates(typed: Sequence[str]) -> str:
    """Return the command line that makes the same results and publishes them nowhere."""
    words = list(typed)
    if "--update-page" in words:
        place = words.index("--update-page")
        del words[place : place + 2]
    return shlex.join([*COMMAND.split(), *(word for word in words if word != "--update-readme")])


def _train_all(
    contestants: list[Contestant], seeds: range, root: Path, options: argparse.Namespace
) -> list[list[dict[str, Any]]]:
    """Return the metrics of every run, for each contestant one per seed."""
    # Seed by seed, so that the first results of all nets are there soon.
    tasks = list(itertools.product(seeds, range(len(contestants))))
    runs: list[list[dict[str, Any]]] = [[] for _ in contestants]
    with tqdm(tasks, unit="run", disable=None, dynamic_ncols=True) as bar:
        for seed, index in bar:
            contestant = contestants[index]
            bar.set_description(f"{contestant.name}, seed {seed}")
            metrics = _train(contestant, seed, contestant.folder(root) / f"seed-{seed}", options)
            runs[index].append(metrics)
            bar.write(
                f"{contestant.name}, seed {seed}: validation {metrics['validation_accuracy']:.2%}, "
                f"test {metrics['test_accuracy']:.2%}, {metrics['train_seconds']:.0f} s of training"
            )
    return runs


def _train(
    contestant: Contestant, seed: int, folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Do one run, or the rest of it, or nothing where it is done; return its metrics."""
    script = importlib.import_module(contestant.script)
    argv = [*contestant.flags, "--seed", str(seed), "--output-dir", str(folder)]
    argv += ["--data-dir", str(options.data_dir)]
    folder.mkdir(parents=True, exist_ok=True)
    resume = ["--resume"] if (folder / "checkpoints").exists() else []
    with (folder / "output.txt").open("a", encoding="utf-8") as log, redirect_stdout(log):
        try:
            metrics = script.main([*argv, *resume])
        except InterruptedRunError as error:
            error.args = (f"interrupted; continue with: {options.command}",)
            raise
        except UsageError as error:
            if not resume:
                raise
            # The run kept here had other settings: the recipe has changed since.
            print(error)
            metrics = script.main(argv)
    true, predicted = np.load(folder / "predictions.npy").T
    return metrics | {"true": true, "predicted": predicted}


def summarise(name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the row of one contestant: means and spreads over its runs, one per seed.

    Accuracies are shares from 0 to 1. The standard deviation has n − 1 in its denominator and is
    None for a single run. The interval of the mean is Student's, 95 %.
    """
    tests = np.array([run["test_accuracy"] for run in runs])
    validations = np.array([run["validation_accuracy"] for run in runs])
    first = runs[0]
    return {
        "name": name,
        "parameters": first["parameters"],
        "multiply_adds": first["multiply_adds"],
        "epochs": first["epochs"],
        "train_seconds": float(np.median([run["train_seconds"] for run in runs])),
        "validation_mean": float(validations.mean()),
        "validation_std": _std(validations),
        "test_mean": float(tests.mean()),
        "test_std": _std(tests),
        "test_interval": _interval_of_mean(tests),
        "errors_mean": float(np.mean([run["test_total"] - run["test_correct"] for run in runs])),
        "test_total": first["test_total"],
        "test_accuracies": tests.tolist(),
    }


def _std(values: np.ndarray) -> float | None:
    return float(values.std(ddof=1)) if len(values) > 1 else None


def _interval_of_mean(values: np.ndarray) -> list[float] | None:
    if len(values) < 2:
        return None
    reach = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return [float(max(0, values.mean() - reach)), float(min(1, values.mean() + reach))]


def mcnemar(first_only: int, second_only: int) -> float:
    """Return the exact two-sided p-value of McNemar's test.

    If two nets were equally good, an image that only one of them gets right would fall to either
    with probability one half, like a coin. Images that both get right, or both wrong, say nothing.

    Args:
        first_only: images that only the first net classifies correctly.
        second_only: images that only the second one does.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions
    or percentages", Psychometrika 12, 1947.
    """
    total = first_only + second_only
    return float(stats.binomtest(first_only, total).pvalue) if total else 1.0


def compare_two(
    first: tuple[str, list[dict[str, Any]]], second: tuple[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    """Compare the predictions of two contestants on the same test images, seed by seed."""
    counts = []
    for one, other in zip(first[1], second[1], strict=True):
        right_one = one["predicted"] == one["true"]
        right_other = other["predicted"] == other["true"]
        counts.append(
            [int(np.sum(right_one & ~right_other)), int(np.sum(right_other & ~right_one))]
        )
    return {
        "first": first[0],
        "second": second[0],
        "first_only_right": [count[0] for count in counts],
        "second_only_right": [count[1] for count in counts],
        "p_values": [mcnemar(*count) for count in counts],
    }


def percent(share: float, std: float | None = None) -> str:
    """Return a share as a percentage with its standard deviation: `98.55 ± 0.10`."""
    return f"{share:.2%}"[:-1] + (f" ± {100 * std:.2f}" if std is not None else "")


def markdown_table(results: dict[str, Any]) -> str:
    """Return the results as Markdown: a table and the sentences that belong to it."""
    lines = [
        "| script | parameters | multiply–adds per image | epochs | training, seconds "
        "| validation, % | test, % | 95 % interval of the mean | errors |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in results["models"]:
        low, high = row["test_interval"] or (None, None)
        interval = "–" if low is None else f"{percent(low)} to {percent(high)}"
        lines.append(
            f"| `{row['name']}` | {row['parameters']:,} | {row['multiply_adds']:,} "
            f"| {row['epochs']:g} | {row['train_seconds']:.1f} "
            f"| {percent(row['validation_mean'], row['validation_std'])} "
            f"| {percent(row['test_mean'], row['test_std'])} | {interval} "
            f"| {row['errors_mean']:.0f} of {row['test_total']:,} |"
        )
    seeds = results["seeds"]
    lines += [
        "",
        f"Mean ± standard deviation over {seeds} seed{'s' * (seeds != 1)} (seconds: median), on "
        f"{results['machine']}. Made by `{results['command']}`.",
        "",
        *(difference_sentence(difference) for difference in results["differences"]),
        "",
        meaning_of_a_tenth(results["models"]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def difference_sentence(difference: dict[str, Any]) -> str:
    """Return, as an item of a list, whether one contestant is really better than another."""
    first, second = (
        np.mean(difference["first_only_right"]),
        np.mean(difference["second_only_right"]),
    )
    largest = max(difference["p_values"])
    pairs = zip(difference["first_only_right"], difference["second_only_right"], strict=True)
    one_way = len({a > b for a, b in pairs}) == 1
    if largest < 0.05 and one_way:
        verdict = "a real difference with every seed"
    elif min(difference["p_values"]) < 0.05:
        verdict = "a difference with some seeds only: it may be luck"
    else:
        verdict = "no more than luck may do"
    return (
        f"- `{difference['first']}` and `{difference['second']}`: {first:.0f} images only the "
        f"first reads, {second:.0f} only the second; {verdict} "
        f"(exact McNemar test, largest p = {largest:.2g})."
    )


def meaning_of_a_tenth(models: list[dict[str, Any]]) -> str:
    """Return a sentence that says what a difference of 0.1 point means on this test set."""
    total = models[0]["test_total"]
    best = max(row["test_mean"] for row in models)
    error = np.sqrt(best * (1 - best) / total)
    return (
        f"A difference of 0.1 point is {total / 1000:g} of {total:,} test images. Another test set "
        f"of that size would move an accuracy of {percent(best)} % by {100 * error:.2f} points "
        "(one standard error), so such a difference alone proves nothing."
    )


def _draw(
    results: dict[str, Any], runs: list[list[dict[str, Any]]], root: Path, data_dir: Path
) -> list[str]:
    """Draw the pictures of the comparison and return their file names."""
    names = [row["name"] for row in results["models"]]
    data = load_data(data_dir)
    first = [of_one[0] for of_one in runs]  # the runs with the first seed, for the single images
    files = ["accuracy_against_time.png", "confusion_matrices.png"]
    plots.plot_accuracy_against_time(
        root / files[0], {n: [r["history"] for r in of] for n, of in zip(names, runs, strict=True)}
    )
    matrices = [np.mean([run["confusion_matrix"] for run in of_one], axis=0) for of_one in runs]
    plots.plot_confusion_matrices(root / files[1], matrices, names, data.class_names)
    wrong = [run["predicted"] != run["true"] for run in first]
    chosen = {
        "all_wrong.png": (
            np.logical_and.reduce(wrong),
            f"test images that all {len(names)} nets get wrong",
        )
    }
    if len(names) > 1:
        chosen["first_wrong_last_right.png"] = (
            wrong[0] & ~wrong[-1],
            f"test images that {names[0]} gets wrong and {names[-1]} right",
        )
    for file, (mask, what) in chosen.items():
        indices = np.flatnonzero(mask)
        first_nine = indices[:9]
        plots.plot_images(
            root / file,
            data.test.images[first_nine],
            data.image_shape,
            data.test.labels[first_nine],
            first[0]["predicted"][first_nine],
            data.class_names,
            title=f"The first {len(first_nine)} of {len(indices)} {what}"
            f" (predicted: by {names[0]})",
        )
        files.append(file)
    return files


BETWEEN_MARKERS = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- end of results -->)", re.DOTALL)
# The last paragraph of a script's docstring.
EXPECTED = re.compile(r"Expected: .*?(?=\n\"\"\")", re.DOTALL)


def expectation(row: dict[str, Any], results: dict[str, Any]) -> str:
    """Return the paragraph about the expected accuracy in a script's docstring."""
    text = (
        f"Expected: {percent(row['test_mean'], row['test_std'])} % on the test set, mean ± "
        f"standard deviation of {results['seeds']} seeds, after {row['epochs']:g} epochs in "
        f"{row['train_seconds']:.0f} s on {results['machine']}. Again with: {results['command']}"
    )
    return textwrap.fill(text, 99, break_on_hyphens=False)


def _update_page(page: Path, results: dict[str, Any], table: str) -> None:
    """Put a table into a page, and the numbers that it was made of where a test finds them."""
    _replace(page, BETWEEN_MARKERS, table)
    write_json(page.parent / "results" / f"{page.stem}.json", results)


def _update_readme(results: dict[str, Any], table: str, root: Path, pictures: list[str]) -> None:
    """Put the results where readers see them first: README, its pictures, the docstrings."""
    write_json(RESULTS, results)
    for picture in pictures:
        with atomic_path(PICTURES / picture) as temporary:
            shutil.copyfile(root / picture, temporary)
    _replace(
        README,
        re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- end of results -->)", re.DOTALL),
        table,
    )
    for row in results["models"]:
        path = REPOSITORY / row["name"]
        if path.exists():  # a script with its defaults, not a variant
            _replace(path, EXPECTED, expectation(row, results))


def _replace(path: Path, pattern: re.Pattern[str], text: str) -> None:
    before = path.read_text(encoding="utf-8")
    after, count = pattern.subn(lambda _: text, before, count=1)
    if count == 0:
        raise UserError(f"{path} has no place for the results; restore its markers.")
    with atomic_path(path) as temporary:
        temporary.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
