"""common/pictures: any picture file becomes images like those of MNIST, or gives an error."""

from contextlib import suppress

from benchmarks import renderings
from common.data import load_data
from common.pictures.preparation import prepare
from common.pictures.reading import MAX_PIXELS, PictureError, read_picture

import numpy as np
import pytest
from idx_files import sentence_of
from PIL import Image
from scipy import ndimage


@pytest.fixture(scope="module")
def digits():
    """A hundred test images: uint8 [100, 28, 28]."""
    return load_data().test.images[:100].reshape(-1, 28, 28)


def large(digit):
    """A digit as a drawing: an RGB picture of 420 × 420 pixels, black on white."""
    random = np.random.default_rng(0)
    ink = np.pad(renderings.enlarge(digit), 70)
    return Image.fromarray(np.rint(255 * renderings.black_on_white(ink, random)).astype(np.uint8))


def difference(one, other):
    """The mean difference of two images, the smallest over shifts by at most a pixel."""
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return min(np.abs(np.roll(one, s, (0, 1)).astype(float) - other).mean() for s in shifts)


@pytest.fixture(scope="module")
def expected(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("two") / "two.png"
    large(digits[1]).save(path)
    return prepare(path).images[0]


def test_a_prepared_image_is_nearly_the_original(digits, tmp_path):
    for digit in digits[:20]:
        large(digit).save(tmp_path / "digit.png")
        assert difference(prepare(tmp_path / "digit.png").images[0], digit) < 12


def test_digits_have_the_size_and_the_place_of_mnist(digits, tmp_path):
    for digit in digits[:20]:
        large(digit).save(tmp_path / "digit.png")
        image = prepare(tmp_path / "digit.png").images[0]
        rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
        assert np.allclose(ndimage.center_of_mass(image), 14, atol=0.6)
        assert image.max() == 255


@pytest.mark.parametrize("width", [20, 22, 24, 26])
def test_a_straight_line_has_one_place(width, tmp_path):
    """Its centre lies between two pixels: the last digits of a sum must not choose one of them."""
    picture = np.full((280, 280), 255, np.uint8)
    picture[30:250, 120 : 120 + width] = 0
    Image.fromarray(picture).save(tmp_path / "one.png")
    (image,) = prepare(tmp_path / "one.png").images
    assert [list(np.flatnonzero(image.any(axis=axis))) for axis in (1, 0)] == [
        list(range(4, 24)),
        [14, 15],
    ]


def test_mnist_shaped_pictures_pass_unchanged(digits, tmp_path):
    path = tmp_path / "digit.png"
    for digit in digits[:5]:
        Image.fromarray(digit).save(path)
        assert np.array_equal(prepare(path).images[0], digit)
        assert prepare(path).boxes == []
        Image.fromarray(digit).convert("RGBA").save(path)
        assert np.array_equal(prepare(path).images[0], digit)
        Image.fromarray(digit.astype(np.uint16) * 257).save(path)
        assert np.array_equal(prepare(path).images[0], digit)
    assert not np.array_equal(prepare(path, unchanged=False).images[0], digit)


def save_16_bit(picture, path):
    Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(path)


def save_dithered(picture, path):
    """Grey paper as black and white dots."""
    picture.point(lambda value: value * 0.85).convert("1").save(path)


def save_transparent(picture, path, ink=(0, 0, 0)):
    """Ink on a transparent background."""
    alpha = 255 - np.asarray(picture.convert("L"))
    Image.fromarray(np.dstack([np.full_like(alpha, c) for c in ink] + [alpha])).save(path)


def save_turned(picture, path):
    """As a camera held sideways writes it: rotated, with an EXIF entry that says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)


SAVERS = {
    "a.jpg": lambda picture, path: picture.save(path, quality=90),
    "cmyk.jpg": lambda picture, path: picture.convert("CMYK").save(path, quality=95),
    "grey.jpg": lambda picture, path: picture.convert("L").save(path),
    "turned.jpg": save_turned,
    "turned.png": save_turned,
    "turned.webp": save_turned,
    "a.gif": lambda picture, path: picture.save(path),
    "a.webp": lambda picture, path: picture.save(path),
    "a.bmp": lambda picture, path: picture.save(path),
    "a.tif": lambda picture, path: picture.save(path),
    "a.ppm": lambda picture, path: picture.save(path),
    "palette.png": lambda picture, path: picture.quantize(16).save(path),
    "bits.png": lambda picture, path: picture.convert("1", dither=Image.Dither.NONE).save(path),
    "grey.png": lambda picture, path: picture.convert("L").save(path),
    "dithered.png": save_dithered,
    "dithered.gif": save_dithered,
    "16bit.png": save_16_bit,
    "16bit.tif": save_16_bit,
    "transparent.png": save_transparent,
    "transparent.webp": save_transparent,
    "white_ink.png": lambda picture, path: save_transparent(picture, path, (255, 255, 255)),
    "inverted.png": lambda picture, path: picture.point(lambda value: 255 - value).save(path),
    "a picture without a suffix": lambda picture, path: picture.save(path, "PNG"),
}


@pytest.mark.parametrize("name", SAVERS)
def test_every_kind_of_file_gives_the_same_image(name, digits, expected, tmp_path):
    SAVERS[name](large(digits[1]), tmp_path / name)
    assert difference(prepare(tmp_path / name).images[0], expected) < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_pillow_turns_it(orientation, tmp_path):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        turned = np.asarray(ImageOps.exif_transpose(image))
    picture = read_picture(tmp_path / "a.png")
    assert np.array_equal(picture.grey(), turned)
    assert picture.size == turned.shape


@pytest.mark.parametrize("pen", [(200, 30, 30), (20, 60, 160), (0, 130, 0)])
@pytest.mark.parametrize("paper", [(255, 250, 200), (60, 170, 90), (170, 110, 60)])
def test_colours_do_not_matter_even_where_they_are_equally_bright(
    pen, paper, digits, expected, tmp_path
):
    ink = 1 - np.asarray(large(digits[1]).convert("L"))[..., None] / 255
    colours = np.array(paper) + ink * (np.array(pen) - paper)
    Image.fromarray(np.rint(colours).astype(np.uint8)).save(tmp_path / "a.png")
    assert difference(prepare(tmp_path / "a.png").images[0], expected) < 4


@pytest.mark.parametrize("light", [renderings.uneven, renderings.shadow, renderings.noise])
def test_light_and_noise_are_taken_out(light, digits, expected, tmp_path):
    dirty = light(np.asarray(large(digits[1])) / 255, np.random.default_rng(3)).clip(0, 1)
    Image.fromarray(np.rint(dirty * 255).astype(np.uint8)).save(tmp_path / "a.png")
    assert difference(prepare(tmp_path / "a.png").images[0], expected) < 6


def test_other_image_sizes_keep_the_rule(digits, tmp_path):
    large(digits[1]).save(tmp_path / "a.png")
    for shape in ((14, 14), (56, 56), (28, 40), (64, 32)):
        image = prepare(tmp_path / "a.png", shape).images[0]
        assert image.shape == shape
        rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
        high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert high <= round(shape[0] * 20 / 28)
        assert wide <= round(shape[1] * 20 / 28)
        assert high >= shape[0] * 20 / 28 - 1 or wide >= shape[1] * 20 / 28 - 1


def test_several_digits_are_read_from_left_to_right(digits, tmp_path):
    row = np.concatenate(digits[[0, 1, 2, 3]], axis=1)
    large(row).save(tmp_path / "row.png")
    prepared = prepare(tmp_path / "row.png", segment=True)
    assert [box[0] for box in prepared.boxes] == sorted(box[0] for box in prepared.boxes)
    for image, digit in zip(prepared.images, digits[:4], strict=True):
        assert difference(image, digit) < 12
    with pytest.raises(PictureError, match=r"4 shapes side by side.*--segment") as error:
        prepare(tmp_path / "row.png")
    sentence_of(error)


def test_a_digit_of_two_strokes_is_one_digit(tmp_path):
    ink = np.full((200, 200), 255, np.uint8)
    ink[40:50, 80:150] = 0  # the bar of a 5, separate from the bowl
    y, x = np.mgrid[:200, :200]
    ink[(np.abs(np.hypot(y - 115, x - 90) - 40) < 6) & (x > 60)] = 0
    Image.fromarray(ink).save(tmp_path / "five.png")
    assert len(prepare(tmp_path / "five.png").images) == 1


def blank(value=200, size=(100, 100)):
    return Image.new("L", size, value)


def speckled():
    pixels = 200 + np.random.default_rng(0).normal(0, 15, (300, 300))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def above_each_other():
    pixels = np.full((300, 200), 255, np.uint8)
    pixels[30:110, 90:105] = 0
    pixels[170:260, 90:105] = 0
    return Image.fromarray(pixels)


def with_a_dot():
    picture = blank(255)
    picture.paste(0, (50, 50, 54, 54))
    return picture


@pytest.mark.parametrize(
    ("picture", "match"),
    [
        (blank(), "is blank"),
        (blank(0), "is blank"),
        (speckled(), "is blank|no digit"),
        (blank(size=(5, 5)), "too few"),
        (blank(size=(2000, 1)), "too few"),
        (blank(size=(1, 1)), "too few"),
        (with_a_dot(), "no digit|is blank"),
        (above_each_other(), "one above the other"),
        (Image.new("RGBA", (50, 50), (0, 0, 0, 0)), "is blank"),
    ],
)
def test_pictures_without_one_digit_get_a_sentence(picture, match, tmp_path):
    picture.save(tmp_path / "a.png")
    with pytest.raises(PictureError, match=match) as error:
        prepare(tmp_path / "a.png")
    sentence_of(error)


@pytest.mark.slow
def test_the_largest_picture_allowed_fits_into_the_bound(tmp_path):
    import shell

    side = int(MAX_PIXELS**0.5)
    Image.new("RGB", (side, side), "white").save(tmp_path / "huge.png", compress_level=1)
    program = (
        "import resource, sys; from common.pictures.preparation import prepare\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: prepare(sys.argv[1])\n"
        "except Exception as error: print(error)\n"
        "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "assert grown < 2**20, grown"  # in KiB: 1 GiB
    )
    output, _ = shell.run("-c", program, tmp_path / "huge.png")
    assert "is blank" in output


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "empty"),
        (b"<html>", "web page"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"hello", "no known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no known format"),
    ],
)
def test_files_of_other_kinds_get_a_sentence(content, match, tmp_path):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(PictureError, match=match) as error:
        prepare(tmp_path / "a.png")
    sentence_of(error)


def test_any_pixels_give_images_or_a_sentence(tmp_path):
    random = np.random.default_rng(0)
    for trial in range(60):
        shape = random.integers(1, 60, 2)
        pixels = random.integers(0, 256, shape, np.uint8)
        if trial % 2:
            pixels = np.where(pixels > random.integers(256), 255, 0).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "a.png")
        with suppress(PictureError):
            images = prepare(tmp_path / "a.png", (20, 30), segment=True).images
            assert images.shape[1:] == (20, 30)
