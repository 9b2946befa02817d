"""TF_CONFIG → the tasks of a cluster; a server listens at its own address only."""

import json
import re

import mnist_softmax
from common import UsageError, UserError
from common.parallel.cluster.config import Cluster, Task, read_cluster
from common.parallel.cluster.server import start_server
from common.parallel.cluster.waiting import is_reachable

import pytest
from cluster_processes import free_ports

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
    assert [task.address for task in found.variable_tasks] == ["p:1"]
    assert (found.wait, found.asynchronous) == (300, False)


def test_without_a_chief_worker_0_is_the_chief():
    config = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    found = read_cluster({"TF_CONFIG": json.dumps(config)})
    assert found.me == found.chief
    assert [task.address for task in found.variable_tasks] == ["a:1"]


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
        (
            {"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}},
            "no process would train",
        ),
        ({"cluster": {"chief": []}, "task": CHIEF}, "no process would train"),
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
