"""A convolutional neural network: the same small filters at every position of the image.

A stroke means the same at every position, so one filter of 5 × 5 weights is used at all of them.
The first layer's 16 filters respond to edges, the second layer's 36 to corners and curves; pooling
halves height and width after each. Two fully-connected layers classify the result.

    images   [n, 784] uint8           28 × 28 pixels in a row, 0 to 255
       │  ÷ 255, reshape
    x_image  [n, 28, 28, 1]
       │  convolution with 16 filters 5 × 5, max-pooling 2 × 2, ReLU
    conv1    [n, 14, 14, 16]
       │  convolution with 36 filters 5 × 5, max-pooling 2 × 2, ReLU
    conv2    [n, 7, 7, 36]
       │  flatten
    flat     [n, 1764]
       │  · weights [1764, 128] + biases [128], ReLU, dropout
    fc1      [n, 128]
       │  · weights [128, 10] + biases [10]
    logits   [n, 10]                  a score for each digit
       │  softmax
    y_pred   [n, 10]                  a probability for each digit

Expected: 99.35 ± 0.05 % on the test set, mean ± standard deviation of 5 seeds, after 6 epochs in
23 s on 2 cores of AMD EPYC (AVX-512 with bfloat16), Python 3.11.7, TensorFlow 2.21.0. Again with:
python -m common.compare --seeds 5 --robustness
"""

from argparse import Namespace

# `common` comes before TensorFlow: it makes TensorFlow load quietly, which works only beforehand.
from common.augmentation import augment
from common.data import DataSets, load_data
from common.evaluation import accuracy_message, confusion_message, evaluate
from common.layers import flatten_layer, new_conv_layer, new_fc_layer
from common.networks import OTHER_NETWORKS, RECIPES, Net, conv_options, new_hidden_layers
from common.objective import new_optimizer, soft_labels, weight_penalty
from common.run.report import report
from common.session import new_session
from common.settings import parse_settings
from common.training import mini_batches, num_training_steps

import tensorflow.compat.v1 as tf
from sklearn.metrics import confusion_matrix


def two_conv(
    x_image: tf.Tensor, settings: Namespace, is_training: tf.Tensor
) -> tuple[tf.Tensor, int]:
    """Build the network drawn above, up to fc1; return that layer and its number of neurons."""
    options = conv_options(settings, is_training)  # ReLU and 2 × 2 max-pooling
    layer, num_channels = x_image, 1  # grey
    for filter_size, num_filters in settings.conv:  # 16 filters of 5 × 5, then 36
        # [n, 14, 14, 16], then [n, 7, 7, 36]
        layer, _ = new_conv_layer(layer, num_channels, filter_size, num_filters, **options)
        num_channels = num_filters
    layer, num_features = flatten_layer(layer)  # [n, 1764]
    # From here on it is the MLP of mnist_mlp.py, with one hidden layer of 128 neurons.
    return new_hidden_layers(layer, num_features, settings.fc, settings, is_training)


# The others are in common/networks.py.
NETWORKS = {"two-conv": two_conv, **OTHER_NETWORKS}


def read_settings(argv: list[str] | None = None) -> Namespace:
    """Read the flags. Their defaults are the recipe behind the expected accuracy."""
    return parse_settings(
        argv,
        "mnist_cnn",
        __doc__,
        epochs=6,
        batch_size=128,
        loss="cross-entropy",
        optimizer="adam",
        learning_rate=0.005,
        decay="one-cycle",
        network=NETWORKS,
        recipes=RECIPES,
        conv=((5, 16), (5, 36)),
        fc=(128,),
        pooling="max",
        activate_first=False,
        relu_last=False,
        activation="relu",
        batch_norm=False,
        dropout=0.3,
        augment=False,
        fading=0.5,
        teacher=None,
        input_channel=None,
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

        # A convolution needs to know which pixels are neighbours.
        x_image = tf.reshape(images, [-1, *data.image_shape, 1])  # [n, 28, 28, 1]
        network = NETWORKS[settings.network]  # two_conv
        layer, num_features = network(x_image, settings, is_training)  # [n, 128]

        # No activation here, unless --relu-last asks for it: a logit may be negative.
        logits = new_fc_layer(layer, num_features, num_classes, settings.relu_last)  # [n, 10]

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
