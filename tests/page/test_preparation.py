"""What the page makes of a drawing is what Python makes of it: the same steps, in JavaScript."""

import base64
from typing import NamedTuple

from common.comparison import distortions
from common.datasets.idx import read_idx
from common.pictures.preparation import prepare
from common.pictures.reading import PictureError

import idx_files
import numpy as np
import pytest
import shell
import strokes

pytestmark = pytest.mark.browser
PAGE = shell.REPOSITORY / "common/page"
# Paint each drawing as the page does, prepare it, and keep its pixels as a PNG for Python.
DRAW = """({drawings, shape, polarity}) => drawings.map(([strokes, width]) => {
  const canvas = document.querySelector("canvas");
  const paper = canvas.getContext("2d", {willReadFrequently: true});
  paper.fillStyle = "white";
  paper.fillRect(0, 0, canvas.width, canvas.height);
  paper.fillStyle = "black";
  paper.lineWidth = width;
  for (const stroke of strokes) {
    stroke.forEach(([x, y], k) => {
      paper.beginPath();
      paper.arc(x, y, width / 2, 0, 2 * Math.PI);
      paper.fill();
      paper.beginPath();
      paper.moveTo(...stroke[Math.max(k - 1, 0)]);
      paper.lineTo(x, y);
      paper.stroke();
    });
  }
  const {data} = paper.getImageData(0, 0, canvas.width, canvas.height);
  const grey = data.filter((_, i) => i % 4 === 0);
  const drawing = {width: canvas.width, height: canvas.height, grey};
  const {image, box, notes, error} = Preparation.prepare(drawing, {shape, polarity});
  return {png: canvas.toDataURL(), image: image && [...image], box, notes, error};
})"""


class Seen(NamedTuple):
    """What was made of a drawing."""

    image: np.ndarray | None  # uint8 [height, width]
    box: list | None
    notes: list | None
    error: str | None  # what is wrong, without advice


@pytest.fixture(scope="module")
def tab(browser, tmp_path_factory):
    """A page with the scripts and a canvas, and nothing else."""
    paths = [*sorted(PAGE.glob("preparation*.js")), PAGE / "distortion.js"]
    scripts = "".join(f"<script>{path.read_text('utf-8')}</script>" for path in paths)
    path = tmp_path_factory.mktemp("scripts") / "scripts.html"
    canvas = f"<canvas width={strokes.SIDE} height={strokes.SIDE}></canvas>"
    path.write_text(f"<!doctype html><meta charset=utf-8>{canvas}{scripts}", "utf-8")
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    yield page
    page.close()
    assert not errors


def both(tab, drawings, tmp_path, shape=(28, 28), polarity="light on dark"):
    """For each drawing what the page and what Python makes of it."""
    told = {"drawings": drawings, "shape": shape, "polarity": polarity}
    path = tmp_path / "drawing.png"
    for one in tab.evaluate(DRAW, told):
        path.write_bytes(base64.b64decode(one["png"].partition(",")[2]))
        image = one["image"] and np.reshape(one["image"], shape).astype(np.uint8)
        error = one["error"] and one["error"].removeprefix("The drawing ").partition(";")[0]
        page = Seen(image, one["box"], one["notes"], error)
        try:
            prepared = prepare(path, shape, polarity=polarity)
        except PictureError as problem:
            error = str(problem).removeprefix(f"{path} ").partition(";")[0]
            yield page, Seen(None, None, None, error)
        else:
            (image,), (box,) = prepared.images, prepared.boxes
            yield page, Seen(image, list(box), prepared.notes, None)


def require_equal(page, python, what):
    assert page.error == python.error, what
    assert (page.box, page.notes) == (python.box, python.notes), what
    if python.image is not None:
        difference = np.abs(page.image.astype(int) - python.image)
        assert (difference <= 1).mean() >= 0.99, f"{what}: {difference.max()}"


def compare(tab, drawings, tmp_path, **options):
    """Require that the page and Python make the same of drawings, name → drawing."""
    results = both(tab, list(drawings.values()), tmp_path, **options)
    for what, (page, python) in zip(drawings, results, strict=True):
        require_equal(page, python, what)


def hands():
    """Name → drawing: twenty digits."""
    return {
        f"{hand} {name}": (strokes.digit(name, hand), 22)
        for name in strokes.UPRIGHT
        for hand in strokes.HANDS
    }


def some(drawings, start, step):
    return dict(list(drawings.items())[start::step])


def test_digits_of_two_hands(tab, tmp_path):
    compare(tab, some(hands(), 0, 3), tmp_path)


def test_what_else_people_draw(tab, tmp_path):
    compare(tab, some(strokes.kinds(), 0, 3), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(28, 28), (32, 32), (8, 8), (20, 30)])
def test_all_that_people_draw(tab, tmp_path, shape):
    compare(tab, hands() | strokes.kinds(), tmp_path, shape=shape)


@pytest.mark.parametrize("shape", [(8, 8), (32, 32), (20, 30)])
def test_other_sizes_of_images(tab, tmp_path, shape):
    compare(tab, some(hands(), 1, 6), tmp_path, shape=shape)


@pytest.mark.parametrize("polarity", ["dark on light", None])
def test_as_the_training_images_were(tab, tmp_path, polarity):
    compare(tab, some(hands(), 2, 9), tmp_path, polarity=polarity)


def test_random_strokes(tab, tmp_path):
    compare(tab, {seed: strokes.random(seed) for seed in range(6)}, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "first", "count"), [((28, 28), 100, 200), ((8, 8), 300, 40)])
def test_many_random_strokes(tab, tmp_path, shape, first, count):
    for start in range(first, first + count, 40):
        drawings = {seed: strokes.random(seed) for seed in range(start, start + 40)}
        compare(tab, drawings, tmp_path, shape=shape)


def test_what_is_said_of_drawings_that_show_no_digit(tab, tmp_path):
    """The sentences on the page, whole."""
    kinds = strokes.kinds()
    drawings = [([], 22), kinds["specks"], kinds["two digits"]]
    told = {"drawings": drawings, "shape": (28, 28), "polarity": None}
    assert [one["error"] for one in tab.evaluate(DRAW, told)] == [
        "The drawing is blank: nothing in it differs clearly from the background; draw a digit.",
        "The drawing shows no digit: nothing in it has a stroke of 8 pixels or more; draw a larger "
        "one.",
        "The drawing shows 2 shapes side by side, not one digit; clear it and draw one, with "
        "strokes that touch.",
    ]


# Distortions.


@pytest.fixture(scope="module")
def images():
    """Four test images, float32 [4, 28, 28], and one that is taller than wide, [1, 12, 9]."""
    ink = read_idx(idx_files.MNIST / idx_files.TEST_IMAGES)[:4] / np.float32(255)
    return [*ink[:, None], ink[:1, 8:20, 9:18]]


def distorted(tab, images, **how):
    """What the page makes of images: uint8, as they are."""
    told = [
        (np.rint(255 * one).astype(int).ravel().tolist(), {"shape": one.shape[1:], **how})
        for one in images
    ]
    found = tab.evaluate("told => told.map(([i, how]) => [...Distortion.apply(i, how)])", told)
    return [np.reshape(flat, one.shape) for flat, one in zip(found, images, strict=True)]


def by_python(images, *, stroke=0.0, degrees=0.0, right=0, down=0):
    (images,) = distortions.DISTORTIONS["stroke width"].apply(images, stroke, None)
    images = distortions.warp(images, distortions.rotation(degrees))
    return 255 * distortions.shifted(images, down, right)


@pytest.mark.parametrize(
    "how",
    [
        {},
        *({"right": right, "down": down} for right, down in ((3, 0), (-2, 5), (0, -7), (28, 0))),
        *({"degrees": degrees} for degrees in (10, -25, 45, 90, 180)),
        *({"stroke": pixels} for pixels in (-1, -0.5, 0.3, 1, 1.5, 2)),
        {"stroke": 0.5, "degrees": -20, "right": 2, "down": 1},
    ],
    ids=str,
)
def test_distortions_are_those_of_the_comparison(tab, images, how):
    for one, found in zip(images, distorted(tab, images, **how), strict=True):
        assert (np.abs(found - by_python(one, **how)) <= 1).mean() >= 0.99


def test_noise_is_gaussian_and_clipped(tab):
    """On grey, where nothing is clipped, and on paper and ink, where half is."""
    flat = [np.full((1, 100, 100), level, np.float32) for level in (0.5, 0, 1)]
    grey, paper, ink = distorted(tab, flat, noise=0.1, seed=7)
    sigma, n = 25.5, grey.size
    assert abs(grey.mean() - 127.5) < 0.5 + 4 * sigma / n**0.5
    assert grey.std() == pytest.approx(sigma, rel=0.03)
    for distance, fraction in ((1, 0.6827), (2, 0.9545), (3, 0.9973)):
        inside = (np.abs(grey - grey.mean()) < distance * sigma).mean()
        assert inside == pytest.approx(fraction, abs=0.02)
    neighbours = np.corrcoef(grey[0, :, 1:].ravel(), grey[0, :, :-1].ravel())[0, 1]
    assert abs(neighbours) < 4 / n**0.5
    mean = sigma / (2 * np.pi) ** 0.5
    assert paper.mean() == pytest.approx(mean, rel=0.06)
    assert 255 - ink.mean() == pytest.approx(mean, rel=0.06)


def test_noise_depends_on_its_seed_alone(tab):
    flat = [np.full((1, 40, 40), 0.5, np.float32)]
    first, again, other = (distorted(tab, flat, noise=0.1, seed=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 4 / first.size**0.5
    moved = distorted(tab, flat, noise=0.1, seed=1, right=1)[0]
    assert np.array_equal(moved[..., 1:], first[..., 1:])
