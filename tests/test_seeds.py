"""Random numbers: no two of (seed, operation, step) draw with the same key."""

import itertools

import mnist_cnn
import mnist_mlp
from common.data import load_data
from common.layers import dropout, new_biases, new_seed, new_weights, seed_of_step

import pytest
import tensorflow.compat.v1 as tf

STEPS = [*range(40), 12_889, 2**20 - 1, 2**20, 2**31, 2**40]


def test_no_key_is_used_twice():
    """Whether an operation draws once or in each step, and with whatever seed of the run."""
    keys = []
    for seed in (*range(4), 2**31 - 1):
        with tf.Graph().as_default(), tf.Session() as session:
            tf.set_random_seed(seed)
            once = [new_seed() for _ in range(25)]
            keys += map(tuple, once)
            step = tf.train.get_or_create_global_step()
            each_step = tf.stack([seed_of_step(pair) for pair in once])
            for number in STEPS:
                step.load(number, session)
                keys += [tuple(pair) for pair in session.run(each_step).tolist()]
    assert len(keys) == 5 * 25 * (1 + len(STEPS))
    assert len(set(keys)) == len(keys)
    assert all(0 <= number < 2**63 for key in keys for number in key)


def keys_in(net, steps):
    """The key with which each random operation of a graph draws, for each operation and step."""
    operations = [
        op
        for op in net.graph.get_operations()
        if op.type.startswith("StatelessRandomGetKeyCounter")
    ]
    found = []
    with tf.Session(graph=net.graph) as session, net.graph.as_default():
        step = tf.train.get_or_create_global_step()
        for number in steps:
            step.load(number, session)
            found.append([tuple(pair) for pair in session.run([op.inputs[0] for op in operations])])
    return list(zip(*found, strict=True))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("script", "once", "each_step"),
    [(mnist_mlp, 3, 2 + 2), (mnist_cnn, 4, 2 + 1)],  # layers; distortions and dropout
)
def test_distortions_dropout_and_weights_have_keys_of_their_own(seed, script, once, each_step):
    settings = script.read_settings(["--augment", "--seed", str(seed)])
    net = script.build_graph(settings, load_data(train_size=100))
    # What is drawn once has the same key in each step.
    counts = [len(set(keys)) for keys in keys_in(net, range(50))]
    assert sorted(counts) == [1] * once + [50] * each_step
    different = set(itertools.chain(*keys_in(net, range(50))))
    assert len(different) == once + 50 * each_step


def test_what_is_no_random_operation_takes_no_key():
    with tf.Graph().as_default():
        tf.set_random_seed(0)
        new_biases(3)
        dropout(tf.ones([2]), 0, tf.constant(True))
        first = new_seed()
        new_weights([3])
        assert new_seed()[1] == first[1] + 2
