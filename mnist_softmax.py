"""Softmax regression: the simplest network that reads handwritten digits.

Each of the ten digits has one weight for each pixel: pixels that speak for the digit have a
positive weight, pixels that speak against it a negative one. An image's score for a digit is the
sum of its pixels times their weights; softmax turns the ten scores into probabilities.

    images   [n, 784] uint8       28 × 28 pixels in a row, 0 to 255
       │  ÷ 255
       │  · weights [784, 10] + biases [10]
    logits   [n, 10]              a score for each digit
       │  softmax
    y_pred   [n, 10]              a probability for each digit

Expected: 92.85 ± 0.05 % on the test set, mean ± standard deviation of 5 seeds, after 10 epochs in
1 s on 2 cores of AMD EPYC (AVX-512 with bfloat16), Python 3.11.7, TensorFlow 2.21.0. Again with:
python -m common.compare --seeds 5
"""

from argparse import Namespace

from common.data import DataSets, load_data
from common.layers import new_fc_layer
from common.objective import new_loss, new_train_step
from common.run.report import report
from common.session import new_session
from common.settings import parse_settings
from common.training import mini_batches, num_training_steps

import tensorflow.compat.v1 as tf


def read_settings(argv: list[str] | None = None) -> Namespace:
    """Read the flags. Their defaults are the recipe behind the expected accuracy."""
    return parse_settings(
        argv, "mnist_softmax", __doc__, epochs=10, batch_size=128, learning_rate=0.005
    )


def build_graph(settings: Namespace, data: DataSets) -> Namespace:
    """Build the static graph. Nothing is computed here: a graph only says how.

    Args:
        settings: the run's settings, from `parse_settings`.
        data: gives the number of pixels, classes and training examples.

    Returns:
        the graph and those of its nodes that are fed or fetched.
    """
    num_pixels = data.num_pixels  # 784 = 28 × 28
    num_classes = data.num_classes  # 10 digits
    num_steps = num_training_steps(settings, len(data.train))

    with tf.Graph().as_default() as graph:
        tf.set_random_seed(settings.seed)

        # Placeholders: what each mini-batch is poured into. None is the size of the mini-batch.
        x = tf.placeholder(tf.uint8, [None, num_pixels], name="x")
        y_true = tf.placeholder(tf.int32, [None], name="y_true")
        is_training = tf.placeholder_with_default(False, [], name="is_training")

        # A byte is a quarter of a float: pixels travel as bytes and become 0.0 to 1.0 in here.
        pixels = tf.cast(x, tf.float32) / 255  # [n, 784]

        # One layer, and no ReLU: a score may well be negative.
        logits = new_fc_layer(pixels, num_pixels, num_classes, use_relu=False)  # [n, 10]

        # How far the probabilities are from the truth: −log of the true digit's, on average.
        one_hot = tf.one_hot(y_true, num_classes)  # [n, 10], 1 for the true digit
        loss = new_loss(logits, one_hot, settings)
        train_step = new_train_step(loss, settings, num_steps)

        y_pred = tf.nn.softmax(logits, name="y_pred")  # [n, 10]
        y_pred_cls = tf.argmax(logits, axis=1, name="y_pred_cls")  # [n]

    return Namespace(
        graph=graph,
        x=x,
        y_true=y_true,
        is_training=is_training,
        loss=loss,
        train_step=train_step,
        y_pred=y_pred,
        y_pred_cls=y_pred_cls,
    )


def main(argv: list[str] | None = None) -> dict:
    """Train, report and return what metrics.json holds."""
    settings = read_settings(argv)
    data = load_data(settings.data_dir, settings.train_size)
    net = build_graph(settings, data)

    with new_session(net, settings) as session:
        for images, labels in mini_batches(data, session):
            feed_dict = {net.x: images, net.y_true: labels, net.is_training: True}
            session.run(net.train_step, feed_dict)
        return report(data, session)


if __name__ == "__main__":
    main()
