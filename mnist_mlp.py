"""A multi-layer perceptron: two hidden layers between the pixels and the digits.

Softmax regression weights each pixel by itself. Here 512 neurons first respond to patterns of
pixels, 256 more to patterns of those, and the last layer classifies these. ReLU between the layers
is what makes them more than one layer: without it, three matrices in a row are one matrix.

    images   [n, 784] uint8       28 × 28 pixels in a row, 0 to 255
       │  ÷ 255
       │  · weights [784, 512] + biases [512], ReLU, dropout
    fc1      [n, 512]
       │  · weights [512, 256] + biases [256], ReLU, dropout
    fc2      [n, 256]
       │  · weights [256, 10] + biases [10]
    logits   [n, 10]              a score for each digit
       │  softmax
    y_pred   [n, 10]              a probability for each digit

Expected: 98.62 ± 0.05 % on the test set, mean ± standard deviation of 5 seeds, after 20 epochs in
14 s on 2 cores of AMD EPYC (AVX-512 with bfloat16), Python 3.11.7, TensorFlow 2.21.0. Again with:
python -m common.compare --seeds 5 --robustness
"""

from argparse import Namespace

# `common` comes before TensorFlow: it makes TensorFlow load quietly, which works only beforehand.
from common.augmentation import augment
from common.data import DataSets, load_data
from common.evaluation import accuracy_message, confusion_message, evaluate
from common.layers import dropout, new_fc_layer
from common.networks import Net, hidden_activation
from common.objective import new_optimizer, soft_labels, weight_penalty
from common.run.report import report
from common.session import new_session
from common.settings import parse_settings
from common.training import mini_batches, num_training_steps

import tensorflow.compat.v1 as tf
from sklearn.metrics import confusion_matrix


def read_settings(argv: list[str] | None = None) -> Namespace:
    """Read the flags. Their defaults are the recipe behind the expected accuracy."""
    return parse_settings(
        argv,
        "mnist_mlp",
        __doc__,
        epochs=20,
        batch_size=128,
        loss="cross-entropy",
        optimizer="adam",
        learning_rate=0.002,
        decay="one-cycle",
        hidden=(512, 256),
        activation="relu",
        batch_norm=False,
        dropout=0.4,
        augment=False,
        fading=0.5,
        teacher=None,
    )


def build_graph(settings: Namespace, data: DataSets) -> Net:
    """Build the static graph; return it with its nodes that are fed or fetched.

    Nothing is computed here: a graph describes a computation, and a Session runs it.
    """
    num_pixels, num_classes = data.num_pixels, data.num_classes  # 784 = 28 × 28, 10 digits
    num_steps = num_training_steps(settings, len(data.train))
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(settings.seed)
        # Placeholders: each step feeds a mini-batch into them. None is the size of the mini-batch.
        x = tf.placeholder(tf.uint8, [None, num_pixels], name="x")
        y_true = tf.placeholder(tf.int32, [None], name="y_true")
        is_training = tf.placeholder_with_default(False, [], name="is_training")
        # Pixels are fed as bytes, a quarter of the size of floats, and become 0.0 to 1.0 here.
        images = tf.cast(x, tf.float32) / 255  # [n, 784]
        images = augment(images, data.image_shape, settings, is_training, num_steps)  # --augment

        activation = hidden_activation(settings, is_training)  # ReLU
        layer, num_inputs = images, num_pixels
        for num_neurons in settings.hidden:  # 512, then 256
            layer = new_fc_layer(layer, num_inputs, num_neurons, activation=activation)  # [n, 512]
            # Dropout sets some neurons to 0 in each training step, different ones each time, so
            # that none depends on a few others. When the net is used, nothing is dropped.
            layer = dropout(layer, settings.dropout, is_training)
            num_inputs = num_neurons

        # No activation here: a logit may be negative.
        logits = new_fc_layer(layer, num_inputs, num_classes, activation=None)  # [n, 10]

        # The loss: cross-entropy between the true class and the predicted probabilities.
        one_hot = soft_labels(tf.one_hot(y_true, num_classes), images, settings)  # [n, 10]
        cross_entropy = tf.nn.softmax_cross_entropy_with_logits(labels=one_hot, logits=logits)
        squared_error = tf.reduce_sum(tf.square(logits - one_hot), axis=1)
        errors = {"cross-entropy": cross_entropy, "squared-error": squared_error}  # each [n]
        loss = tf.reduce_mean(errors[settings.loss]) + weight_penalty(settings)  # --l1, --l2
        optimizer = new_optimizer(settings, num_steps)  # Adam with a one-cycle learning rate
        train_step = optimizer.minimize(loss)
        y_pred = tf.nn.softmax(logits, name="y_pred")  # [n, 10], probabilities
        y_pred_cls = tf.argmax(logits, axis=1, name="y_pred_cls")  # [n]
    return Net(graph, x, y_true, loss, train_step, y_pred, y_pred_cls, is_training)


def main(argv: list[str] | None = None) -> dict:
    """Train, test and report; return what metrics.json holds."""
    settings = read_settings(argv)
    data = load_data(settings.data_dir, settings.train_size, settings.transpose)
    net = build_graph(settings, data)

    with new_session(net, settings) as session:  # a tf.Session, its variables initialised
        for images, labels in mini_batches(data, session):
            feed_dict = {net.x: images, net.y_true: labels, net.is_training: True}
            session.run(net.train_step, feed_dict)

        test = evaluate(session, data.test)
        matrix = confusion_matrix(test.labels, test.predicted, labels=range(data.num_classes))
        print(accuracy_message(test))
        print(confusion_message(matrix, data.class_names))
        return report(data, session, test)  # pictures, metrics.json, SavedModel


if __name__ == "__main__":
    main()
