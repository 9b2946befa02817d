"""Draw a picture and open the file again."""

import numpy as np
import pytest
from matplotlib.image import imread


@pytest.fixture
def draw(tmp_path):
    """Draw, open the file again, and return its pixels as uint8 `[height, width, 3]`."""

    def draw_and_open(function, *args, **settings):
        path = tmp_path / "pictures" / "picture.png"
        function(path, *args, **settings)
        assert [file.name for file in path.parent.iterdir()] == ["picture.png"]
        assert path.stat().st_size < 60_000
        pixels = np.round(imread(path)[..., :3] * 255).astype(np.uint8)
        assert not np.all(pixels == 255), "the picture is empty"
        assert np.all(pixels[-1] == 255), "something is cut off at the lower edge"
        return pixels

    return draw_and_open
