"""common/pictures: what surrounds the ink is paper, what encloses it is a frame, lines are read."""

import io

from common.data import load_data
from common.pictures.digits import find_digits
from common.pictures.preparation import prepare
from common.pictures.reading import PictureError, read_picture

import numpy as np
import pytest
from idx_files import sentence_of
from matplotlib import pyplot
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from sklearn.datasets import load_digits
from test_pictures import difference

PEN = np.array([26.0, 28.0, 58.0])
WHITE, TABLE, YELLOW = np.array([[248.0, 246, 240], [70, 46, 34], [250, 230, 90]])


@pytest.fixture(scope="module")
def digits():
    """The first test image of each digit: uint8 [10, 28, 28]."""
    test = load_data().test
    first = [np.flatnonzero(test.labels == digit)[0] for digit in range(10)]
    return test.images[first].reshape(-1, 28, 28)


def cropped(digit, zoom=8):
    """The ink of a digit without any margin: float [height, width], about 20 · zoom long."""
    rows, columns = (np.flatnonzero((digit > 100).any(axis=axis)) for axis in (1, 0))
    part = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / 255
    return ndimage.zoom(part, zoom, order=1, grid_mode=True, mode="nearest")


def written(ink, paper=WHITE, pen=PEN):
    return paper + ink[..., None] * (pen - paper)


def saved(colours, path):
    colours = np.repeat(colours[..., None], 3, axis=2) if colours.ndim == 2 else colours
    Image.fromarray(np.rint(colours).clip(0, 255).astype(np.uint8)).save(path)
    return path


def drawn(colours, draw):
    """Draw with Pillow on colours, float [height, width, 3]."""
    picture = Image.fromarray(np.rint(colours).clip(0, 255).astype(np.uint8))
    draw(ImageDraw.Draw(picture))
    return np.asarray(picture, float)


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


def test_a_small_picture_enlarged_by_repetition_is_smoothed(digits, tmp_path):
    blocks = saved(255 - np.kron(digits[3], np.ones((10, 10))), tmp_path / "blocks.png")
    assert difference(prepare(blocks).images[0], digits[3]) < 12


@pytest.mark.parametrize("paper", [255, 200, 120])
def test_dark_on_light_pictures_of_the_size_of_the_images_are_prepared(paper, digits, tmp_path):
    for digit in digits:
        white = saved(digit, tmp_path / "white.png")
        dark = saved(paper - digit * (0.9 * paper / 255), tmp_path / "dark.png")
        assert np.array_equal(prepare(white).images[0], digit)
        prepared = prepare(white, unchanged=False).images[0]
        assert difference(prepare(dark).images[0], prepared) < 4


def in_a_row(digits, order, gap=40):
    """Digits side by side: float [180, width], and no margin on the left and on the right."""
    columns = []
    for k in order:
        ink = cropped(digits[k])
        columns += [np.pad(ink, ((10, 170 - ink.shape[0]), (0, gap)))]
    return np.concatenate(columns, axis=1)[:, :-gap]


def padded(row, width):
    return np.pad(row, ((0, 0), (40, 40 + width - row.shape[1])))


def test_lines_are_read_from_top_to_bottom(digits, tmp_path):
    rows = [in_a_row(digits, order) for order in ([1, 7, 2], [4, 1, 3, 6], [5, 0])]
    width = max(row.shape[1] for row in rows)
    page = written(np.concatenate([padded(row, width) for row in rows]))
    picture = Image.fromarray(page.clip(0, 255).astype(np.uint8))
    fill = tuple(map(int, WHITE))
    for turn in (0, 3, -3):
        turned = picture.rotate(turn, Image.Resampling.BICUBIC, expand=True, fillcolor=fill)
        turned.save(tmp_path / "page.png")
        found = prepare(tmp_path / "page.png", segment=True)
        assert [(d.line, d.place) for d in found.digits] == [
            *((0, k) for k in range(3)),
            *((1, k) for k in range(4)),
            *((2, k) for k in range(2)),
        ]
        for line in range(3):
            lefts = [d.box[0] for d in found.digits if d.line == line]
            assert lefts == sorted(lefts)
    with pytest.raises(PictureError, match=r"9 shapes in 3 lines, not one digit") as error:
        prepare(tmp_path / "page.png")
    sentence_of(error)


def test_a_page_of_small_digits_is_read_with_more_pixels(digits, tmp_path):
    rows = [in_a_row(digits, list(range(10))) for _ in range(10)]
    page = np.concatenate([padded(row, rows[0].shape[1]) for row in rows])
    picture = Image.fromarray(np.rint(255 - 255 * page.clip(0, 1)).astype(np.uint8))
    picture.resize((picture.width // 2, picture.height // 2)).save(tmp_path / "page.png")
    assert max(read_picture(tmp_path / "page.png").colours.shape) <= 640
    found = prepare(tmp_path / "page.png", segment=True)
    assert [(d.line, d.place) for d in found.digits] == list(np.ndindex(10, 10))
    for k, image in enumerate(found.images):
        assert difference(image, digits[k % 10]) < 20


def test_points_and_minus_signs_are_left_out_and_said(digits, tmp_path):
    row = np.pad(in_a_row(digits, [3, 1], gap=70), ((20, 20), (200, 60)))
    end = 200 + cropped(digits[3]).shape[1]
    row[100:112, 60:140] = 1  # a minus sign
    row[175:195, end + 20 : end + 40] = 1  # a decimal point
    found = prepare(saved(written(row), tmp_path / "a.png"), segment=True)
    assert len(found.images) == 2
    assert found.notes == ["2 small marks were left out (points, minus signs, small print)"]


def test_slanted_digits_whose_columns_overlap_are_two(digits, tmp_path):
    row = np.pad(in_a_row(digits, [7, 1], gap=12), ((20, 20), (100, 100)))
    slanted = ndimage.affine_transform(row, [[1, 0], [0.45, 1]], (0, -45), order=1)
    found = prepare(saved(written(slanted), tmp_path / "a.png"), segment=True)
    assert len(found.images) == 2
    (_, _, right, _), (left, *_) = found.boxes
    assert left < right  # their columns do overlap


def test_digits_at_the_edge_are_read_if_they_are_as_tall_as_the_others(digits, tmp_path):
    row = np.pad(in_a_row(digits, [1, 9, 7, 7, 3]), ((20, 20), (0, 0)))
    found = prepare(saved(written(row), tmp_path / "a.png"), segment=True)
    assert len(found.images) == 5
    assert found.notes == []
    # Cut off above, so that less than three quarters of the last digit are left.
    cut = np.pad(in_a_row(digits, [1, 9, 7]), 20)
    piece = cropped(digits[3])[60:]
    cut = np.pad(cut, ((0, 0), (0, piece.shape[1] + 20)))
    cut[: piece.shape[0], -piece.shape[1] - 10 : -10] = piece
    found = prepare(saved(written(cut), tmp_path / "a.png"), segment=True)
    assert len(found.images) == 3
    assert found.notes == ["1 shape was left out that the edge of the picture cuts off"]


def test_one_digit_with_small_print_is_read(digits, tmp_path):
    page = written(np.pad(cropped(digits[5]), ((40, 120), (80, 80))))
    font = ImageFont.load_default(36)
    printed = drawn(page, lambda d: d.text((60, 240), "page 5", (0, 0, 0), font))
    prepared = prepare(saved(printed, tmp_path / "a.png"))
    plain = prepare(saved(page, tmp_path / "b.png"))
    assert difference(prepared.images[0], plain.images[0]) < 8
    assert len(prepared.notes) == 1
    assert "small marks were left out" in prepared.notes[0]


def test_too_many_shapes_get_a_sentence_at_once():
    ink = np.zeros((640, 640), np.float32)
    for top in range(4, 620, 20):
        for left in range(4, 620, 20):
            ink[top : top + 12, left : left + 8] = 1
    with pytest.raises(PictureError, match=r"shows 961 separate shapes"):
        find_digits(ink)


def test_32_bit_pictures_have_their_own_range(digits, tmp_path):
    grey = 255 - np.pad(cropped(digits[3]), 60) * 200
    plain = prepare(saved(grey, tmp_path / "plain.png")).images[0]
    scales = {"0 to 255": grey, "0 to 1": grey / 255, "measured": grey * 1e4 - 3e5}
    for name, values in scales.items():
        Image.fromarray(values.astype(np.float32)).save(tmp_path / "a.tif")
        assert difference(prepare(tmp_path / "a.tif").images[0], plain) < 4, name
    values = grey.astype(np.float32)
    values[0, 0], values[0, 1], values[0, 2] = np.nan, np.inf, -np.inf
    file = io.BytesIO()
    Image.fromarray(values).save(file, "TIFF")
    (tmp_path / "b.tif").write_bytes(file.getvalue())
    assert np.isfinite(read_picture(tmp_path / "b.tif").colours).all()
    Image.fromarray((grey * 4e6).astype(np.int32)).save(tmp_path / "c.tif")
    assert difference(prepare(tmp_path / "c.tif").images[0], plain) < 4
