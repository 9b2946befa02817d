"""common/plots/canvas.py: names, files that cannot be written, and Matplotlib's import."""

import os
import subprocess
import sys

from common import UserError, plots
from common.plots.canvas import short_names

import numpy as np
import pytest
from matplotlib.image import imread
from plotted import HISTORY
from shell import REPOSITORY

RANDOM = np.random.default_rng(0)


def test_a_dollar_and_other_scripts_are_names_like_any_other(draw):
    images = np.zeros((2, 28, 28), np.uint8)
    draw(plots.plot_images, images, (28, 28), [0, 1], class_names=(r"$\foo", "お"), title="$ $^{")


def test_the_same_numbers_give_the_same_file(tmp_path):
    weights = RANDOM.normal(size=(5, 5, 1, 16))
    for name in ("a.png", "b.png"):
        plots.plot_filters(tmp_path / name, weights)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match=r"cannot write .*curves\.png"):
        plots.plot_curves(tmp_path / "file" / "curves.png", HISTORY)
    assert (tmp_path / "file").read_text() == "not a folder"


def test_a_full_disk_leaves_the_old_picture(tmp_path):
    resource = pytest.importorskip("resource", reason="no file size limits on this system")
    path = tmp_path / "curves.png"
    plots.plot_curves(path, HISTORY[:1])
    old = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))  # bytes: less than a picture
    try:
        with pytest.raises(UserError, match="what was there before is unchanged"):
            plots.plot_curves(path, HISTORY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_process_without_a_display(tmp_path):
    code = """
import sys
from common import plots
print([name for name in ("matplotlib", "PIL") if name in sys.modules])
plots.plot_curves("curves.png", [])
print([name for name in ("matplotlib.pyplot", "tkinter") if name in sys.modules])
if sys.platform == "linux":  # other systems always have a display
    import matplotlib
    matplotlib.rcParams["backend"] = "TkAgg"
    plots.plot_curves("shown.png", [], show=True)
    plots.show_all()
"""
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment["PYTHONPATH"] = str(REPOSITORY)
    # Terminals inside notebooks set this; Matplotlib alone raises an error on import.
    environment["MPLBACKEND"] = "module://not_installed_here.backend"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout == "[]\n[]\n", done.stderr
    written = {"curves.png"}
    if sys.platform == "linux":
        written.add("shown.png")
        assert done.returncode == 1
        assert "UserError: cannot open windows: " in done.stderr.splitlines()[-1]
    else:
        assert (done.returncode, done.stderr) == (0, "")
    assert {file.name for file in tmp_path.iterdir()} == written
    assert imread(tmp_path / "curves.png").size


BACKENDS = """
import os, sys
import numpy, PIL.Image
from common import plots
for value in sys.argv[1:]:
    if os.fork() == 0:  # in a process without Matplotlib
        os.environ["MPLBACKEND"] = value
        plots.plot_confusion_matrix(f"{len(value)}.png", numpy.eye(3, dtype=int))
        import matplotlib
        print(value, os.environ["MPLBACKEND"] == value, matplotlib.rcParams["backend"])
        os._exit(sys.stdout.flush() or 0)
    assert os.wait()[1] == 0
"""


@pytest.mark.slow
def test_a_backend_that_matplotlib_refuses_is_left_out(tmp_path):
    """Of an old profile, of another program, or without the display that it needs."""
    refused = ["Qt4Agg", "module://email.nothing", "module://"]
    command = [sys.executable, "-c", BACKENDS, *refused, "TkAgg"]
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment["PYTHONPATH"] = str(REPOSITORY)
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = [f"{value} True agg" for value in refused] + ["TkAgg True TkAgg"]
    assert done.stdout.splitlines() == expected
    assert len(list(tmp_path.glob("*.png"))) == len({len(value) for value in command[3:]})


def test_names_are_shortened_in_the_middle_and_stay_different():
    names = ["CNN --network vgg --augment", "CNN --network vgg --batch-norm", "MLP", "x" * 99]
    shown = short_names(names, 20)
    assert shown == ["CNN --netw…--augment", "CNN --netw…atch-norm", "MLP", f"{'x' * 10}…{'x' * 9}"]
    same = [f"CNN --conv 5x16 {'5x36 ' * k}--fc 128" for k in range(4, 15)]
    for longest in (20, 21, 36):
        shown = short_names(same, longest)
        assert len(set(shown)) == len(same)
        assert max(map(len, shown)) == longest
    assert shown[1].endswith(" (2)")
