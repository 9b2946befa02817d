"""Several machines train as one: real processes on this machine, talking through real sockets."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import mnist_cnn
import mnist_mlp
import mnist_softmax
from common import UsageError, UserError
from common.parallel.cluster.config import Cluster, Task, is_reachable, read_cluster, start_server

import numpy as np
import pytest
import shell

TINY = ["--train-size", "130", "--batch-size", "60"]  # mini-batches of 60, 60 and 10 images


class Machine:
    """A process of the cluster, whose lines can be waited for."""

    def __init__(self, *arguments, **options):
        self.process = shell.start(*arguments, **options)
        self.lines = []
        self._readers = [
            threading.Thread(target=self.lines.extend, args=[stream], daemon=True)
            for stream in (self.process.stdout, self.process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    @property
    def text(self):
        return "".join(self.lines)

    def until(self, pattern, seconds=100):
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, f"no {pattern!r} in: {self.text}"
            assert self.process.poll() is None, f"ended before {pattern!r}: {self.text}"
            time.sleep(0.02)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self, seconds=150):
        """Wait for the process's own end and return its exit status."""
        status = self.process.wait(seconds)
        for reader in self._readers:
            reader.join()
        return status


class Machines:
    """A cluster of processes on one machine, or in network namespaces of their own."""

    def __init__(self, folder, cluster, command, keys):
        self.folder, self.cluster, self.command, self.keys = folder, cluster, command, keys
        self.prefixes = {}
        self.all = []

    def start(self, job, index=0, *more):
        config = {"cluster": self.cluster, "task": {"type": job, "index": index}} | self.keys
        machine = Machine(
            *self.command,
            # A folder for each: whoever writes anything leaves it in its own.
            *("--output-dir", self.folder / f"{job}{index}", *more),
            variables={"TF_CONFIG": json.dumps(config)},
            prefix=self.prefixes.get((job, index), ()),
        )
        self.all.append(machine)
        return machine


@pytest.fixture
def new_machines(tmp_path):
    made = []

    def new(command, workers=0, ps=0, **keys):
        chief, *others = [f"127.0.0.1:{port}" for port in free_ports(1 + workers + ps)]
        cluster = {"chief": [chief], "worker": others[:workers], "ps": others[workers:]}
        cluster = {job: addresses for job, addresses in cluster.items() if addresses}
        made.append(Machines(tmp_path, cluster, command, {"wait": 60} | keys))
        return made[-1]

    yield new
    for machines in made:
        for machine in machines.all:
            machine.kill()


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def losses(metrics):
    return [row["train_loss"] for row in metrics["history"]]


def assert_same_training(metrics, expected):
    assert len(losses(metrics)) == len(losses(expected)) > 2
    np.testing.assert_allclose(losses(metrics), losses(expected), rtol=0, atol=1e-4)
    # An image whose two best scores are equal but for rounding may go either way.
    assert metrics["test_correct"] == pytest.approx(expected["test_correct"], abs=3)


# What TF_CONFIG says.

TWO = {"chief": ["a:1"], "worker": ["b:1"]}
CHIEF = {"type": "chief", "index": 0}


def test_tf_config_names_all_machines():
    cluster = {"ps": ["p:1"], "worker": ["b:1", "[::1]:2"], "chief": ["a:1"]}
    config = {"cluster": cluster, "task": {"type": "worker", "index": 1}, "environment": "cloud"}
    found = read_cluster({"TF_CONFIG": json.dumps(config)})
    assert str(found.me) == "worker 1 at [::1]:2"
    assert found.me.device == "/job:worker/task:1"
    assert str(found.chief) == "chief at a:1"
    assert [task.address for task in found.replicas] == ["a:1", "b:1", "[::1]:2"]
    assert [task.address for task in found.holders] == ["p:1"]
    assert (found.wait, found.asynchronous) == (300, False)


def test_without_a_chief_worker_0_is_the_chief():
    config = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    found = read_cluster({"TF_CONFIG": json.dumps(config)})
    assert found.me == found.chief
    assert [task.address for task in found.holders] == ["a:1"]


@pytest.mark.parametrize("environment", [{}, {"TF_CONFIG": ""}, {"TF_CONFIG": " \n"}])
def test_without_tf_config_there_is_no_cluster(environment):
    assert read_cluster(environment) is None


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("{", "is not JSON"),
        ("[1]", "is not an object"),
        ("{}", 'has no "cluster"'),
        ({"task": CHIEF}, 'has no "cluster"'),
        ({"cluster": {}, "task": CHIEF}, 'has no "cluster"'),
        ({"cluster": ["a:1"], "task": CHIEF}, 'has no "cluster"'),
        ({"cluster": {"chief": "a:1"}, "task": CHIEF}, "no list of"),
        ({"cluster": {"chief": [1]}, "task": CHIEF}, "no list of"),
        ({"cluster": TWO | {"evaluator": ["c:1"]}, "task": CHIEF}, "the job 'evaluator'"),
        ({"cluster": {"chief": ["a:1", "b:1"]}, "task": CHIEF}, "names 2 chiefs"),
        ({"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}, "nobody would train"),
        ({"cluster": {"chief": []}, "task": CHIEF}, "nobody would train"),
        ({"cluster": {"chief": ["a"]}, "task": CHIEF}, "the address 'a'"),
        ({"cluster": {"chief": ["a:"]}, "task": CHIEF}, "the address 'a:'"),
        ({"cluster": {"chief": ["a:0"]}, "task": CHIEF}, "a port from 1 to 65535"),
        ({"cluster": {"chief": ["a:65536"]}, "task": CHIEF}, "a port from 1 to 65535"),
        ({"cluster": {"chief": ["a:b"]}, "task": CHIEF}, "the address 'a:b'"),
        ({"cluster": {"chief": [":1"]}, "task": CHIEF}, "the address ':1'"),
        ({"cluster": {"chief": ["grpc://a:1"]}, "task": CHIEF}, "the address 'grpc://a:1'"),
        ({"cluster": {"chief": ["::1:22"]}, "task": CHIEF}, "the address '::1:22'"),
        ({"cluster": TWO | {"ps": ["a:1"]}, "task": CHIEF}, "a:1 to two tasks"),
        ({"cluster": {"worker": ["a:1", "a:1"]}, "task": CHIEF}, "a:1 to two tasks"),
        ({"cluster": TWO}, 'has no "task"'),
        ({"cluster": TWO, "task": "chief"}, 'has no "task"'),
        ({"cluster": TWO, "task": {"type": "chief"}}, 'has no "task"'),
        ({"cluster": TWO, "task": {"index": 0}}, 'has no "task"'),
        ({"cluster": TWO, "task": {"type": "ps", "index": 0}}, "this is a 'ps'"),
        ({"cluster": TWO, "task": {"type": ["ps"], "index": 0}}, "this is a ['ps']"),
        ({"cluster": TWO, "task": {"type": "worker", "index": 1}}, "worker 1"),
        ({"cluster": TWO, "task": {"type": "worker", "index": -1}}, "worker -1"),
        ({"cluster": TWO, "task": {"type": "worker", "index": "0"}}, 'worker "0"'),
        ({"cluster": TWO, "task": {"type": "worker", "index": True}}, "worker true"),
        ({"cluster": TWO, "task": CHIEF, "wait": 0}, '"wait": 0'),
        ({"cluster": TWO, "task": CHIEF, "wait": "1 min"}, '"wait": "1 min"'),
        ({"cluster": TWO, "task": CHIEF, "asynchronous": "yes"}, '"asynchronous": "yes"'),
    ],
)
def test_a_wrong_tf_config_is_a_sentence(config, sentence):
    text = config if isinstance(config, str) else json.dumps(config)
    with pytest.raises(UsageError, match=re.escape(sentence)) as error:
        read_cluster({"TF_CONFIG": text})
    assert error.value.exit_status == 2
    assert "Correct it, or unset it" in str(error.value)


def test_a_wrong_tf_config_stops_a_script_before_it_trains(monkeypatch, capfd, tmp_path):
    monkeypatch.setenv("TF_CONFIG", "{")
    with pytest.raises(UsageError, match="is not JSON"):
        mnist_softmax.main(["--output-dir", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()


# What the machines do.


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


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_server_listens_at_its_own_address_only(host):
    (port,) = free_ports(1)
    me = Task("chief", 0, f"{host}:{port}")
    try:
        start_server(Cluster((me,), me))
    except UserError as error:
        pytest.skip(f"no IPv6 here: {error}") if "::" in host else pytest.fail(str(error))
    assert is_reachable(me)
    own = "[::1]" if host == "[::1]" else "127.0.0.1"
    for other in {"127.0.0.1", "127.0.0.2", "[::1]"} - {own}:
        if not (host == "localhost" and other == "[::1]"):  # that may be its address, too
            assert not is_reachable(Task("chief", 0, f"{other}:{port}"), seconds=0.3)


# One machine computes the steps of MLP and CNN in two halves: they have enough work for that.
NETS = {
    "softmax": [mnist_softmax, "--l1", "1e-4", "--optimizer", "momentum"],
    # With dropout and distortions, which are drawn for the whole mini-batch.
    "mlp": [mnist_mlp, "--hidden", "220", "16", "--l2", "0.001", "--clip-norm", "1", "--augment"],
    # In the CNN each step amplifies how the last one was rounded, and a longer step does it more:
    # with the usual rate, twice this one, one loss of 67 has differed by 0.000101.
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
    """Not as on one machine: each normalises its own slice."""
    flags = ["--train-size", "1000", "--epochs", "5", "--hidden", "64", "--batch-norm"]
    machines = new_machines(["mnist_mlp.py", *flags], 2)
    all_machines = [machines.start("chief"), machines.start("worker"), machines.start("worker", 1)]
    assert [machine.end() for machine in all_machines] == [0] * 3
    assert shell.metrics_in(tmp_path / "chief0")["test_accuracy"] > 0.7


# What happens when a machine fails.


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
    """The same command each time: with --resume, and where there is nothing yet it just begins."""
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


@pytest.mark.slow
def test_machines_that_never_come_are_named(new_machines):
    machines = new_machines(["mnist_softmax.py"], 2, 1, wait=2)
    worker = machines.start("worker")
    assert worker.end() == 1
    assert re.search(r"Error: the chief at 127\S+ did not answer for 2 seconds", worker.text)
    machines.keys["wait"] = 20
    present = machines.start("worker", 1)
    present.until("This is worker 1")
    machines.keys["wait"] = 2
    chief = machines.start("chief")
    assert chief.end() == 1
    assert re.search(r"Error: worker 0 at 127\S+ did not answer within 2 seconds", chief.text)
    assert present.end() == 1
    assert re.search(r"Error: the chief at \S+ has stopped: worker 0 at", present.text)


@pytest.mark.slow
def test_a_killed_parameter_server_is_a_sentence(new_machines):
    machines = new_machines(["mnist_softmax.py", *TINY, "--epochs", "100"], 0, 1, wait=15)
    chief, ps = machines.start("chief"), machines.start("ps")
    chief.until(r"\n +3 ")
    ps.kill()
    machines.start("ps")  # it comes back, but what it kept does not
    assert chief.end() == 1
    assert "Error: the weights are lost with the machine that kept them" in chief.text
    assert "Traceback" not in chief.text


@pytest.mark.slow
def test_a_diverging_run_ends_on_all_machines(new_machines):
    flags = ["--optimizer", "sgd", "--learning-rate", "1e30", "--loss", "squared-error"]
    machines = new_machines(["mnist_mlp.py", *flags], 1)
    chief, worker = machines.start("chief"), machines.start("worker")
    assert (chief.end(), worker.end()) == (1, 1)
    assert "Error: the loss is no longer a finite number" in chief.text
    assert re.search(r"Error: the chief at 127\S+ has stopped: the loss is no", worker.text)
    assert "Traceback" not in chief.text + worker.text


@pytest.mark.slow
def test_ctrl_c_is_heard_everywhere(new_machines):
    """The chief leaves a checkpoint; the worker waits for its return, until told not to."""
    machines = new_machines(["mnist_softmax.py", *TINY, "--epochs", "1000"], 1)
    chief, worker = machines.start("chief"), machines.start("worker")
    chief.until(r"\n +3 ")
    chief.process.send_signal(signal.SIGINT)
    assert chief.end() == 130
    assert "the checkpoint is written" in chief.text
    assert worker.process.poll() is None
    worker.process.send_signal(signal.SIGINT)
    assert worker.end() == 130
    assert "Traceback" not in chief.text + worker.text


@pytest.mark.slow
def test_an_address_of_another_machine_or_a_taken_port_is_a_sentence(new_machines):
    machines = new_machines(["mnist_softmax.py"], 1)
    with socket.create_server(("127.0.0.1", int(machines.cluster["worker"][0].split(":")[1]))):
        worker = machines.start("worker")
        assert worker.end() == 1
    assert "cannot be used on this machine: Address already in use" in worker.text
    machines.cluster["worker"] = ["192.0.2.1:2222"]  # an address for examples: nobody has it
    worker = machines.start("worker")
    assert worker.end() == 1
    assert "cannot be used on this machine: Cannot assign requested address" in worker.text


# Hosts of their own.


def ip(arguments):
    subprocess.run(["ip", *arguments.split()], check=True, capture_output=True, text=True)


@pytest.fixture
def hosts():
    """Three network namespaces on a switch in a fourth one: name → address."""
    if not shutil.which("ip"):
        pytest.skip("there is no `ip` (package iproute2)")
    switch, *names = [f"mnist{os.getpid()}-{n}" for n in range(4)]
    hosts = {name: f"10.77.0.{number}" for number, name in enumerate(names, 1)}
    try:
        try:
            ip(f"netns add {switch}")
            ip(f"-n {switch} link add switch type bridge")
            ip(f"-n {switch} link set switch up")
            for name, address in hosts.items():
                ip(f"netns add {name}")
                plug = f"to{address[-1]}"
                ip(f"-n {name} link add cable type veth peer name {plug} netns {switch}")
                ip(f"-n {switch} link set {plug} master switch up")
                ip(f"-n {name} address add {address}/24 dev cable")
                ip(f"-n {name} link set cable up")
                ip(f"-n {name} link set lo up")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {error.stderr.strip()}")
        yield hosts
    finally:
        for name in (switch, *names):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


@pytest.mark.slow
def test_hosts_of_their_own_train_as_one_and_survive_a_cut_cable(hosts, new_machines, tmp_path):
    flags = [*TINY, "--hidden", "16", "--iterations", "90"]
    expected = mnist_mlp.main([*flags, "--output-dir", str(tmp_path / "alone")])
    machines = new_machines(["mnist_mlp.py", *flags], wait=15)
    first, *rest = [f"{address}:2222" for address in hosts.values()]
    machines.cluster = {"chief": [first], "worker": rest}
    tasks = [("chief", 0), ("worker", 0), ("worker", 1)]
    for task, name in zip(tasks, hosts, strict=True):
        machines.prefixes[task] = ["ip", "netns", "exec", name]
    chief, *workers = [machines.start(*task) for task in tasks]
    chief.until(r"\n +5 ")
    last = list(hosts)[-1]
    ip(f"-n {last} link set cable down")
    assert workers[1].end() == 1  # it gave up
    assert "did not answer for 15 seconds" in workers[1].text
    ip(f"-n {last} link set cable up")
    workers[1] = machines.start("worker", 1)
    assert chief.end() == 0, chief.text
    assert "Waiting for worker 1" in chief.text.partition("\n    5 ")[2]
    assert [worker.end() for worker in workers] == [0, 0]
    assert_same_training(shell.metrics_in(tmp_path / "chief0"), expected)
