"""A folder with four IDX files, named like MNIST's or EMNIST's → the contents of a data set.

train-images-idx3-ubyte.gz                  as MNIST has them
emnist-letters-train-images-idx3-ubyte.gz   several data sets in one folder, told by what
emnist-letters-test-images-idx3-ubyte.gz    stands before the word train
classes.txt, emnist-letters-classes.txt     the names of the classes, one a line, if any
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from common.datasets.arrays import Contents, Part
from common.datasets.idx import DataError, read_idx

# The four files in this order: training images and labels, test images and labels.
ROLES = (("train", "images"), ("train", "labels"), ("test", "images"), ("test", "labels"))
NAME = re.compile(
    r"(?P<prefix>.*?)(?P<part>train|test|t10k)[-_.](?P<what>images|labels)[-_.]idx\d[-_.]"
    r"(ubyte|int|u?int8)(?P<gz>\.gz)?",
    re.IGNORECASE,
)
MAX_TEXT_BYTES = 2**20  # 1 MiB of class names


def find_sets(folder: Path) -> dict[str, dict[tuple[str, str], Path]]:
    """Return the data sets of a folder: what their names begin with → their files, up to four."""
    sets: dict[str, dict[tuple[str, str], Path]] = {}
    with suppress(OSError):  # what cannot be read is reported elsewhere
        # Some archives unpack into folders with the names of the files: real files go first. And
        # the gzipped one of two.
        paths = [path for path in folder.iterdir() if NAME.fullmatch(path.name)]
        for path in sorted(paths, key=lambda path: (path.is_dir(), path.suffix != ".gz", path)):
            found = NAME.fullmatch(path.name)
            part = "train" if found["part"].lower() == "train" else "test"
            of_set = sets.setdefault(found["prefix"], {})
            of_set.setdefault((part, found["what"].lower()), path)
    return sets


def choose_set(source: Path) -> tuple[str, dict[tuple[str, str], Path]] | None:
    """Return what the names of a data set begin with, and its files; None if there is none.

    Args:
        source: a folder, or one of the four files.

    Raises:
        DataError: there are several in the folder, or one that is not complete.
    """
    name = NAME.fullmatch(source.name) if not source.is_dir() else None
    sets = find_sets(source.parent if name else source)
    if name:
        sets = {prefix: of_set for prefix, of_set in sets.items() if prefix == name["prefix"]}
    complete = {prefix: of_set for prefix, of_set in sets.items() if len(of_set) == len(ROLES)}
    for prefix, of_set in sets.items() if not complete else ():
        if prefix or name:  # another sentence is for a folder with some of MNIST's names
            missing = [" ".join(role) for role in ROLES if role not in of_set]
            raise DataError(
                f"{next(iter(of_set.values()))} is one of four files, but those of the "
                f"{' and '.join(missing)} are missing; put them into the same folder, with names "
                "of the same kind."
            )
    sets = complete
    if len(sets) > 1:
        files = sorted(of_set[ROLES[0]].name for of_set in sets.values())
        raise DataError(
            f"{source} holds several data sets; name one of its files with --data-dir, for "
            f"example {source / files[0]} (the others: {', '.join(files[1:6])})."
        )
    return next(iter(sets.items()), None)


def read_set(prefix: str, paths: dict[tuple[str, str], Path]) -> Contents:
    """Read the four files of a data set and, if they are there, the names of its classes.

    Raises:
        DataError: a file is damaged.
    """
    arrays = [read_idx(paths[role]) for role in ROLES]
    sources = [str(paths[role]) for role in ROLES]
    names, names_from = read_names(paths[ROLES[0]].parent, prefix)
    return Contents(
        Part(*arrays[:2], *sources[:2]),
        Part(*arrays[2:], *sources[2:]),
        class_names=names,
        names_from=names_from,
        named_emnist="emnist" in prefix.lower(),
    )


def read_names(folder: Path, prefix: str = "") -> tuple[tuple[str, ...] | None, str]:
    """Read the names of the classes, and say where from; None if no file has them.

    They stand in `classes.txt`, one a line in the order of the labels, or in EMNIST's own mapping
    (lines of a label and the code of its character: `1 65 97`).

    Raises:
        DataError: the file cannot be read.
    """
    names = (f"{prefix}classes.txt", "classes.txt", f"{prefix}mapping.txt")
    path = next((folder / name for name in names if (folder / name).is_file()), None)
    if path is None:
        return None, ""
    try:
        with path.open("rb") as file:
            lines = file.read(MAX_TEXT_BYTES).decode("utf-8-sig").strip().splitlines()
        if path.name.endswith("mapping.txt"):
            rows = sorted(tuple(map(int, line.split())) for line in lines)
            return tuple(chr(code) for _, code, *_ in rows), str(path)
    except (OSError, ValueError, OverflowError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())[:200]
        raise DataError(
            f"{path} cannot be read ({reason}); write the names of the classes there, one a line."
        ) from None
    return tuple(lines), str(path)
