"""common/run/summaries.py: what event files hold, read back with TensorFlow's own reader."""

import re
from argparse import Namespace
from contextlib import contextmanager

import mnist_cnn
import mnist_mlp
import mnist_softmax
from common import UserError, training
from common.data import load_data
from common.layers import layers_of
from common.objective import SCHEDULES
from common.run.checkpoints import Checkpoints
from common.run.summaries import summaries
from common.session import new_session

import numpy as np
import pytest
import shell
import tensorflow.compat.v1 as tf

pytestmark = pytest.mark.usefixtures("no_pictures")

CNN = ["--train-size", "500", "--epochs", "3", "--batch-size", "10", "--conv", "3x4", "--fc", "8"]
SOFTMAX = ["--train-size", "300", "--epochs", "3", "--batch-size", "100"]


def event_files(folder, split):
    return sorted((folder / "tensorboard" / split).glob("events.out.tfevents.*"))


def events(folder, split):
    """All events of a split in the order in which they were written."""
    return [
        event
        for path in event_files(folder, split)
        for event in tf.train.summary_iterator(str(path))
    ]


def values(events, purge=True):
    """{tag: {step: value}} as TensorBoard has it: a START forgets all from its step on."""
    found = {}
    for event in events:
        if event.session_log.status == tf.SessionLog.START and purge:
            for steps in found.values():
                for step in [step for step in steps if step >= event.step]:
                    del steps[step]
        for value in event.summary.value:
            steps = found.setdefault(value.tag, {})
            if not purge and event.step in steps and value.HasField("simple_value"):
                assert steps[event.step].simple_value == value.simple_value
            assert not purge or event.step not in steps, "a step is written twice"
            steps[event.step] = value
    return found


def scalars(values):
    return {
        tag: {step: value.simple_value for step, value in steps.items()}
        for tag, steps in values.items()
        if all(value.HasField("simple_value") for value in steps.values())
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return mnist_cnn.main([*CNN, "--tensorboard", "--output-dir", str(folder)]), folder


@pytest.mark.parametrize("split", ["train", "validation"])
def test_the_curves_are_those_of_metrics_json(finished, split):
    _, folder = finished
    history = shell.metrics_in(folder)["history"]
    written = scalars(values(events(folder, split)))
    for tag in ("loss", "accuracy"):
        expected = {row["step"]: np.float32(row[f"{split}_{tag}"]) for row in history}
        assert written[tag] == expected
        assert len(expected) == 3


def test_the_learning_rate_follows_its_schedule(finished):
    _, folder = finished
    rates = scalars(values(events(folder, "train")))["learning_rate"]
    assert list(rates) == [0, 50, 100, 150]  # every epoch and every 100 steps, and the start
    with tf.Session(graph=tf.Graph()) as session, session.graph.as_default():
        for step, rate in rates.items():
            expected = SCHEDULES["one-cycle"](0.005, tf.constant(step, tf.int64), 150, Namespace())
            assert rate == pytest.approx(session.run(expected), rel=1e-6, abs=1e-9)


def test_a_histogram_counts_every_weight_and_bias(finished):
    metrics, folder = finished
    written = values(events(folder, "train"))
    histograms = {tag: steps for tag, steps in written.items() if tag.startswith("histograms/")}
    sizes = {
        **{"conv1/weights": 3 * 3 * 4, "conv1/biases": 4, "fc1/weights": 14 * 14 * 4 * 8},
        **{"fc1/biases": 8, "fc2/weights": 8 * 10, "fc2/biases": 10},
    }
    assert sum(sizes.values()) == metrics["parameters"]
    assert set(histograms) == {f"histograms/{name}" for name in sizes}
    reader = tf.train.load_checkpoint(str(folder / "checkpoints" / "step-150"))
    for name, size in sizes.items():
        steps = histograms[f"histograms/{name}"]
        assert list(steps) == [0, 50, 100, 150]
        assert {step.histo.num for step in steps.values()} == {size}
        last, weights = steps[150].histo, reader.get_tensor(name)
        assert (last.min, last.max) == (weights.min(), weights.max())
        assert last.sum == pytest.approx(weights.sum(dtype=np.float64), abs=1e-6)


def test_the_filters_are_one_picture(finished):
    _, folder = finished
    written = values(events(folder, "train"))
    (tag,) = [tag for tag in written if tag.startswith("images/")]
    assert tag.startswith("images/conv1/weights")
    assert list(written[tag]) == [0, 50, 100, 150]
    picture = written[tag][150].image
    assert (picture.height, picture.width) == (2 * 4, 2 * 4)  # 4 filters of 3 × 3 with a border
    with tf.Session(graph=tf.Graph()) as session, session.graph.as_default():
        pixels = session.run(tf.image.decode_png(picture.encoded_image_string))[..., 0]
    weights = tf.train.load_checkpoint(str(folder / "checkpoints" / "step-150"))
    weights = weights.get_tensor("conv1/weights")[:, :, 0, :]
    shown = np.stack([pixels[:3, :3], pixels[:3, 4:7], pixels[4:7, :3], pixels[4:7, 4:7]], axis=-1)
    # One scale of grey for all filters, in which 0 is in the middle.
    expected = 127.5 + 127.5 * weights / np.abs(weights).max()
    assert np.abs(shown - expected).max() <= 2


def test_weights_of_pixels_are_drawn_too(tmp_path):
    flags = ["--train-size", "100", "--iterations", "1", "--tensorboard", "--hidden", "120"]
    mnist_mlp.main([*flags, "--output-dir", str(tmp_path)])
    written = values(events(tmp_path, "train"))
    (picture,) = [steps[1].image for tag, steps in written.items() if tag.startswith("images/")]
    assert (picture.height, picture.width) == (10 * 29, 10 * 29)  # the first 100 of the 120


def test_the_graph_is_written(finished):
    _, folder = finished
    graphs = [event.graph_def for event in events(folder, "train") if event.graph_def]
    (graph,) = [tf.GraphDef.FromString(graph) for graph in graphs]
    assert {"x", "y_true", "conv1/weights", "y_pred"} <= {node.name for node in graph.node}


def test_it_changes_nothing_that_a_run_computes(finished, tmp_path):
    metrics, _ = finished
    plain = mnist_cnn.main([*CNN, "--output-dir", str(tmp_path)])
    assert shell.without_times(plain) == shell.without_times(metrics)
    assert not (tmp_path / "tensorboard").exists()


def test_moving_averages_are_what_is_written(tmp_path):
    flags = [*SOFTMAX, "--moving-average", "0.9", "--tensorboard", "--output-dir", str(tmp_path)]
    mnist_softmax.main(flags)
    reader = tf.train.load_checkpoint(str(tmp_path / "checkpoints" / "step-9"))
    average = reader.get_tensor("fc1/weights/ExponentialMovingAverage")
    histogram = values(events(tmp_path, "train"))["histograms/fc1/weights"][9].histo
    assert (histogram.min, histogram.max) == (average.min(), average.max())


@contextmanager
def killed_before_checkpoint(step):
    """End the run in the block as if it were killed, just before it writes that checkpoint."""
    save = Checkpoints.save

    def save_or_die(self, done, seconds):
        if done == step:
            raise KeyboardInterrupt
        save(self, done, seconds)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Checkpoints, "save", save_or_die)
        yield


def test_a_killed_run_goes_on_without_doubling_a_step(tmp_path):
    flags = [*SOFTMAX, "--tensorboard", "--output-dir"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    mnist_softmax.main([*flags, str(whole)])
    with killed_before_checkpoint(6):
        mnist_softmax.main([*flags, str(killed)])
    # The event files are ahead of the checkpoint, and have everything up to the end on the disk.
    assert list(values(events(killed, "train"))["loss"]) == [3, 6]
    assert list(values(events(killed, "validation"))["loss"]) == [3, 6]
    for split in ("train", "validation"):
        (file,) = event_files(killed, split)
        stamp = re.search(r"\d+\.\d{6}", file.name)[0]
        ahead = f"{float(stamp) + 3600:017.6f}"  # of a clock that is an hour ahead
        file.rename(file.with_name(file.name.replace(stamp, ahead)))
    mnist_softmax.main([*flags, str(killed), "--resume"])
    for split in ("train", "validation"):
        assert len(event_files(killed, split)) == 2
        written = values(events(killed, split))
        assert scalars(written) == scalars(values(events(whole, split)))
        assert {tag: list(steps) for tag, steps in written.items()} == {
            tag: list(steps) for tag, steps in values(events(whole, split)).items()
        }
        values(events(killed, split), purge=False)  # what is written twice is equal


def test_a_new_run_removes_the_event_files_of_the_one_before(tmp_path):
    flags = [*SOFTMAX, "--tensorboard", "--output-dir", str(tmp_path)]
    mnist_softmax.main([*flags, "--seed", "1"])
    (old,) = event_files(tmp_path, "train")
    mnist_softmax.main([*flags, "--seed", "2"])
    (new,) = event_files(tmp_path, "train")
    assert new.name > old.name


def test_a_run_may_ask_for_it_when_it_is_resumed(tmp_path):
    flags = [*SOFTMAX, "--output-dir", str(tmp_path)]
    with killed_before_checkpoint(6):
        mnist_softmax.main(flags)
    metrics = mnist_softmax.main([*flags, "--resume", "--tensorboard"])
    written = scalars(values(events(tmp_path, "validation")))
    assert list(written["loss"]) == [row["step"] for row in metrics["history"]] == [3, 6, 9]


def test_a_file_in_the_way_is_a_sentence(tmp_path):
    (tmp_path / "tensorboard").write_text("a file")
    with pytest.raises(
        UserError, match=r"cannot write .*tensorboard: .*Choose another name or folder"
    ):
        mnist_softmax.main([*SOFTMAX, "--tensorboard", "--output-dir", str(tmp_path)])


FULL_DISK = """
import resource, sys
import mnist_softmax
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
mnist_softmax.main(sys.argv[1:])
"""


def test_a_full_disk_is_one_sentence(tmp_path):
    flags = [*SOFTMAX, "--tensorboard", "--output-dir", tmp_path]
    _, errors = shell.run("-c", shell.as_script(FULL_DISK), *flags, status=1)
    assert errors.startswith(f"Error: cannot write {tmp_path}/tensorboard: ")
    assert errors.count("\n") == 1


def test_an_error_of_the_computation_is_not_called_a_problem_of_the_disk(tmp_path):
    """TensorFlow makes no histogram of NaN; its error is of the same kind as those of a disk."""
    settings = mnist_softmax.read_settings(["--tensorboard", "--output-dir", str(tmp_path)])
    data = load_data(train_size=100)
    net = mnist_softmax.build_graph(settings, data)
    with new_session(net, settings) as session:
        with net.graph.as_default():
            biases = layers_of(net.graph)[0].biases
            session.run(tf.assign(biases, np.full(10, np.nan, np.float32)))
        with (
            pytest.raises(tf.errors.InvalidArgumentError, match=r"[Nn]an in summary histogram"),
            summaries(data, session, first=0),
        ):
            pass


def test_an_error_of_a_step_comes_through_as_it_is(tmp_path, monkeypatch):
    def fail(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")

    monkeypatch.setattr(training, "measure", fail)
    with pytest.raises(tf.errors.ResourceExhaustedError, match="out of memory"):
        mnist_softmax.main([*SOFTMAX, "--tensorboard", "--output-dir", str(tmp_path)])
