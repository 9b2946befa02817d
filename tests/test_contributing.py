""".github/CONTRIBUTING.md, followed word by word in a copy of the repository."""

import re
import shutil
import subprocess
import sys

from common.data import load_data

import idx_files
import numpy as np
import pages
import pytest
import shell

PAGE = shell.REPOSITORY / ".github" / "CONTRIBUTING.md"


def sections():
    """Each heading of the page, with its blocks of Python."""
    parts = re.split(r"^## (.+)$", pages.text_of(PAGE), flags=re.MULTILINE)[1:]
    return {
        heading: re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        for heading, text in zip(parts[::2], parts[1::2], strict=True)
    }


@pytest.fixture
def copy(tmp_path):
    """A copy of what is in the repository's version control, but for large files."""
    root = tmp_path / "copy"
    for name in ("common", "tests", ".github", "docs", "data", "benchmarks"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(shell.REPOSITORY / name, root / name, ignore=ignored)
    for pattern in ("mnist_*.py", "*.md", "*.toml", "*.txt"):
        for path in shell.REPOSITORY.glob(pattern):
            shutil.copy(path, root)
    return root


def insert(path, before, text):
    old = path.read_text(encoding="utf-8")
    assert old.count(before) == 1, f"{path} has {old.count(before)} times {before!r}"
    path.write_text(old.replace(before, text + before), encoding="utf-8")


def follow(root):
    """Do what the page says."""
    found, common = sections(), root / "common"
    network, line = found["Add a network"]
    insert(common / "networks.py", "OTHER_NETWORKS = {", f"{network}\n\n")
    insert(common / "networks.py", '    "lenet5": lenet5,\n', line)
    (optimizer,) = found["Add an optimizer"]
    insert(common / "objective.py", '    "sgd": OptimizerChoice(', optimizer)
    module, branch = found["Add a data set"]
    (common / "datasets" / "npy.py").write_text(module, encoding="utf-8")
    reading = common / "datasets" / "reading.py"
    insert(reading, "npz\n\n    is_file, is_folder", "npy, ")
    insert(reading, "    if is_folder and folders.is_folder_tree(", branch)
    line = "npy.py          a folder with four .npy files\n"
    insert(common / "datasets" / "__init__.py", "npz.py ", line)
    function, line = found["Add a picture"]
    confusion = common / "plots" / "confusion.py"
    confusion.write_text(f"{confusion.read_text('utf-8')}\n\n{function}", encoding="utf-8")
    package = common / "plots" / "__init__.py"
    insert(package, "plot_confusion_matrices, plot_confusion_matrix\n", "plot_class_sizes, ")
    insert(package, '    "plot_confusion_matrices",\n', '    "plot_class_sizes",\n')
    insert(common / "run" / "figures.py", "\n\ndef _draw_film", line)
    return root


@pytest.mark.slow
def test_the_page_is_right(copy, tmp_path):
    follow(copy)
    arrays = load_data(idx_files.write_data_set(tmp_path / "data", 88, 20))
    (tmp_path / "npy").mkdir()
    for name, split in ("train", arrays.train), ("test", arrays.test):
        np.save(tmp_path / "npy" / f"x_{name}.npy", split.images.reshape(-1, 28, 28))
        np.save(tmp_path / "npy" / f"y_{name}.npy", split.labels)
    run = copy / "runs" / "mnist_cnn"
    flags = ["--network", "small", "--optimizer", "nesterov", "--data-dir", tmp_path / "npy"]
    command = ["mnist_cnn.py", *flags, "--epochs", "1"]
    options = {"cwd": copy, "variables": {"PYTHONPATH": str(copy)}, "timeout": shell.LONG}
    output, errors = shell.run(*command, **options)
    assert errors == ""
    assert "Training: nesterov, learning rate 0.1" in output
    assert (run / "class_sizes.png").stat().st_size > 1_000
    assert (run / "saved_model").is_dir()
    for tool in (["check", "."], ["format", "--check", "."]):
        subprocess.run([sys.executable, "-m", "ruff", *tool], cwd=copy, check=True)
    tests = ["tests/test_layout.py", "tests/test_layers.py", "tests/test_settings_help.py"]
    shell.run("-m", "pytest", "-q", "-n", "0", *tests, **options)
    (tmp_path / "npy" / "y_test.npy").write_bytes(b"cut")
    _, errors = shell.run(*command, **options, status=1)
    assert re.fullmatch(r"Error: .*y_test\.npy cannot be read .*\n", errors)
