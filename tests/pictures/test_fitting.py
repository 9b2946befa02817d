"""common/pictures/fitting.py: strokes get a width that MNIST has."""

import itertools

from common.pictures.fitting import fit

import numpy as np
import pytest
from scipy.spatial import cKDTree


def test_thin_lines_become_strokes():
    ink = np.zeros((400, 400), np.float32)
    ink[50:350, 199:201] = 1
    image = fit(ink)
    assert (image > 200).sum() >= 18  # not a pale grey line


def drawing(side: int, brush: float) -> np.ndarray:
    """Draw a 2 with a round brush; both lengths in pixels, the brush's edges included in `side`."""
    t = np.linspace(-np.pi, 0.3 * np.pi, 200)
    arc = np.stack([0.25 + 0.25 * np.sin(t), 0.35 + 0.25 * np.cos(t)], axis=1)
    lines = np.array([arc[-1], [1.0, 0.1], [1.0, 0.7]])
    ways = [np.linspace(a, b, 200) for a, b in itertools.pairwise(lines)]
    path = np.concatenate([arc, *ways])
    path = (path - path.min(axis=0)) * (side - brush) + brush / 2 + 1
    y, x = np.mgrid[: side + 2, : side + 2]
    away = cKDTree(path).query(np.stack([y, x], axis=2) + 0.5)[0]
    return (brush / 2 - away + 0.5).clip(0, 1).astype(np.float32)


@pytest.mark.parametrize("side", [64, 300])
def test_a_bold_drawing_becomes_what_a_thinner_brush_draws(side):
    usual, bold = (fit(drawing(side, part * side)) for part in (0.2, 0.32))
    assert np.abs(bold.astype(float) - usual).mean() < 5
