"""Changes that a reader makes in a script, for test_edits.py."""

from collections.abc import Callable
from dataclasses import dataclass, field

SCRIPTS = ("softmax", "mlp", "cnn")
NUM_STEPS = 3


@dataclass(frozen=True)
class Edit:
    """A change of a script's text, by the beginnings of lines."""

    change: dict[str, str] = field(
        default_factory=dict
    )  # beginning of a line → the lines in its place
    behind: dict[str, str] = field(
        default_factory=dict
    )  # beginning of a line → lines to add behind it
    flags: tuple[str, ...] = ()
    reason: str | None = None  # why the step is left as it is; None where it need not be
    scripts: tuple[str, ...] = SCRIPTS
    start: Callable = lambda session, net: None
    run: Callable = lambda session, net, feed: session.run([net.train_step, net.loss], feed)
    feeds_images: bool = True
    tolerance: float = 1e-5
    expected: dict[str, float] = field(
        default_factory=dict
    )  # variable name → its value after the steps


def alternately(session, net, feed):
    second = net.graph.get_collection("second")
    losses = [session.run([net.train_step, net.loss], feed), session.run(second, feed)]
    return [losses, session.run([*second, net.train_step, net.loss], feed)]


def assigned_between(session, net, feed):
    session.run(net.graph.get_collection("halve"))
    return session.run((net.train_step, net.loss), feed)


def predicted_with_the_step(session, net, feed):
    predicted = session.run([net.train_step, net.y_pred], feed)
    return [predicted, session.run({"step": net.train_step, "loss": net.loss}, feed)]


def step_by_itself(session, net, feed):
    session.run(net.train_step, feed)
    return session.run(net.loss, feed)


def initialise_iterator(session, net):
    session.run(net.graph.get_collection("initialise"))


DATASET = """
    pair = (data.train.images, data.train.labels)
    batches = tf.data.Dataset.from_tensor_slices(pair).repeat().batch(settings.batch_size)
"""
ONE_SHOT = """
    x, y_true = tf.data.make_one_shot_iterator(batches).get_next()
"""
INITIALIZABLE = """
    iterator = tf.data.make_initializable_iterator(batches)
    tf.add_to_collection("initialise", iterator.initializer)
    x, y_true = iterator.get_next()
"""
LOSS, MINIMIZE = "loss = ", "train_step = "
NOT_NOTED = "it is not what minimize"
LAST_BIASES = "var_list=tf.trainable_variables()[-1:]"
ALL_BUT_THEM = "var_list=tf.trainable_variables()[:-1]"
EDITS = {
    "nothing": Edit(),
    "tf.nn.dropout": Edit(
        behind={"images = tf.cast": "images = tf.nn.dropout(images, rate=0.4)"},
        reason="draws new random numbers",
    ),
    "tf.nn.dropout in place of the helper": Edit(
        change={"layer = dropout(": "layer = tf.nn.dropout(layer, rate=0.4)"},
        reason="draws new random numbers",
        scripts=("mlp",),
    ),
    "update operation": Edit(
        behind={
            LOSS: """
                counter = tf.Variable(0.0, trainable=False, name="counter")
                tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign_add(counter, 1))
            """
        },
        expected={"counter": NUM_STEPS},
    ),
    "counted around minimize": Edit(
        change={
            MINIMIZE: """
                counter = tf.Variable(0.0, trainable=False, name="counter")
                with tf.control_dependencies([tf.assign_add(counter, 1)]):
                    train_step = optimizer.minimize(loss)
            """
        },
        reason="inside tf.control_dependencies",
        expected={"counter": NUM_STEPS},
    ),
    "update operations around minimize": Edit(
        change={
            MINIMIZE: """
                with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
                    train_step = optimizer.minimize(loss)
            """
        },
        flags=("--batch-norm", "--optimizer", "momentum"),
        reason="inside tf.control_dependencies",
        scripts=("mlp",),
    ),
    "global step": Edit(
        change={
            MINIMIZE: """
                step = tf.train.get_or_create_global_step()
                train_step = optimizer.minimize(loss, global_step=step)
            """
        },
        expected={"global_step": NUM_STEPS},
    ),
    "another loss minimised": Edit(
        change={MINIMIZE: "train_step = optimizer.minimize(2 * loss + 1)"},
        run=step_by_itself,
    ),
    "loss a sum": Edit(
        change={LOSS: "loss = tf.reduce_sum(errors[settings.loss])"},
        flags=("--learning-rate", "0.0001"),
        reason="Sum",
    ),
    "penalties": Edit(flags=("--l1", "1e-4", "--l2", "1e-3")),
    "tf.data, one-shot": Edit(
        change={"x = ": DATASET + ONE_SHOT, "y_true = ": ""},
        reason="Iterator.* has a state",
        feeds_images=False,
    ),
    "tf.data, initializable": Edit(
        change={"x = ": DATASET + INITIALIZABLE, "y_true = ": ""},
        reason="Iterator.* has a state",
        feeds_images=False,
        start=initialise_iterator,
    ),
    "second optimizer of tf.train": Edit(
        change={
            MINIMIZE: f"""
                second = tf.train.GradientDescentOptimizer(0.1).minimize(loss, {LAST_BIASES})
                train_step = tf.group(optimizer.minimize(loss, {ALL_BUT_THEM}), second)
            """
        },
        reason=NOT_NOTED,
    ),
    "second new_optimizer": Edit(
        change={
            MINIMIZE: f"""
                second = new_optimizer(settings, num_steps).minimize(loss, {LAST_BIASES})
                train_step = tf.group(optimizer.minimize(loss, {ALL_BUT_THEM}), second)
            """
        },
        reason=NOT_NOTED,
    ),
    "second new_optimizer, alternately": Edit(
        behind={
            MINIMIZE: f"""
                second = new_optimizer(settings, num_steps).minimize(loss, {LAST_BIASES})
                tf.add_to_collection("second", second)
            """
        },
        run=alternately,
    ),
    "weights of classes": Edit(
        change={
            LOSS: """
                class_weights = tf.constant([0.5 + 0.1 * label for label in range(num_classes)])
                loss = tf.reduce_mean(tf.gather(class_weights, y_true) * errors[settings.loss])
            """
        },
    ),
    "weights of classes, normalised": Edit(
        change={
            LOSS: """
                class_weights = tf.constant([0.5 + 0.1 * label for label in range(num_classes)])
                weights = tf.gather(class_weights, y_true)
                weighted = tf.reduce_sum(weights * errors[settings.loss])
                loss = weighted / tf.reduce_sum(weights)
            """
        },
        reason="Sum",
    ),
    "custom gradient": Edit(
        behind={
            "logits = ": """
                halved = tf.custom_gradient(lambda x: (tf.identity(x), lambda grad: 0.5 * grad))
                logits = halved(logits)
            """
        },
        reason="has a custom gradient",
    ),
    "tf.cond": Edit(
        behind={
            "images = tf.cast": """
                is_dark = tf.reduce_mean(images) < 0.132
                images = tf.cond(is_dark, lambda: 2 * images, lambda: images)
            """
        },
        reason="is not known to treat each example by itself",
    ),
    "assigned between the steps": Edit(
        change={
            LOSS: """
                factor = tf.Variable(1.0, trainable=False, name="factor")
                tf.add_to_collection("halve", tf.assign(factor, 0.5 * factor))
                loss = factor * tf.reduce_mean(errors[settings.loss])
            """
        },
        run=assigned_between,
        expected={"factor": 0.5**NUM_STEPS},
    ),
    "optimizer of tf.train": Edit(
        change={"optimizer = ": "optimizer = tf.train.AdamOptimizer(0.001)"},
        reason=NOT_NOTED,
    ),
    "optimizer with gradients of its own": Edit(
        change={
            "optimizer = ": """
                class Signs(tf.train.GradientDescentOptimizer):
                    def compute_gradients(self, *args, **options):
                        pairs = super().compute_gradients(*args, **options)
                        return [(tf.sign(gradient), variable) for gradient, variable in pairs]
                optimizer = type(new_optimizer(settings, num_steps))(Signs(0.001))
            """
        },
        reason="computes gradients in its own way",
    ),
    "optimizer with variables of its own": Edit(
        change={
            "optimizer = ": """
                class Momentum(tf.train.GradientDescentOptimizer):
                    def apply_gradients(self, pairs, global_step=None, name=None):
                        gradients, variables = zip(*pairs)
                        with tf.init_scope():
                            zeros = [tf.zeros(v.shape) for v in variables]
                            sums = [tf.Variable(zero, trainable=False) for zero in zeros]
                        gradients = [tf.assign(s, 0.9 * s + g) for s, g in zip(sums, gradients)]
                        return super().apply_gradients(zip(gradients, variables), global_step)
                optimizer = type(new_optimizer(settings, num_steps))(Momentum(0.01))
            """
        },
        reason="makes new variables",
    ),
    "layer of the reader's own": Edit(
        behind={
            "logits = ": """
                initial = tf.truncated_normal_initializer(stddev=0.3, seed=1)
                own = tf.get_variable("own", [num_classes, num_classes], initializer=initial)
                logits = tf.tanh(tf.matmul(logits, own))
            """
        },
    ),
    # Both variables have the same gradient.
    "weights a sum of two variables": Edit(
        behind={
            "images = tf.cast": """
                shape = [num_pixels, num_pixels]
                first = tf.get_variable("first", initializer=tf.eye(num_pixels))
                second = tf.get_variable("second", shape, initializer=tf.zeros_initializer())
                images = tf.matmul(images, first + second)
            """
        },
        scripts=("mlp", "cnn"),
    ),
    "predictions with the step": Edit(run=predicted_with_the_step),
    "normalisation over the mini-batch": Edit(
        behind={
            "logits = ": """
                mean, variance = tf.nn.moments(logits, [0])
                logits = (logits - mean) / tf.sqrt(variance + 1e-3)
            """
        },
        reason="Mean .* is not known",
    ),
    # The biases before a normalisation have no gradient but rounding errors, which Adam would
    # divide by their own size.
    "--batch-norm": Edit(flags=("--batch-norm", "--optimizer", "momentum"), scripts=("mlp",)),
    # TensorFlow adds up 128 · 14 · 14 numbers in float32, so that its variance is exact to 2e-4 and
    # its gradients are to a few percent. Two halves are more exact: see test_halves.py.
    "--batch-norm of feature maps": Edit(
        flags=("--batch-norm", "--optimizer", "sgd", "--learning-rate", "0.05"),
        scripts=("cnn",),
        tolerance=1e-3,
    ),
    "--augment": Edit(flags=("--augment", "--fading", "0.9"), scripts=("mlp", "cnn")),
    "--label-smoothing": Edit(flags=("--label-smoothing", "0.1")),
    "--clip-norm and --moving-average": Edit(
        flags=("--clip-norm", "0.1", "--moving-average", "0.9")
    ),
}
