"""A convolutional neural network: the same small filters slide over the whole image.

A stroke means the same wherever it stands, so one filter of 5 × 5 weights serves every position.
The first layer's 16 filters look for edges, the second layer's 36 for corners and curves; pooling
halves the image between them. Two fully-connected layers decide on the digit.

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

Expected: 99.39 ± 0.07 % on the test set, mean ± standard deviation of 5 seeds, after 6 epochs in
48 s on 2 cores of AMD EPYC (AVX-512 with bfloat16), Python 3.11.7, TensorFlow 2.21.0. Again with:
python -m common.compare --seeds 5
"""

from argparse import Namespace

from common.augmentation import augment
from common.data import DataSets, load_data
from common.layers import flatten_layer, new_conv_layer, new_fc_layer
from common.networks import OTHER_NETWORKS, RECIPES, conv_activation, new_hidden_layers
from common.objective import new_loss, new_train_step
from common.run.report import report
from common.session import new_session
from common.settings import parse_settings
from common.training import mini_batches, num_training_steps
from common.transfer import bottleneck, transfer

import tensorflow.compat.v1 as tf


def s4(x_image: tf.Tensor, settings: Namespace, is_training: tf.Tensor) -> tuple[tf.Tensor, int]:
    """Build the network drawn above, up to fc1; return that layer and its number of neurons."""
    activation = conv_activation(settings, is_training)  # ReLU
    layer, num_channels = x_image, 1
    for filter_size, num_filters in settings.conv:  # 16 filters of 5 × 5, then 36
        layer, _ = new_conv_layer(
            layer,
            num_channels,
            filter_size,
            num_filters,
            pooling=settings.pooling,
            activation=activation,
            activate_first=settings.activate_first,
        )
        num_channels = num_filters
    layer, num_features = flatten_layer(layer)  # [n, 7 · 7 · 36]
    # From here on it is the MLP of mnist_mlp.py, with one hidden layer of 128 neurons.
    return new_hidden_layers(layer, num_features, settings.fc, settings, is_training)


# The others stand in common/networks.py.
NETWORKS = {"s4": s4, **OTHER_NETWORKS}


def read_settings(argv: list[str] | None = None) -> Namespace:
    """Read the flags. Their defaults are the recipe behind the expected accuracy."""
    return parse_settings(
        argv,
        "mnist_cnn",
        __doc__,
        epochs=6,
        batch_size=128,
        learning_rate=0.005,
        network=NETWORKS,
        recipes=RECIPES,
        conv=((5, 16), (5, 36)),
        fc=(128,),
        pooling="max",
        activate_first=False,
        relu_last=False,
        activation="relu",
        augment=False,
        batch_norm=False,
        dropout=0.3,
        input_channel=0,
        transfer_from=None,
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
    height, width = data.image_shape  # 28, 28
    num_channels = 1  # grey
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
        pixels = augment(pixels, data.image_shape, settings, is_training, num_steps)

        # A convolution needs to know which pixels are neighbours.
        x_image = tf.reshape(pixels, [-1, height, width, num_channels])  # [n, 28, 28, 1]
        layer, num_features = NETWORKS[settings.network](x_image, settings, is_training)
        layer = bottleneck(layer, settings, is_training)  # the end of what --transfer-from keeps

        # No ReLU here, unless told otherwise: a score may well be negative.
        logits = new_fc_layer(layer, num_features, num_classes, use_relu=settings.relu_last)

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
    if settings.transfer_from:
        return transfer(net, data, settings)

    with new_session(net, settings) as session:
        for images, labels in mini_batches(data, session):
            feed_dict = {net.x: images, net.y_true: labels, net.is_training: True}
            session.run(net.train_step, feed_dict)
        return report(data, session)


if __name__ == "__main__":
    main()
