"""Put a finished comparison into a page of the documentation.

    python -m common.compare --seeds 5
    python -m benchmarks.publish runs/compare README.md

This command replaces the table between the markers of the page and writes its numbers to
docs/results/<page>.json. For README.md it also copies the pictures to docs/pictures and updates
the paragraph "Expected: …" in the docstrings of the scripts. It trains nothing.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.pages import REPOSITORY, put_into_page, replace, require_markers, require_match
from common import UserError
from common.comparison.tables import expectation, markdown_table
from common.process.arguments import new_parser
from common.run.files import atomic_path, write_json

COMMAND = "python -m benchmarks.publish"
MARKERS = "results"
# The last paragraph of a script's docstring.
EXPECTED = re.compile(r"Expected: .*?(?=\n\"\"\")", re.DOTALL)
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
        UserError: results.json, a picture, the markers of the page or the paragraph of a script
            are missing, or a file cannot be written.
    """
    results = _read_results(folder)
    require_markers(page, [MARKERS])
    is_readme = page.resolve() == (repository / "README.md").resolve()
    pictures = sorted(folder.glob("*.png")) if is_readme else []
    scripts = _scripts_of(results, repository) if is_readme else {}
    if is_readme and not pictures:
        raise UserError(f"{folder} contains no pictures. Repeat the comparison, then publish it.")

    written = [repository / "docs" / "results" / f"{page.stem}.json", page]
    write_json(written[0], results)
    put_into_page(page, MARKERS, markdown_table(results))
    for picture in pictures:
        written.append(repository / "docs" / "pictures" / picture.name)
        with atomic_path(written[-1]) as temporary:
            shutil.copyfile(picture, temporary)
    for script, model in scripts.items():
        replace(script, EXPECTED, expectation(model, results), EXPECTED_NAME)
        written.append(script)
    print("Files written:", *written, sep="\n  ")


def _read_results(folder: Path) -> dict[str, Any]:
    path = folder / "results.json"
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        markdown_table(results)
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror}. Name the --output-dir of a finished comparison."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} does not contain the results of a comparison.") from error
    return results


def _scripts_of(results: dict[str, Any], repository: Path) -> dict[Path, dict[str, Any]]:
    """Return the scripts whose recipes, without further flags, were compared, with their rows."""
    rows = {repository / model["name"]: model for model in results["models"]}
    scripts = {path: model for path, model in rows.items() if path.exists()}
    for path in scripts:
        require_match(path, EXPECTED, EXPECTED_NAME)
    return scripts


if __name__ == "__main__":
    main()
