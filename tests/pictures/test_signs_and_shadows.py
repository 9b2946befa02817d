"""common/pictures: digits on discs and signs, hollow digits, shadows, small files."""

from common.pictures.ink import find_ink
from common.pictures.preparation import prepare
from common.pictures.reading import PictureError, read_picture

import numpy as np
import pytest
from drawn_pages import PEN, cropped, drawn, saved, written
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from test_pictures import difference

RED, BLUE, GREY = (200, 20, 20), (20, 50, 150), (150, 150, 145)


def on_discs(digit, *discs, pen=PEN, around=GREY):
    """A digit on discs, one within the other: a radius and a colour for each."""
    ink = np.pad(cropped(digit), 200)
    page = np.full((*ink.shape, 3), around, float)
    middle = np.array(ink.shape[::-1]) / 2
    for radius, colour in discs:
        corners = (*(middle - radius), *(middle + radius))
        page = drawn(page, lambda d, c=corners, f=colour: d.ellipse(c, fill=f))
    return page + ink[..., None] * (np.array(pen) - page)


@pytest.mark.parametrize(
    "discs",
    [
        [(150, (250, 250, 250))],
        [(180, RED), (150, (250, 250, 250))],
    ],
    ids=["a disc", "a sign"],
)
def test_a_digit_on_a_disc_is_read_as_on_paper(digits, tmp_path, discs):
    for digit in digits[::3]:
        plain = prepare(saved(written(np.pad(cropped(digit), 200)), tmp_path / "plain.png"))
        found = prepare(saved(on_discs(digit, *discs), tmp_path / "disc.png"))
        assert difference(plain.images[0], found.images[0]) < 8


def test_a_white_digit_on_a_blue_disc(digits, tmp_path):
    plain = prepare(saved(written(np.pad(cropped(digits[2]), 200)), tmp_path / "plain.png"))
    page = on_discs(digits[2], (150, BLUE), pen=(250, 250, 250))
    assert difference(plain.images[0], prepare(saved(page, tmp_path / "d.png")).images[0]) < 8


def in_type(text, outline, filled=None):
    """A character in bold type, drawn as its outline."""
    from matplotlib import font_manager

    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans:bold"), 260)
    image = Image.new("RGB", (400, 400), "white")
    place = {"xy": (200, 200), "text": text, "font": font, "anchor": "mm"}
    draw = ImageDraw.Draw(image)
    draw.text(**place, fill=filled or "white", stroke_width=6, stroke_fill=outline)
    return np.asarray(image, float)


@pytest.mark.parametrize("text", list("469"))
def test_the_outline_of_a_digit_is_no_frame(tmp_path, text):
    found = prepare(saved(in_type(text, "black"), tmp_path / "hollow.png"))
    assert found.notes == []
    left, top, right, bottom = found.boxes[0]
    # The whole digit, and not what is inside of it.
    whole = np.argwhere(find_ink(read_picture(tmp_path / "hollow.png")) > 0.5)
    (first, start), (last, end) = whole.min(axis=0), whole.max(axis=0)
    assert top <= first
    assert left <= start
    assert bottom >= last
    assert right >= end


def test_a_box_with_lines_that_jut_out_is_a_frame(digits, tmp_path):
    ink = np.pad(cropped(digits[3]), 110)
    high, wide = ink.shape

    def draw(d):
        for at in (60, wide - 60):
            d.line((at, 30, at, high - 30), fill=(0, 0, 0), width=4)
        for at in (60, high - 60):
            d.line((30, at, wide - 30, at), fill=(0, 0, 0), width=4)

    found = prepare(saved(drawn(written(ink), draw), tmp_path / "box.png"))
    plain = prepare(saved(written(ink), tmp_path / "plain.png"))
    assert found.notes == ["a frame around the ink was left out"]
    assert difference(plain.images[0], found.images[0]) < 4


def with_shadow(page):
    """The shadow of an arm, from one edge of the picture to the other, with a soft edge."""
    band = np.zeros(page.shape[:2])
    band[:, -70:-20] = 1
    return page * (1 - 0.3 * ndimage.gaussian_filter(band, 3)[..., None])


def highlighted(page):
    """A yellow mark of a highlighter over the digit."""
    mark = np.zeros(page.shape[:2])
    mark[60:-60, 40:-40] = 1
    mark = ndimage.gaussian_filter(mark, 2)[..., None]
    return page * (1 - mark * (1 - np.array([1.0, 0.95, 0.25])))


def on_squares_that_end_beside_the_edge(page):
    line = np.zeros(page.shape[:2], bool)
    for at in range(20, max(page.shape), 60):
        line[at : at + 4, 2:-2] = True
        line[2:-2, at : at + 4] = True
    return np.where(line[..., None], np.minimum(page, [120.0, 160, 215]), page)


@pytest.mark.parametrize("change", [with_shadow, highlighted, on_squares_that_end_beside_the_edge])
def test_what_is_paler_than_the_ink_is_left_out(digits, tmp_path, change):
    for digit in digits[2::3]:
        page = written(np.pad(cropped(digit), 110))
        plain = prepare(saved(page, tmp_path / "plain.png"))
        found = prepare(saved(change(page), tmp_path / "changed.png"))
        assert difference(plain.images[0], found.images[0]) < 20


def test_a_pale_stroke_of_a_digit_is_kept(tmp_path):
    """Where a pen begins to write, half of a 4 may be pale."""
    image = Image.new("L", (200, 200), 255)
    draw = ImageDraw.Draw(image)
    draw.line([(80, 40), (55, 105), (140, 110)], fill=135, width=8)
    draw.line([(125, 70), (125, 165)], fill=30, width=10)
    image.save(tmp_path / "four.png")
    (box,) = prepare(tmp_path / "four.png").boxes
    assert box[0] < 60
    assert box[2] > 135


@pytest.mark.parametrize("move", [(-4, -4), (0, 5), (3, 0)])
def test_a_small_file_passes_unchanged_only_if_the_digit_is_in_the_middle(digits, tmp_path, move):
    moved = ndimage.shift(digits[3], move, order=0)
    found = prepare(saved(moved.astype(float), tmp_path / "moved.png"))
    assert found.boxes
    assert difference(found.images[0], digits[3]) < 20
    assert not prepare(saved(digits[3].astype(float), tmp_path / "middle.png")).boxes


@pytest.mark.parametrize("longer", [12, 28])
def test_a_small_file_passes_unchanged_only_if_the_digit_has_the_usual_size(
    digits, tmp_path, longer
):
    part = cropped(digits[3], 1)
    part = np.asarray(
        Image.fromarray((255 * part).astype(np.uint8)).resize(
            (max(1, longer * part.shape[1] // part.shape[0]), longer), Image.Resampling.BILINEAR
        )
    )
    page = np.zeros((28, 28))
    top, left = (28 - part.shape[0]) // 2, (28 - part.shape[1]) // 2
    page[top : top + part.shape[0], left : left + part.shape[1]] = part
    path = saved(page, tmp_path / "size.png")
    assert prepare(path).boxes
    # Clothes fill their images, so that a net which has learned from them gets them as they are.
    assert not prepare(path, centred=False).boxes


@pytest.mark.parametrize("largest", [1, 2, 16])
def test_a_small_file_of_numbers_up_to_16_is_read(digits, tmp_path, largest):
    """As `Image.fromarray((image / 255).astype(np.uint8))` writes them, and scikit-learn's."""
    numbers = np.rint(digits[3] / 255 * largest)
    found = prepare(saved(numbers, tmp_path / "faint.png"))
    assert difference(found.images[0], digits[3]) < 40
    nothing = saved(np.zeros((28, 28)), tmp_path / "nothing.png")
    with pytest.raises(PictureError, match="is blank"):
        prepare(nothing)
