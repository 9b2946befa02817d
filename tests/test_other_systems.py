"""Nothing needs Linux: training, predicting and comparing where other systems have less.

A new process, from which is taken what Windows or macOS lacks, before anything of ours is imported.
What cannot be taken is the file system's: `os.name` stays, so that paths are those of Linux, and
TensorFlow, NumPy and Matplotlib are imported as Linux's, since they are built for it.
"""

import io
import os
import re
import sys
from importlib import metadata

from common import UserError
from common.parallel.cluster.server import start_server
from common.process import arguments, machine, streams

import idx_files
import pytest
import shell

# Modules, functions and signals that are missing on Windows; macOS lacks some of them, too.
MODULES = ["fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "readline"]
FUNCTIONS = ["chown", "chroot", "fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid"]
FUNCTIONS += ["getgid", "getgroups", "getloadavg", "getpgid", "getuid", "killpg", "lchown"]
FUNCTIONS += ["memfd_create", "mkfifo", "mknod", "nice", "openpty", "posix_fadvise", "pread"]
FUNCTIONS += ["pwrite", "sched_getaffinity", "sched_setaffinity", "sendfile", "setsid", "setuid"]
FUNCTIONS += ["statvfs", "sync", "sysconf", "O_NOFOLLOW"]
SIGNALS = ["SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP"]
SIGNALS += ["SIGTSTP", "SIGUSR1", "SIGUSR2", "SIGWINCH"]
TAKE_AWAY = f"""
import asyncio, importlib.abc, os, signal, sys, warnings  # asyncio, too, is Linux's

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in {MODULES}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

def refuse(event, arguments):
    reading = event in ("open", "os.listdir", "os.scandir")
    if reading and str(arguments[0]).startswith(("/proc", "/sys")):
        raise PermissionError(13, "Permission denied", arguments[0])

sys.meta_path.insert(0, Missing())
sys.addaudithook(refuse)
for place, names in ((os, {FUNCTIONS}), (signal, {SIGNALS})):
    for name in names:
        if hasattr(place, name):
            delattr(place, name)
for name in {MODULES}:
    sys.modules.pop(name, None)
"""
PROGRAM = """
import urllib.request  # asks macOS for its settings if it finds itself there
# Text whose encoding is left to the system is read otherwise on Windows.
warnings.filterwarnings("ignore", category=EncodingWarning)
warnings.filterwarnings("error", category=EncodingWarning, module=r"(common|mnist_)")
warnings.filterwarnings("ignore", message="only soft file lock")
import common
import matplotlib.figure, numpy, scipy.ndimage, sklearn.metrics, tensorflow, PIL.Image
data, folder, picture = sys.argv[1:]
import mnist_softmax, mnist_cnn
from common import compare, predict, runs

def flags(name, *more):
    return [*more, "--data-dir", data, "--output-dir", f"{folder}/{name}"]

sys.platform = "darwin"
run = "compare/runs/mnist_softmax_--epochs_2_--decay_constant/seed-0"
mnist_softmax.main(flags(run, "--epochs", "1", "--decay", "constant"))
line = "mnist_softmax.py --epochs 2 --decay constant"  # goes on with the run
results = compare.main(flags("compare", "--only", "--run", line, "--seeds", "1"))
assert results["models"][0]["epochs"] == 2
sys.platform = "win32"
mnist_cnn.main(flags("cnn", "--iterations", "2", "--conv", "3x4", "--fc", "8"))
answers = predict.main([picture, "--model", f"{folder}/cnn", "--explain", "--output-dir", folder])
assert len(answers) == 1
rows = runs.main([folder, "--plot", f"{folder}/curves.png"])
assert [row["state"] for row in rows] == ["finished"] * 2
"""


def test_a_system_without_what_only_linux_has(tmp_path):
    data = idx_files.write_data_set(tmp_path / "data", 88, 20, (28, 28))
    program = shell.as_script(TAKE_AWAY + PROGRAM)
    flags = ["-X", "warn_default_encoding", "-c", program]
    picture = shell.REPOSITORY / "docs" / "pictures" / "photo.jpg"
    output, errors = shell.run(*flags, data, tmp_path, picture)
    # Python on Linux has no other locks than those of fcntl.
    unlocked = r"^.* cannot be locked \(.*\): see that no other run writes to it\.$"
    assert re.search(unlocked, errors, re.MULTILINE)
    # TensorFlow's own log lines come and go; Python's warnings and errors would be ours.
    assert not re.search(r"Traceback|\w+Warning: ", errors), errors
    assert output.count("Accuracy on Test-Set: ") == 2  # that of the comparison stands in a file
    for file in ("compare/results.json", "cnn/saved_model/saved_model.pb", "curves.png"):
        assert (tmp_path / file).stat().st_size > 500


def test_a_line_is_quoted_as_the_shell_of_the_system_needs_it(monkeypatch):
    words = ["python", "mnist_cnn.py", "--output-dir", "my runs"]
    assert arguments.command_line(words) == "python mnist_cnn.py --output-dir 'my runs'"
    with monkeypatch.context() as patch:
        patch.setattr(os, "name", "nt")
        line = arguments.command_line([*words[:-1], r"C:\my runs"])
    assert line == r'python mnist_cnn.py --output-dir "C:\my runs"'


def test_a_console_that_takes_no_bytes_stays(capsys):
    """As that of Windows, whose text would not arrive as Unicode otherwise."""
    console = io.TextIOWrapper(io.BytesIO(), "cp1252")
    assert streams._guarded(console, 1) is console
    console.write("5 × 5 → ±")
    console.flush()
    assert console.buffer.getvalue() == "5 × 5 -> ±".encode("cp1252")


def test_the_machine_has_a_name_where_linux_does_not_give_one(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    without = machine.describe_machine()
    (tmp_path / "cpuinfo").mkdir()  # cannot be read
    assert machine.describe_machine() == without
    assert re.fullmatch(r"\d+ cores? of \S.*, Python 3\.\d+\.\d+, TensorFlow 2\.\d+\.\d+", without)
    assert machine.has_bfloat16()


def test_tensorflow_may_come_from_another_package(monkeypatch):
    version = metadata.version

    def of_others(name):
        if name == "tensorflow":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", of_others)
    monkeypatch.setattr(metadata, "packages_distributions", lambda: {"tensorflow": ["numpy"]})
    assert machine.describe_machine().endswith(f", TensorFlow {version('numpy')}")
    monkeypatch.setattr(metadata, "packages_distributions", dict)
    assert machine.describe_machine().endswith(", TensorFlow of an unknown version")


def test_several_machines_need_linux(monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(UserError, match=r"needs Linux.*TF_CONFIG"):
        patch.setattr(sys, "platform", "darwin")
        start_server(None)
