"""common/evaluation.py against scikit-learn, SciPy and cases counted by hand."""

from argparse import Namespace

from common import evaluation
from common.data import Split
from common.evaluation import Evaluation
from common.layers import new_fc_layer
from common.session import new_session

import numpy as np
import pytest
import reference
import tensorflow.compat.v1 as tf
from scipy import stats
from sklearn import metrics

NUMBERS = np.random.default_rng(0)
LABELS = NUMBERS.integers(0, 4, 1_000).astype(np.int32)
PREDICTED = np.where(NUMBERS.random(1_000) < 0.8, LABELS, NUMBERS.integers(0, 4, 1_000))
EXAMPLE = Evaluation(PREDICTED, LABELS, 0.5)


def test_accuracy_equals_scikit_learn():
    assert EXAMPLE.accuracy == metrics.accuracy_score(LABELS, PREDICTED)
    assert EXAMPLE.correct == EXAMPLE.accuracy * EXAMPLE.total


def test_recall_per_class_equals_scikit_learn():
    matrix = evaluation.confusion_matrix(EXAMPLE, 4)
    expected = metrics.recall_score(LABELS, PREDICTED, average=None)
    np.testing.assert_allclose(evaluation.accuracy_per_class(matrix), expected)


def test_confusion_matrix_equals_scikit_learn():
    for num_classes in (4, 7):  # as many as occur, and more
        expected = metrics.confusion_matrix(LABELS, PREDICTED, labels=range(num_classes))
        matrix = evaluation.confusion_matrix(EXAMPLE, num_classes)
        np.testing.assert_array_equal(matrix, expected)
        assert matrix.dtype == np.int64


def test_confusion_matrix_by_hand():
    example = Evaluation(np.array([0, 1, 1, 2]), np.array([0, 0, 1, 2]), 0.0)
    matrix = evaluation.confusion_matrix(example, 4)  # class 3 does not occur and keeps its row
    assert matrix.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    shares = evaluation.accuracy_per_class(matrix)
    np.testing.assert_array_equal(shares, [0.5, 1, 1, np.nan])


@pytest.mark.parametrize(("correct", "total"), [(0, 10), (5, 10), (10, 10), (9_921, 10_000)])
def test_interval_equals_scipy(correct, total):
    expected = stats.binomtest(correct, total).proportion_ci(0.95, method="wilson")
    assert evaluation.accuracy_interval(correct, total) == pytest.approx(tuple(expected), abs=1e-6)


def test_message():
    message = evaluation.accuracy_message(9_880, 10_000)
    assert message == "Accuracy on Test-Set: 98.8% (9880 / 10000)"


@pytest.mark.parametrize("count", [1, 255, 256, 257, 1_000])
def test_evaluation_in_batches_equals_evaluation_at_once(tmp_path, count):
    """The last, partial batch counts, and counts no more than its images."""
    images = NUMBERS.integers(0, 256, (count, 6)).astype(np.uint8)
    labels = NUMBERS.integers(0, 4, count).astype(np.int32)
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(1)
        x = tf.placeholder(tf.uint8, [None, 6])
        y_true = tf.placeholder(tf.int32, [None])
        logits = new_fc_layer(tf.cast(x, tf.float32) / 25, 6, 4, use_relu=False)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y_true, logits=logits)
        net = Namespace(graph=graph, x=x, y_true=y_true, loss=tf.reduce_mean(losses))
        net.y_pred_cls = tf.argmax(logits, axis=1)
    with new_session(net, Namespace(output_dir=tmp_path, bfloat16=False)) as session:
        result = evaluation.evaluate(session, Split(images, labels))
        whole = session.run(logits, {x: images})
    np.testing.assert_array_equal(result.predicted, whole.argmax(axis=1))
    assert result.total == count
    assert result.loss == pytest.approx(reference.cross_entropy(whole, labels), rel=1e-5)
