"""common/evaluation.py against scikit-learn, SciPy and cases counted by hand."""

from argparse import Namespace

import mnist_softmax
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
PROBABILITIES = np.eye(4, dtype=np.float32)[PREDICTED]
EXAMPLE = Evaluation(PREDICTED, LABELS, 0.5, PROBABILITIES)


def test_accuracy_equals_scikit_learn():
    assert EXAMPLE.accuracy == metrics.accuracy_score(LABELS, PREDICTED)
    assert EXAMPLE.correct == EXAMPLE.accuracy * EXAMPLE.total


def test_the_confusion_matrix_is_printed_whole():
    message = evaluation.confusion_message(np.array([[5, 0], [12, 7]]), ("0", "1"))
    heading, *rows = message.splitlines()
    assert heading == "Confusion Matrix: (rows: true class, columns: predicted class)"
    assert rows == ["[[ 5  0]", " [12  7]]", "   0  1   ← predicted"]
    large = np.arange(60 * 60).reshape(60, 60) + 10**6
    rows = evaluation.confusion_message(large, [str(k) for k in range(60)]).splitlines()[1:]
    assert "\n".join(rows[:-1]) == np.array2string(large, threshold=3601, max_line_width=1000)


@pytest.mark.parametrize(("correct", "total"), [(0, 10), (5, 10), (10, 10), (9_921, 10_000)])
def test_interval_equals_scipy(correct, total):
    expected = stats.binomtest(correct, total).proportion_ci(0.95, method="wilson")
    assert evaluation.accuracy_interval(correct, total) == pytest.approx(tuple(expected), abs=1e-6)


def test_message():
    labels = np.zeros(10_000, np.int32)
    predicted = labels + (np.arange(10_000) < 120)
    message = evaluation.accuracy_message(Evaluation(predicted, labels, 0, np.eye(2)[predicted]))
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
        net.y_pred, net.y_pred_cls = tf.nn.softmax(logits), tf.argmax(logits, axis=1)
        net.train_step = tf.no_op()
    settings = mnist_softmax.read_settings(["--output-dir", str(tmp_path)])
    with new_session(net, settings) as session:
        result = evaluation.evaluate(session, Split(images, labels))
        whole, probabilities = session.run([logits, net.y_pred], {x: images})
    np.testing.assert_array_equal(result.predicted, whole.argmax(axis=1))
    np.testing.assert_allclose(result.probabilities, probabilities, atol=1e-6)
    assert result.total == count
    assert result.loss == pytest.approx(reference.cross_entropy(whole, labels), rel=1e-5)
