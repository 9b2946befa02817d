"""Several machines train as one, and a machine that is killed can come back."""

import mnist_cnn
import mnist_mlp
import mnist_softmax

import pytest
import shell
from cluster_processes import TINY, assert_same_training, new_clusters


@pytest.fixture
def new_machines(tmp_path):
    with new_clusters(tmp_path) as new:
        yield new


def test_two_machines_train_as_one(new_machines, capfd, tmp_path):
    flags = [*TINY, "--iterations", "9"]
    machines = new_machines(["mnist_softmax.py", *flags], workers=1)
    chief, worker = machines.start("chief"), machines.start("worker")
    expected = mnist_softmax.main([*flags, "--output-dir", str(tmp_path / "alone")])
    assert chief.end() == 0, chief.text
    assert worker.end() == 0, worker.text
    assert "The training has ended." in worker.text
    assert_same_training(shell.metrics_in(tmp_path / "chief0"), expected)
    assert not (tmp_path / "worker0").exists()


# On two cores, one machine computes the steps of MLP and CNN in two halves.
NETS = {
    "softmax": [mnist_softmax, "--l1", "1e-4", "--optimizer", "momentum"],
    # With dropout and distortions, whose random numbers are those of the whole mini-batch.
    "mlp": [mnist_mlp, "--hidden", "220", "16", "--l2", "0.001", "--clip-norm", "1", "--augment"],
    # In the CNN each step amplifies the rounding errors of the last one, and the more so the higher
    # the learning rate: with the default, twice this one, one loss of 67 has differed by 0.000101.
    "cnn": [
        *(mnist_cnn, "--conv", "3x8", "3x8", "--fc", "20", "--augment"),
        *("--learning-rate", "0.0025"),
    ],
}


@pytest.fixture(scope="module", params=NETS)
def two_hundred_steps(request, tmp_path_factory):
    """A command of 200 steps, and what it gives on one machine."""
    script, *flags = NETS[request.param]
    flags += [*TINY, "--iterations", "200", "--moving-average", "0.9"]
    expected = script.main([*flags, "--output-dir", str(tmp_path_factory.mktemp("alone"))])
    return [f"{script.__name__}.py", *flags], expected


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "ps"), [(0, 0), (1, 0), (2, 0), (1, 2)])
def test_any_number_of_machines_trains_as_one(
    new_machines, two_hundred_steps, tmp_path, workers, ps
):
    command, expected = two_hundred_steps
    machines = new_machines(command, workers, ps)
    chief = machines.start("chief")
    others = [machines.start("worker", index) for index in range(workers)]
    others += [machines.start("ps", index) for index in range(ps)]
    assert chief.end() == 0, chief.text
    assert [other.end() for other in others] == [0] * len(others)
    assert_same_training(shell.metrics_in(tmp_path / "chief0"), expected)
    assert [folder.name for folder in tmp_path.iterdir()] == ["chief0"]


@pytest.mark.slow
def test_asynchronous_machines_learn_too(new_machines, tmp_path):
    flags = ["--train-size", "2000", "--epochs", "5"]
    machines = new_machines(["mnist_softmax.py", *flags], 2, 1, asynchronous=True)
    all_machines = [machines.start("chief"), machines.start("ps")]
    all_machines += [machines.start("worker", index) for index in range(2)]
    assert [machine.end() for machine in all_machines] == [0] * 4
    metrics = shell.metrics_in(tmp_path / "chief0")
    assert metrics["steps"] == 5 * 16
    assert metrics["test_accuracy"] > 0.8


@pytest.mark.slow
def test_batch_norm_trains_on_several_machines(new_machines, tmp_path):
    """Not as on one machine: each machine normalises its own rows."""
    flags = ["--train-size", "1000", "--epochs", "5", "--hidden", "64", "--batch-norm"]
    machines = new_machines(["mnist_mlp.py", *flags], 2)
    all_machines = [machines.start("chief"), machines.start("worker"), machines.start("worker", 1)]
    assert [machine.end() for machine in all_machines] == [0] * 3
    assert shell.metrics_in(tmp_path / "chief0")["test_accuracy"] > 0.7


@pytest.fixture
def long_run(new_machines, tmp_path):
    """The machines of a run of 150 steps, and what it gives on one machine."""
    flags = [*TINY, "--hidden", "16", "--iterations", "150"]
    expected = mnist_mlp.main([*flags, "--output-dir", str(tmp_path / "alone")])
    return new_machines(["mnist_mlp.py", *flags], 2), expected


@pytest.mark.slow
def test_a_killed_worker_rejoins(long_run, tmp_path):
    machines, expected = long_run
    chief = machines.start("chief")
    workers = [machines.start("worker", index) for index in range(2)]
    for index, epoch in enumerate((5, 15)):
        chief.until(rf"\n +{epoch} ")
        workers[index].kill()
        chief.until(rf"\n +{epoch} (.|\n)*Waiting for worker {index} at")
        workers[index] = machines.start("worker", index)
    assert chief.end() == 0, chief.text
    assert [worker.end() for worker in workers] == [0, 0]
    assert_same_training(shell.metrics_in(tmp_path / "chief0"), expected)


@pytest.mark.slow
def test_a_killed_chief_resumes(long_run, tmp_path):
    """The same command each time, also the first time, when there is no checkpoint."""
    machines, expected = long_run
    workers = [machines.start("worker", index) for index in range(2)]
    for epoch in (5, 20):
        chief = machines.start("chief", 0, "--resume")
        chief.until(rf"\n +{epoch} ")
        chief.kill()
    chief = machines.start("chief", 0, "--resume")
    assert chief.end() == 0, chief.text
    assert [worker.end() for worker in workers] == [0, 0]
    assert_same_training(shell.metrics_in(tmp_path / "chief0"), expected)
