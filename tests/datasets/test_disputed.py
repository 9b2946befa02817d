"""common/datasets/disputed.py: errors on images whose label people dispute."""

from common.data import load_data
from common.datasets.disputed import DISPUTED, disputed_errors


def test_errors_with_a_disputed_label_are_counted():
    labels = load_data().test.labels
    predicted = labels.copy()
    assert disputed_errors(predicted, labels) == 0
    predicted[[947, 948, 9729]] = (labels[[947, 948, 9729]] + 1) % 10  # the first and the last
    assert disputed_errors(predicted, labels) == 2
    assert len(set(DISPUTED)) == 15


def test_other_test_images_have_none():
    labels = load_data().test.labels
    assert disputed_errors(labels[:9_999], labels[:9_999]) is None
    assert disputed_errors(labels[::-1], labels[::-1]) is None
