"""Labels as files have them → whole numbers from 0, and a name for each class."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from common.datasets.idx import DataError, times

import numpy as np

WHOLE = re.compile(r"[+-]?[0-9]{1,9}(\.0*)?")


def number_labels(
    parts: Sequence[np.ndarray],
    sources: Sequence[str],
    class_names: Sequence[str] | None,
    names_from: str,
    remarks: list[str],
) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Number the classes from 0.

    Args:
        parts: the labels of each part of a data set; the last but one are the training labels. Each
            is whole numbers (of any type, floats too), names, or one-hot rows.
        sources: how messages name each part.
        class_names: a name for each class in the order of the numbers; None names the classes by
            their labels.
        names_from: how messages name the class names.
        remarks: a sentence is added where labels were renumbered.

    Returns:
        int32 [n] for each part, and the names.

    Raises:
        DataError: invalid labels, or others than those of the training images.
    """
    parts = [_plain(part, source) for part, source in zip(parts, sources, strict=True)]
    if class_names is not None:
        class_names = check_names(class_names, names_from)
    parts = [_as_numbers_if_all_are(part) for part in parts]
    if any(part.dtype.kind == "U" for part in parts):
        parts, class_names, names_from = _number_names(parts, sources, class_names, names_from)
    train, train_from = parts[-2], sources[-2]
    found = np.unique(train)
    if len(found) < 2:
        raise DataError(
            f"{train_from} has the label {found[0]} only; put labels of two classes or more there."
        )
    first = int(found[0] == 1 and found[-1] == len(found))  # numbered from 1, without a gap
    if first:
        last = int(found[-1])
        remarks.append(f"the labels from 1 to {last} were numbered from 0")
        if class_names is None:
            class_names = tuple(map(str, range(1, last + 1)))
            remarks[-1] += ", and the classes keep them as names"
        elif len(class_names) == last + 1:
            remarks.append(f"the first class name, {class_names[0]}, belongs to no label")
            class_names = class_names[1:]
        parts = [part - 1 for part in parts]
    num_classes = len(found) if class_names is None else len(class_names)
    _check_training_labels(parts, sources, num_classes, class_names, names_from, first)
    names = tuple(class_names or map(str, range(num_classes)))
    missing = sorted(set(range(num_classes)) - set(np.unique(parts[-2]).tolist()))
    if missing:  # only where the classes have names, otherwise they are counted
        raise DataError(
            f"{train_from} has no training image of the class {names[missing[0]]} (label "
            f"{missing[0] + first}); add some, or leave the class out of {names_from}."
        )
    for part, source in zip(parts, sources, strict=True):
        outside = np.flatnonzero((part < 0) | (part >= num_classes))
        if len(outside):
            raise DataError(
                f"{source} has labels out of range: label {part[outside[0]] + first} at index "
                f"{outside[0]} is the first that no training image has, since the labels in "
                f"{train_from} are {first} to {num_classes - 1 + first}; train with every class "
                "that is tested, number both parts alike, or leave these images out."
            )
    return [part.astype(np.int32) for part in parts], names


def check_names(names: Iterable[str], source: str) -> tuple[str, ...]:
    """Return the names of the classes without spaces around them.

    Raises:
        DataError: one is empty or cannot be printed, or two are equal.
    """
    names = tuple(name.strip() for name in names)
    for k, name in enumerate(names):
        if not name or not name.isprintable():
            raise DataError(
                f"{source}: the name of class {k}, {name!r}, is empty or cannot be printed; write "
                "a word there."
            )
        if name in names[:k]:
            raise DataError(
                f"{source}: the classes {names.index(name)} and {k} are both called {name!r}; give "
                "each class a name of its own."
            )
    return names


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names, numbers in the order of their values: 2 before 10."""
    return sorted(
        names, key=lambda name: (0, int(name), name) if _is_number(name) else (1, 0, name)
    )


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) < 10


def _plain(labels: np.ndarray, source: str) -> np.ndarray:
    """Return one label per image: int64 [n], or strings [n]."""
    if labels.ndim == 2 and 1 in labels.shape:
        labels = labels.reshape(-1)
    kind = labels.dtype.kind
    if labels.ndim == 2 and kind in "buif" and _is_one_hot(labels):
        return labels.argmax(axis=1)
    if labels.ndim == 1 and kind == "S":
        labels, kind = np.char.decode(labels, "utf-8", "replace"), "U"
    if labels.ndim == 1 and kind == "U":
        labels = np.char.strip(labels)
        if (labels == "").any():
            index = int((labels == "").argmax())
            raise DataError(f"{source} has no label at index {index}; write it there.")
        return labels
    if labels.ndim != 1 or kind not in "buif":
        raise DataError(
            f"{source} holds {times(labels.shape)} values of type {labels.dtype}, not labels; put "
            "one whole number for each image there, or its name, or a one-hot row."
        )
    if kind == "f":
        dtype = labels.dtype
        with np.errstate(all="ignore"):
            labels = labels.astype(np.float64)
        wrong = np.flatnonzero(~np.isfinite(labels) | (np.abs(labels) >= 2**53))
        wrong = wrong if len(wrong) else np.flatnonzero(labels != np.rint(labels))
        if len(wrong):
            raise DataError(
                f"{source} holds values of type {dtype}, not labels: {labels[wrong[0]]:g} at "
                f"index {wrong[0]} is not a whole number; put one whole number for each image "
                "there, or its name, or a one-hot row."
            )
    return labels.astype(np.int64)


def _is_one_hot(labels: np.ndarray) -> bool:
    """Say whether each row has a single 1 and is 0 elsewhere."""
    ones = labels == 1
    return bool(((labels == 0) | ones).all() and (ones.sum(axis=1) == 1).all())


def _as_numbers_if_all_are(labels: np.ndarray) -> np.ndarray:
    """Turn strings into whole numbers, if each is one: "7", also "7.0" and "-1"."""
    if labels.dtype.kind != "U" or not all(map(WHOLE.fullmatch, np.unique(labels).tolist())):
        return labels
    return labels.astype(np.float64).astype(np.int64)


def _number_names(
    parts: Sequence[np.ndarray],
    sources: Sequence[str],
    class_names: tuple[str, ...] | None,
    names_from: str,
) -> tuple[list[np.ndarray], tuple[str, ...], str]:
    """Replace names by their places in `class_names` or, without, in the training labels."""
    parts = [part.astype(np.str_) for part in parts]
    if class_names is None:
        names_from = sources[-2]
        class_names = check_names(in_order(np.unique(parts[-2]).tolist()), names_from)
    numbers = {name: k for k, name in enumerate(class_names)}
    numbered = []
    for part, source in zip(parts, sources, strict=True):
        names, inverse = np.unique(part, return_inverse=True)
        unknown = [name for name in names.tolist() if name not in numbers]
        if unknown:
            index = int(np.flatnonzero(part == unknown[0])[0])
            raise DataError(
                f"{source} has the label {unknown[0]!r} at index {index}, which is no class of "
                f"{names_from}; train with every class that is tested, and write names alike."
            )
        numbered.append(np.array([numbers[name] for name in names.tolist()])[inverse])
    return numbered, class_names, names_from


def _missing_between(parts: Sequence[np.ndarray], sources: Sequence[str]) -> str:
    """Return why the training labels have a gap, if another part has the label that is missing."""
    train = parts[-2]
    for part, source in zip(parts, sources, strict=True):
        missing = ~np.isin(part, train) & (part >= 0) & (part < train.max())
        if missing.any():
            index = int(missing.argmax())
            return (
                f" Label {part[index]}, which {source} has at index {index}, is missing there: add "
                "training images of it, or leave it out."
            )
    return ""


def _check_training_labels(
    parts: Sequence[np.ndarray],
    sources: Sequence[str],
    num_classes: int,
    class_names: Sequence[str] | None,
    names_from: str,
    first: int,
) -> None:
    """Raise a DataError unless each label is the number of a class."""
    labels, source = parts[-2], sources[-2]
    outside = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if not len(outside):
        return
    label, index = labels[outside[0]] + first, outside[0]
    different = len(np.unique(labels))
    if class_names is not None:
        raise DataError(
            f"{names_from}: too few names ({num_classes}), since {source} has {different} "
            f"different labels; label {label} at index {index} is the first without a name: give "
            "one name for each class, in the order of the labels."
        )
    raise DataError(
        f"{source} has labels out of range: label {label} at index {index} is the first; the "
        f"training labels have {different} different values, so number the classes from 0 to "
        f"{num_classes - 1} without a gap.{_missing_between(parts, sources)}"
    )
