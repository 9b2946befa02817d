"""What a user reads when a machine fails; and machines with network cables of their own."""

import os
import re
import shutil
import signal
import socket
import subprocess

import mnist_mlp

import pytest
import shell
from cluster_processes import TINY, assert_same_training, new_clusters


@pytest.fixture
def new_machines(tmp_path):
    with new_clusters(tmp_path) as new:
        yield new


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
    machines.start("ps")  # it comes back, but without the variables
    assert chief.end() == 1
    assert "Error: the variables are lost with a machine that held them" in chief.text
    assert "Traceback" not in chief.text


@pytest.mark.slow
def test_a_diverging_run_ends_on_all_machines(new_machines):
    flags = ["--optimizer", "sgd", "--learning-rate", "1e30", "--loss", "squared-error"]
    machines = new_machines(["mnist_mlp.py", *flags], 1)
    chief, worker = machines.start("chief"), machines.start("worker")
    assert (chief.end(), worker.end()) == (1, 1)
    assert "the loss is no longer a finite number below a million" in chief.text
    assert re.search(r"Error: the chief at 127\S+ has stopped: the loss is no", worker.text)
    assert "Traceback" not in chief.text + worker.text


@pytest.mark.slow
def test_ctrl_c_ends_chief_and_worker(new_machines):
    """The chief writes a checkpoint; the worker waits for it to come back, until its own Ctrl-C."""
    machines = new_machines(["mnist_softmax.py", *TINY, "--epochs", "1000"], 1)
    chief, worker = machines.start("chief"), machines.start("worker")
    chief.until(r"\n +3 ")
    chief.process.send_signal(signal.SIGINT)
    assert chief.end() == 130
    assert "; checkpoint saved. Continue with: " in chief.text
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
    machines.cluster["worker"] = ["192.0.2.1:2222"]  # an address for examples, which no machine has
    worker = machines.start("worker")
    assert worker.end() == 1
    assert "cannot be used on this machine: Cannot assign requested address" in worker.text


# Machines with an address and a cable of their own.


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
def test_hosts_train_as_one_and_survive_a_cut_cable(hosts, new_machines, tmp_path):
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
