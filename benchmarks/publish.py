"""Put a finished comparison into a page of the documentation.

    python -m common.compare --seeds 5
    python -m benchmarks.publish runs/compare README.md

This command replaces the tables between the markers of the page and writes their numbers to
docs/results/. A page has markers for the comparison (`results`), for --robustness (`robustness`)
or for --train-sizes (`sizes`), and gets the pictures that it shows. For README.md its Chinese
translation and the paragraph "Expected: …" in the docstrings of the scripts are updated, too.
Nothing is trained.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.chinese import table_in_chinese
from benchmarks.pages import (
    REPOSITORY,
    put_into_page,
    replace,
    require_markers,
    require_match,
)
from common import UserError
from common.comparison.pressure import robustness_page
from common.comparison.sizes import sizes_page
from common.comparison.tables import expectation, markdown_table
from common.process.arguments import new_parser
from common.run.files import atomic_path, write_json

COMMAND = "python -m benchmarks.publish"
# What a page can have markers for: the text that is made of the numbers in PART.json.
PARTS = {"results": markdown_table, "robustness": robustness_page, "sizes": sizes_page}
# The last paragraph of a script's docstring.
EXPECTED = re.compile(r"Expected: .*?(?=\n\"\"\")", re.DOTALL)
CHINESE = Path("docs/README.zh-CN.md")
EXPECTED_NAME = "the paragraph “Expected: …” at the end of its docstring"


def main(argv: Sequence[str] | None = None) -> None:
    """Publish one comparison.

    Args:
        argv: the command line; None reads `sys.argv`.

    Raises:
        UserError: the results or the page cannot be read, or a file cannot be written.
        SystemExit: a usage error (status 2).
    """
    parser = new_parser(COMMAND, __doc__)
    parser.add_argument(
        "results",
        type=Path,
        metavar="RESULTS_FOLDER",
        help="the --output-dir of a finished comparison, such as runs/compare",
    )
    parser.add_argument(
        "page", type=Path, metavar="PAGE.md", help="README.md or a page in docs/ with markers"
    )
    options = parser.parse_args(argv)
    publish(options.results, options.page)


def publish(folder: Path, page: Path, repository: Path = REPOSITORY) -> None:
    """Put the comparison in `folder` into `page`, and print which files were written.

    Everything that is needed is checked before the first file is written.

    Args:
        folder: contains results.json and, for README.md, the pictures of the comparison.
        page: the page; README.md of the repository is treated as described above.
        repository: the folder with README.md, docs/ and the scripts.

    Raises:
        UserError: a file of numbers, a picture, the markers of the page or the paragraph of a
            script are missing, or a file cannot be written.
    """
    text = require_match(page, re.compile(""), "")
    parts = [part for part in PARTS if f"<!-- {part} -->" in text] or ["results"]
    # A page may show several comparisons, each from its own folder.
    parts = [part for part in parts if (folder / f"{part}.json").exists()] or parts[:1]
    require_markers(page, parts)
    numbers = {part: _read_numbers(folder, part) for part in parts}
    shown = set(re.findall(r"\]\((?:docs/)?pictures/([\w.]+)\)", text))
    pictures = [path for path in sorted(folder.glob("*.png")) if path.name in shown]
    is_readme = page.resolve() == (repository / "README.md").resolve()
    scripts = _scripts_of(numbers["results"], repository) if is_readme else {}
    translations = [repository / CHINESE] if is_readme else []
    for translation in translations:
        require_markers(translation, ["results"])

    written = [page]
    for part, found in numbers.items():
        name = page.stem if part == "results" else part
        written.append(repository / "docs" / "results" / f"{name}.json")
        write_json(written[-1], found)
        put_into_page(page, part, PARTS[part](found))
    for picture in pictures:
        written.append(repository / "docs" / "pictures" / picture.name)
        with atomic_path(written[-1]) as temporary:
            shutil.copyfile(picture, temporary)
    for translation in translations:
        written.append(translation)
        put_into_page(translation, "results", table_in_chinese(numbers["results"]))
    for script, model in scripts.items():
        replace(script, EXPECTED, expectation(model, numbers["results"]), EXPECTED_NAME)
        written.append(script)
    print("Files written:", *written, sep="\n  ")


def _read_numbers(folder: Path, part: str) -> dict[str, Any]:
    path = folder / f"{part}.json"
    try:
        numbers = json.loads(path.read_text(encoding="utf-8"))
        PARTS[part](numbers)
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror}. Name the --output-dir of a finished comparison."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} does not contain the results of a comparison.") from error
    return numbers


def _scripts_of(results: dict[str, Any], repository: Path) -> dict[Path, dict[str, Any]]:
    """Return the scripts whose recipes, without further flags, were compared, with their rows."""
    rows = {repository / model["name"]: model for model in results["models"]}
    scripts = {path: model for path, model in rows.items() if path.exists()}
    for path in scripts:
        require_match(path, EXPECTED, EXPECTED_NAME)
    return scripts


if __name__ == "__main__":
    main()
