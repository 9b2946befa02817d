"""benchmarks/frontier.py: points from results files, by hand, and the picture from ours."""

import json

from benchmarks import frontier
from common import UserError

import matplotlib
import numpy as np
import pytest
import shell
from PIL import Image

NET = {"name": "mnist_mlp.py --epochs 2", "parameters": 50, "multiply_adds": 40, "epochs": 2.0}
NET |= {"test_mean": 0.9, "test_std": None}


def write(folder, **models):
    for name in frontier.RESULTS:
        text = json.dumps({"models": models.get(name, [])})
        (folder / f"{name}.json").write_text(text)


def test_a_point_by_hand(tmp_path):
    """40 multiply–adds, 6 operations each, 55,000 images, 2 epochs: 26.4 million operations."""
    write(tmp_path, fast=[NET], smallest=[NET | {"test_mean": 0.8}])  # the same net counts once
    ((script, point),) = frontier.measured(tmp_path)
    assert script == "mnist_mlp"
    assert point[:4] == ("MLP --epochs 2", 0.9, 0.0, 50)
    assert point.operations == pytest.approx(26.4e6 / frontier.TERA)


def test_a_results_file_that_cannot_be_read_is_named(tmp_path):
    write(tmp_path)
    (tmp_path / "fast.json").write_text("{")
    with pytest.raises(UserError, match=r"cannot read .*fast\.json"):
        frontier.measured(tmp_path)


@pytest.mark.skipif(
    matplotlib.__version_info__[:2] < (3, 11), reason="older ones draw some points elsewhere"
)
def test_the_picture_is_that_of_the_results(tmp_path):
    """Drawn again from the results files, our own points lie where the page shows them."""
    docs = shell.REPOSITORY / "docs"
    frontier.draw(tmp_path / "drawn.png", frontier.measured(docs / "results"))
    drawn, kept = (
        np.asarray(Image.open(path).convert("RGB").resize((429, 234)), np.int32)
        for path in (tmp_path / "drawn.png", docs / "pictures" / "records.png")
    )
    coloured = [np.ptp(pixels, axis=2) > 60 for pixels in (drawn, kept)]  # our own points
    assert coloured[0].sum() > 100
    np.testing.assert_array_equal(*coloured)
