"""common/pictures: several digits are read line by line, and what is left out is said."""

import io

from common.pictures.digits import find_digits
from common.pictures.preparation import prepare
from common.pictures.reading import PictureError, read_picture

import numpy as np
import pytest
from drawn_pages import WHITE, cropped, drawn, saved, written
from idx_files import sentence_of
from PIL import Image, ImageFont
from scipy import ndimage
from test_pictures import difference


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
