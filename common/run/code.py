"""Has the code of a script changed since a run?"""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

from common.process.start import REPOSITORY

# The modules of common/ that decide what a script computes.
CORE = (
    *("layers", "networks", "augmentation", "objective", "data", "session", "training"),
    "run/teacher",
)


def code_checksum(script: str) -> str:
    """Return a checksum of the code that trains a net: a script and the core, without comments.

    Args:
        script: its name without `.py`.
    """
    files = [REPOSITORY / f"{script}.py", *(REPOSITORY / "common" / f"{one}.py" for one in CORE)]
    trees = []
    for file in filter(Path.is_file, files):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):  # a string by itself is a docstring
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                node.value.value = ""
        trees.append(ast.dump(tree))
    return hashlib.sha256("".join(trees).encode()).hexdigest()
