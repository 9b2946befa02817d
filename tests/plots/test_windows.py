"""common/plots/windows.py, on a backend that opens no real windows."""

import sys
from types import ModuleType

from common import UserError, plots

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from plotted import confusion


@pytest.fixture
def windows(monkeypatch):
    """Give Matplotlib a simulated screen; return the titles of the windows that it opens."""
    opened = []

    class Manager(FigureManagerBase):
        def show(self):
            opened.append(self.canvas.figure.get_suptitle())

    class Canvas(FigureCanvasAgg):
        manager_class = Manager

    screen = ModuleType("a_screen")
    screen.FigureCanvas, screen.FigureManager = Canvas, Manager
    monkeypatch.setitem(sys.modules, "a_screen", screen)
    plt.switch_backend("module://a_screen")
    yield opened
    plt.close("all")
    plt.switch_backend("agg")


def test_show_opens_one_window_for_each_kept_picture(windows, tmp_path):
    plots.require_display()
    for title, show in ("one", True), ("two", False), ("three", True):
        plots.plot_curves(tmp_path / f"{title}.png", [], title, show=show)
    assert windows == []
    plots.show_all()
    assert windows == ["one", "three"]
    plots.show_all()
    assert windows == ["one", "three"], "show_all closes what it showed"


def test_a_title_says_that_units_are_left_out(windows, tmp_path):
    for units in (40, 41):
        weights = np.zeros((4, units))
        plots.plot_weights(tmp_path / "w.png", weights, (2, 2), title="Weights", show=True)
    plots.show_all()
    assert windows == ["Weights", "Weights (the first 40 of 41 units)"]


def test_a_shown_picture_is_the_same_file(windows, tmp_path):
    for name, show in ("kept.png", True), ("closed.png", False):
        plots.plot_confusion_matrix(tmp_path / name, confusion(3), show=show)
    assert len(plt.get_fignums()) == 1
    assert (tmp_path / "kept.png").read_bytes() == (tmp_path / "closed.png").read_bytes()


def test_no_windows_on_a_backend_without_them(tmp_path):
    plt.switch_backend("agg")
    plots.plot_curves(tmp_path / "curves.png", [], show=True)
    assert (tmp_path / "curves.png").exists()
    for function in (plots.require_display, plots.show_all):
        with pytest.raises(UserError, match="cannot open windows"):
            function()
    assert plt.get_fignums() == []
