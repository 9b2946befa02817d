"""Scripts for TensorFlow 1 with two changed lines: docs/tensorflow-1-today.md says which."""

import re
from pathlib import Path

import old_scripts
import pytest
import shell

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tensorflow-1-today.md"


def changes():
    """The lines and what they become, as the page shows them."""
    (block,) = re.findall(r"```diff\n(.*?)```", PAGE.read_text(), re.DOTALL)
    old, new = (re.findall(rf"^[{sign}](.+)$", block, re.MULTILINE) for sign in "-+")
    assert len(old) == 2
    return list(zip(old, new, strict=True))


def today(script, steps):
    """A script with the two changed lines, each of which stands in it once."""
    for old, new in changes():
        assert len(re.findall(rf"^{re.escape(old)}", script, re.MULTILINE)) == 1
        script = re.sub(rf"^{re.escape(old)}", new, script, flags=re.MULTILINE)
    return script.replace("STEPS", str(steps))


def accuracy_of(script, steps, tmp_path, timeout=shell.TIMEOUT, **variables):
    """Run it in a folder of its own, with this repository on Python's path."""
    path = tmp_path / "old_script.py"
    path.write_text(today(script, steps))
    output, _ = shell.run(path, cwd=tmp_path, timeout=timeout, variables=variables)
    name, accuracy = output.splitlines()[-1].split()
    assert name == "accuracy"
    print(f"\naccuracy {float(accuracy):.2%} after {steps:,} steps", end=" ")
    assert [p.name for p in tmp_path.iterdir()] == ["old_script.py"]  # nothing was downloaded
    return float(accuracy)


# Keras is not used, and loading it takes a second.
NO_KERAS = {"TF_USE_LEGACY_KERAS": "1"}


@pytest.mark.parametrize(
    ("script", "steps", "least", "most"),
    [
        # 91.7 ± 0.3 % in 40 runs, the lowest 90.5 %: they set no seed.
        (old_scripts.BEGINNERS, 1_000, 0.895, 0.93),
        pytest.param(old_scripts.HVASS_01, 1_000, 0.895, 0.93, marks=pytest.mark.slow),
        pytest.param(old_scripts.FIVE_LAYERS, 500, 0.9, 0.98, marks=pytest.mark.slow),
    ],
    ids=["MNIST for ML Beginners", "Hvass 01", "Görner, five layers, 500 of 10,000 steps"],
)
def test_two_changed_lines_are_enough(script, steps, least, most, tmp_path):
    assert least < accuracy_of(script, steps, tmp_path, **NO_KERAS) < most


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "steps", "least", "most"),
    [
        (old_scripts.FIVE_LAYERS, 10_000, 0.975, 0.99),
        (old_scripts.HVASS_02, 10_000, 0.983, 0.992),
        (old_scripts.EXPERTS, 2_000, 0.96, 0.985),
    ],
    ids=["Görner, five layers", "Hvass 02", "Deep MNIST for Experts"],
)
def test_the_long_ones_reach_their_accuracy(script, steps, least, most, tmp_path):
    assert least < accuracy_of(script, steps, tmp_path, shell.LONG) < most
