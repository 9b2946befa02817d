"""common/pictures: what surrounds the ink is paper, what encloses it is a frame."""

from common.pictures.preparation import prepare

import numpy as np
import pytest
from drawn_pages import PEN, TABLE, WHITE, YELLOW, cropped, drawn, saved, written
from matplotlib import pyplot
from PIL import Image
from scipy import ndimage
from sklearn.datasets import load_digits
from test_pictures import difference


def on_table(sheet, table=TABLE, margins=(30, 50, 40, 20), noise=3.0):
    """Lay a sheet on a table, with the noise of a camera."""
    top, bottom, left, right = margins
    height, width = sheet.shape[:2]
    picture = np.empty((height + top + bottom, width + left + right, 3))
    picture[:] = table
    picture[top : top + height, left : left + width] = sheet
    return picture + np.random.default_rng(0).normal(0, noise, picture.shape)


def in_box(digit):
    page = written(np.pad(cropped(digit), 90))
    box = 40, 40, page.shape[1] - 40, page.shape[0] - 40
    return drawn(page, lambda d: d.rectangle(box, outline=(0, 0, 0), width=4))


def in_circle(digit):
    page = written(np.pad(cropped(digit), 120))
    middle, radius = np.array(page.shape[1::-1]) / 2, 145
    corners = (*(middle - radius), *(middle + radius))
    return drawn(page, lambda d: d.ellipse(corners, outline=(200, 20, 20), width=3))


def in_open_circle(digit):
    page = written(np.pad(cropped(digit), 120))
    middle, radius = np.array(page.shape[1::-1]) / 2, 145
    corners = (*(middle - radius), *(middle + radius))
    return drawn(page, lambda d: d.arc(corners, 20, 350, fill=(40, 40, 90), width=6))


def in_open_box(digit):
    page = written(np.pad(cropped(digit), 90))
    right, bottom = page.shape[1] - 40, page.shape[0] - 40
    sides = [(40, 40), (40, bottom), (right, bottom), (right, 40)]
    return drawn(page, lambda d: d.line(sides, fill=(0, 0, 0), width=4))


def on_lines(digit, squares=False):
    """In dark ink on paper with strong lines of a paler colour."""
    ink = np.pad(cropped(digit), 90)
    page = np.broadcast_to(WHITE, (*ink.shape, 3)).copy()
    line = np.zeros(ink.shape, bool)
    for at in range(20, max(ink.shape), 60):
        line[at : at + 4] = True
        line[:, at : at + 4] |= squares
    page[line] = 120, 160, 215
    return page + ink[..., None] * (PEN - page)


def turned(colours, fill, degrees=7):
    picture = Image.fromarray(colours.clip(0, 255).astype(np.uint8))
    fill = tuple(map(int, fill))
    return np.asarray(picture.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=fill), float)


def turned_sheet(digit):
    sheet = on_table(written(np.pad(cropped(digit), 80)), margins=(60, 60, 60, 60))
    return turned(sheet, TABLE)


def small_on_page_with_corner(digit):
    page = written(np.pad(cropped(digit, 3), ((300, 60), (260, 80))))
    y, x = np.mgrid[: page.shape[0], : page.shape[1]]
    page[y + 0.2 * x < 110] = TABLE
    return page


def with_title_bar(digit):
    page = written(np.pad(cropped(digit), ((110, 60), (70, 70))), np.full(3, 255.0), np.zeros(3))

    def bar(draw):
        draw.rectangle((0, 0, page.shape[1], 40), fill=(40, 80, 160))
        draw.text((10, 10), "Draw a digit", fill="white")

    return drawn(page, bar)


SURROUNDED = {
    "a box": in_box,
    "a circle": in_circle,
    "a circle that does not close": in_open_circle,
    "a box that is open above": in_open_box,
    "ruled paper": on_lines,
    "squared paper": lambda d: on_lines(d, squares=True),
    "a sheet on a table": lambda d: on_table(written(np.pad(cropped(d), 90))),
    "a sheet that takes most of the picture": lambda d: on_table(
        written(np.pad(cropped(d), 90)), margins=(12, 9, 14, 10)
    ),
    "a small sheet": lambda d: on_table(written(np.pad(cropped(d), 60)), margins=(200,) * 4),
    "a turned sheet": turned_sheet,
    "a note on a wall": lambda d: on_table(written(np.pad(cropped(d), 60), YELLOW), WHITE * 0.9),
    "a note on a table": lambda d: on_table(written(np.pad(cropped(d), 60), YELLOW)),
    "the corner of a page": small_on_page_with_corner,
    "a title bar": with_title_bar,
    "no margin": lambda d: written(cropped(d)),
    "no margin, light on dark": lambda d: written(cropped(d), np.zeros(3), np.full(3, 255.0)),
}


@pytest.mark.parametrize("name", SURROUNDED)
def test_what_surrounds_the_digit_is_left_out(name, digits, tmp_path):
    most = 20 if name == "squared paper" else 12  # ends of its lines remain at the strokes
    for k in (0, 4):
        plain = written(np.pad(cropped(digits[k]), 60))
        plain = turned(plain, WHITE) if "turned" in name else plain
        expected = prepare(saved(plain, tmp_path / "plain.png")).images[0]
        path = saved(SURROUNDED[name](digits[k]), tmp_path / "digit.png")
        assert difference(prepare(path).images[0], expected) < most, k


def test_a_frame_is_said_and_a_zero_is_no_frame(digits, tmp_path):
    assert prepare(saved(in_box(digits[7]), tmp_path / "a.png")).notes == [
        "a frame around the ink was left out"
    ]
    zero = written(np.pad(cropped(digits[0]), 60))
    middle = zero.shape[1] // 2
    speck = drawn(zero, lambda d: d.ellipse((middle - 5, 130, middle + 5, 140), fill=(0, 0, 0)))
    assert prepare(saved(zero, tmp_path / "a.png")).notes == []
    plain = prepare(tmp_path / "a.png").images[0]
    assert difference(prepare(saved(speck, tmp_path / "b.png")).images[0], plain) < 8


@pytest.mark.parametrize("count", [3, 6, 10])
def test_each_cell_of_a_form_has_a_digit(count, digits, tmp_path):
    """Cells side by side are one shape that is far larger than any digit in it."""
    cell = np.pad(np.zeros((240, 200)), 4, constant_values=1)
    cells = np.concatenate([cell] * count, axis=1)
    for k in range(count):
        ink = cropped(digits[k])
        top, left = 40, 208 * k + (208 - ink.shape[1]) // 2
        cells[top : top + ink.shape[0], left : left + ink.shape[1]] += ink
    form = written(np.pad(cells, 60).clip(0, 1))
    found = prepare(saved(form, tmp_path / "form.png"), segment=True)
    assert [(d.line, d.place) for d in found.digits] == [(0, k) for k in range(count)]
    for k, image in enumerate(found.images):
        plain = saved(written(np.pad(cropped(digits[k]), 60)), tmp_path / "plain.png")
        assert difference(image, prepare(plain).images[0]) < 20, k


@pytest.mark.parametrize("margin", [None, "tight"])
def test_the_figure_of_imshow_shows_its_digit(margin, digits, tmp_path):
    """White on a black square, in which bold strokes leave little black, and ticks beside it."""
    for k in (0, 3, 5, 8):
        figure, axes = pyplot.subplots()
        axes.imshow(digits[k], cmap="gray")
        figure.savefig(tmp_path / "figure.png", bbox_inches=margin)
        pyplot.close(figure)
        enlarged = prepare(saved(digits[k], tmp_path / "digit.png"), unchanged=False).images[0]
        assert difference(prepare(tmp_path / "figure.png").images[0], enlarged) < 12, k


STROKES = {
    "4": [(590, 860), (600, 350), (350, 680), (690, 690)],
    "6": [(600, 350), (420, 560), (400, 760), (500, 850), (610, 790), (590, 660), (410, 690)],
}


@pytest.mark.parametrize("name", STROKES)
def test_the_edge_of_a_shadow_across_a_digit_is_not_that_of_a_sheet(name, tmp_path):
    pen = tuple(map(int, PEN))
    page = np.broadcast_to(WHITE, (1200, 1000, 3))
    page = drawn(page, lambda d: d.line(STROKES[name], fill=pen, width=14, joint="curve"))
    expected = prepare(saved(page, tmp_path / "plain.png")).images[0]
    y, x = np.mgrid[:1200, :1000]
    for angle, light in ((0.4, 0.6), (0.4, 0.75), (1.6, 0.75)):
        shadow = ((x - 500) * np.cos(angle) + (y - 600) * np.sin(angle) > 0).astype(float)
        shadow = ndimage.gaussian_filter(shadow, 4)[..., None]
        path = saved(page * (1 - (1 - light) * shadow), tmp_path / "shadow.png")
        assert difference(prepare(path).images[0], expected) < 12, (angle, light)


@pytest.mark.parametrize("k", [209, 768])  # a 0, an 8
def test_the_loop_of_a_bold_digit_is_not_writing_on_a_sheet(k, tmp_path):
    """Digits of 8 × 8 pixels have strokes so bold that a 0 or an 8 looks like a dark sheet."""
    image = np.pad(load_digits().images[k], 2)
    boxed = np.pad(np.pad(image, 1, constant_values=16), 4)
    plain, framed = (
        prepare(saved(255 - 255 / 16 * np.kron(one, np.ones((20, 20))), tmp_path / "a.png"))
        for one in (image, boxed)
    )
    assert framed.notes[-1] == "a frame around the ink was left out"
    assert difference(framed.images[0], plain.images[0]) < 12
