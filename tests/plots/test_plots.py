"""common/plots.py: the pictures are opened again and looked at, pixel by pixel where it matters."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from common import UserError, plots

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread

RANDOM = np.random.default_rng(0)
LONG_NAMES = ("a rather long class name", "T-shirt/top", "price in $ and {braces}")
HISTORY = [
    {
        "epoch": float(epoch),
        "train_loss": 0.5 / epoch,
        "validation_loss": 0.6 / epoch,
        "train_accuracy": 1 - 0.1 / epoch,
        "validation_accuracy": 1 - 0.2 / epoch,
    }
    for epoch in range(1, 9)
]


@pytest.fixture
def draw(tmp_path):
    """Draw, open the file again, and return its pixels as uint8 `[height, width, 3]`."""

    def draw_and_open(function, *args, **settings):
        path = tmp_path / "pictures" / "picture.png"
        function(path, *args, **settings)
        assert [file.name for file in path.parent.iterdir()] == ["picture.png"]
        assert path.stat().st_size < 60_000
        pixels = np.round(imread(path)[..., :3] * 255).astype(np.uint8)
        assert pixels.shape[1] == plots.WIDTH
        assert not np.all(pixels == 255), "the picture is empty"
        assert np.all(pixels[-1] == 255), "something is cut off at the lower edge"
        return pixels

    return draw_and_open


def frames(pixels):
    """Count the images in a grid, each in a frame of one grey, by their upper left corners."""
    grey = np.all(np.abs(pixels.astype(int) - 136) <= 6, axis=2)
    return int(np.sum(line_from(grey, 0, 1) & line_from(grey, 1, 0)))


def line_from(grey, down, right, length=20):
    """Say where a line of `length` grey pixels begins, after one that is not grey."""
    begins = ~np.roll(grey, (down, right), axis=(0, 1))
    for step in range(length):
        begins &= np.roll(grey, (-step * down, -step * right), axis=(0, 1))
    return begins


def colour_is_in(pixels, colour):
    return bool(np.any(np.all(np.abs(pixels.astype(int) - colour) <= 12, axis=2)))


@pytest.mark.parametrize("count", range(13))
def test_errors_from_none_to_more_than_fit(draw, count):
    images = RANDOM.integers(0, 256, (count, 784)).astype(np.uint8)
    labels = np.arange(count) % 10
    pixels = draw(plots.plot_images, images, (28, 28), labels, (labels + 1) % 10)
    assert frames(pixels) == min(count, 9)
    rows = -(-min(count, 9) // 3)
    assert len(pixels) == (164 if count == 0 else 44 + 10 + rows * (169 + 46))


def test_no_errors_is_not_no_images(draw):
    nothing, labels = np.zeros((0, 784), np.uint8), np.zeros(0, int)
    no_errors = draw(plots.plot_images, nothing, (28, 28), labels, labels)
    no_images = draw(plots.plot_images, nothing, (28, 28), labels)
    assert np.any(no_errors != no_images)


@pytest.mark.parametrize("shape", [(28, 28), (20, 40), (40, 20), (300, 200), (1, 30)])
def test_images_keep_their_proportions_and_orientation(draw, shape):
    image = np.zeros((1, *shape), np.uint8)
    high, wide = -(-shape[0] // 10), -(-shape[1] // 10)
    image[0, :high, -wide:] = 255  # ink in the upper right corner only
    pixels = draw(plots.plot_images, image, shape, [0], title="-")
    below_caption = pixels[44 + 26 :]
    grey = np.all(np.abs(below_caption.astype(int) - 136) <= 6, axis=2)
    rows, columns = np.flatnonzero(grey.sum(1) > 9), np.flatnonzero(grey.sum(0) > 0)
    height, width = rows[-1] - rows[0] - 1, columns[-1] - columns[0] - 1
    assert height / width == pytest.approx(shape[0] / shape[1], rel=0.02)
    ink = np.argwhere(np.all(below_caption[rows[0] + 1 : rows[-1]] == 0, axis=2))
    assert np.ptp(ink[:, 0]) + 1 == pytest.approx(height * high / shape[0], abs=1)
    assert np.ptp(ink[:, 1]) + 1 == pytest.approx(width * wide / shape[1], abs=1)
    assert ink[:, 0].min() == 0
    assert ink[:, 1].max() == columns[-1] - 1


def test_each_image_pixel_is_a_square_of_its_grey(draw):
    image = np.arange(0, 252, 7, dtype=np.uint8).reshape(1, 6, 6)
    pixels = draw(plots.plot_images, image, (6, 6), [3])
    grey = np.all(pixels == pixels[..., :1], axis=2)
    assert grey.all()
    for shade in (255, 255 - 245):  # 28 screen pixels for each of the six in 170
        assert np.sum(np.abs(pixels[..., 0].astype(int) - shade) <= 4) >= 28 * 28


def test_captions_show_both_classes(draw):
    image = np.zeros((1, 28, 28), np.uint8)
    numbers = draw(plots.plot_images, image, (28, 28), [2], [0])
    other_guess = draw(plots.plot_images, image, (28, 28), [2], [1])
    names = draw(plots.plot_images, image, (28, 28), [2], [0], LONG_NAMES)
    assert np.any(numbers != other_guess)
    assert np.any(numbers != names)
    assert numbers.shape == other_guess.shape == names.shape
    changed = np.argwhere(np.any(numbers != other_guess, axis=2))
    assert np.ptp(changed, axis=0).max() < 20, "one more digit than the predicted one changed"


def confusion(classes, error=8):
    matrix = np.eye(classes, dtype=int) * 900
    matrix[1, 0] = error
    return matrix


def test_a_few_errors_stand_out_against_hundreds_right(draw):
    pixels = draw(plots.plot_confusion_matrix, confusion(10))
    darkest = np.array([102, 37, 6])  # the dark end of the scale, in a cell and in the colour bar
    cells = pixels[:, :700]
    dark = np.argwhere(np.all(np.abs(cells.astype(int) - darkest) <= 12, axis=2))
    assert len(dark) > 2000, "8 errors must fill a cell with the strongest colour"
    (top, left), (bottom, right) = dark.min(0), dark.max(0)
    assert top > 80, "row 1 stands below row 0"
    assert left < 60, "column 0 is the first"
    assert bottom - top < 80
    assert right - left < 80


def test_confusion_matrix_counts_and_colours_follow_the_numbers(draw):
    none, eight, nine = (draw(plots.plot_confusion_matrix, confusion(3, n)) for n in (0, 8, 9))
    assert np.any(eight[:, :700] != nine[:, :700])
    assert not colour_is_in(none[:, :700], [102, 37, 6])


def test_confusion_matrix_of_three_classes_with_long_names(draw):
    pixels = draw(plots.plot_confusion_matrix, confusion(3), LONG_NAMES)
    numbers = draw(plots.plot_confusion_matrix, confusion(3))
    assert pixels.shape == numbers.shape
    assert np.all(pixels[:, 0] == 255), "a name is cut off at the left"


@pytest.mark.parametrize("classes", [1, 30])
def test_confusion_matrix_of_any_size(draw, classes):
    matrix = RANDOM.poisson(2, (classes, classes)) + 100 * np.eye(classes, dtype=int)
    draw(plots.plot_confusion_matrix, matrix)


@pytest.mark.parametrize("points", [1, 8])
def test_curves_of_any_length(draw, points):
    pixels = draw(plots.plot_curves, HISTORY[:points])
    for half in (pixels[:, :429], pixels[:, 429:]):  # loss on the left, accuracy on the right
        assert colour_is_in(half, [0, 114, 178]), "training is missing"
        assert colour_is_in(half, [213, 94, 0]), "validation is missing"
    assert np.any(np.all(pixels[40:, 380:480] == 255, axis=(0, 2))), "the two plots touch"


def test_no_curves_before_the_first_epoch(draw):
    assert len(draw(plots.plot_curves, [])) == 164


@pytest.mark.parametrize("kind", ["train", "validation"])
def test_each_number_of_the_history_is_drawn(draw, kind):
    changed = [dict(row) for row in HISTORY[:2]]
    changed[0][f"{kind}_loss"] *= 0.9
    changed[0][f"{kind}_accuracy"] *= 0.9
    different = np.any(draw(plots.plot_curves, changed) != draw(plots.plot_curves, HISTORY[:2]), 2)
    assert different[:, :429].any()
    assert different[:, 429:].any()


@pytest.mark.parametrize("value", [float("nan"), None])
def test_curves_of_a_training_that_diverged(draw, value):
    draw(plots.plot_curves, [*HISTORY, HISTORY[-1] | {"epoch": 9.0, "train_loss": value}])


@pytest.mark.parametrize(("units", "drawn"), [(1, 1), (10, 10), (512, 40)])
def test_weights_of_the_first_forty_units(draw, units, drawn):
    pixels = draw(plots.plot_weights, RANDOM.normal(size=(784, units)), (28, 28))
    assert frames(pixels) == drawn


@pytest.mark.parametrize("sign", [1, -1])
def test_weights_are_red_above_zero_and_blue_below(draw, sign):
    weights = np.zeros((20 * 40, 10), np.float32)
    weights[:, 0] = sign  # unit 0 stands in the upper left corner
    pixels = draw(plots.plot_weights, weights, (20, 40))[:, :720].astype(int)
    coloured = np.argwhere(np.abs(pixels[..., 0] - pixels[..., 2]) > 50)
    assert coloured[:, 1].max() < 170, "only unit 0 has weights"
    assert len(coloured) == 20 * 40 * 3**2, "each weight is a square of three by three pixels"
    red, _, blue = pixels[tuple(coloured[0])]
    assert np.sign(red - blue) == sign


def test_an_outlier_does_not_pale_the_rest(draw):
    weights = RANDOM.normal(size=(784, 10))
    before = draw(plots.plot_weights, weights, (28, 28))
    weights[400, 9] = 1e6
    after = draw(plots.plot_weights, weights, (28, 28))
    assert np.mean(np.abs(before[:, :400].astype(int) - after[:, :400])) < 10


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_weights_without_a_scale(draw, value):
    assert frames(draw(plots.plot_weights, np.full((784, 10), value), (28, 28), LONG_NAMES * 4))


@pytest.mark.parametrize("filters", [1, 7, 36])
def test_any_number_of_filters(draw, filters):
    weights = RANDOM.normal(0, 0.05, (5, 5, 2, filters)).astype(np.float32)
    first = draw(plots.plot_filters, weights)
    assert frames(first) == filters
    second = draw(plots.plot_filters, weights, input_channel=1)
    assert second.shape == first.shape
    assert np.any(second != first)


@pytest.mark.parametrize("shape", [(3, 7), (1, 1)])
def test_filters_that_are_not_square(draw, shape):
    draw(plots.plot_filters, RANDOM.normal(size=(*shape, 1, 6)))


def test_channels_share_one_scale(draw):
    weights = np.full((5, 5, 2, 4), 0.1)
    weights[:, :, 1] = 1.0
    weak = draw(plots.plot_filters, weights)[:, :600]
    strong = draw(plots.plot_filters, weights, input_channel=1)[:, :600]
    deepest = [103, 0, 31]
    assert colour_is_in(strong, deepest)
    assert not colour_is_in(weak, deepest)


@pytest.mark.parametrize("channel", [-1, 16])
def test_an_input_channel_that_is_not_there(tmp_path, channel):
    with pytest.raises(UserError, match=f"no input channel {channel}.*has 16.*--input-channel"):
        plots.plot_filters(tmp_path / "f.png", np.zeros((5, 5, 16, 36)), input_channel=channel)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("size", "channels"), [((14, 14), 16), ((7, 7), 36), ((5, 9), 1)])
def test_layer_outputs_of_two_images(draw, size, channels):
    images = RANDOM.integers(0, 256, (2, 28, 28)).astype(np.uint8)
    outputs = np.maximum(RANDOM.normal(size=(2, *size, channels)), 0)
    pixels = draw(plots.plot_layer_outputs, images, outputs, ["Test image 0", "Test image 13"])
    assert frames(pixels) == 2 * (1 + channels)
    outputs[1, :, :, -1] = 9.0
    changed = np.argwhere(np.any(draw(plots.plot_layer_outputs, images, outputs) != pixels, axis=2))
    assert changed[:, 0].max() > len(pixels) / 2, "the second image's outputs stand in its row"


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
if sys.platform == "linux":  # elsewhere there is always a display
    import matplotlib
    matplotlib.rcParams["backend"] = "TkAgg"
    plots.plot_curves("shown.png", [], show=True)
    plots.show_all()
"""
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment["PYTHONPATH"] = str(Path(__file__).parent.parent)
    # Terminals inside notebooks set this, and Matplotlib's own answer is a traceback.
    environment["MPLBACKEND"] = "module://not_installed_here.backend"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout == "[]\n[]\n", done.stderr
    written = {"curves.png"}
    if sys.platform == "linux":
        written.add("shown.png")
        assert done.returncode == 1
        assert done.stderr.startswith("Error: cannot open windows: ")
        assert done.stderr.count("\n") == 1
    else:
        assert (done.returncode, done.stderr) == (0, "")
    assert {file.name for file in tmp_path.iterdir()} == written
    assert imread(tmp_path / "curves.png").shape[:2] == (164, plots.WIDTH)


@pytest.fixture
def windows(monkeypatch):
    """Make Matplotlib believe in a screen; return the titles of the windows that it opens."""
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
    assert len(imread(tmp_path / "curves.png")) == 164
    for function in (plots.require_display, plots.show_all):
        with pytest.raises(UserError, match="cannot open windows"):
            function()
    assert plt.get_fignums() == []
