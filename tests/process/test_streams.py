"""common/process/streams.py in real processes: closed streams, full devices, other encodings."""

import os
import re
import subprocess
import sys
from pathlib import Path

from common.process.streams import lasting_log

import idx_files
import pytest
import shell

SCRIPTS = ("mnist_softmax.py", "mnist_mlp.py", "mnist_cnn.py")
COMMANDS = ("-m common.compare", "-m common.predict", "-m common.transfer", "-m common.datasets")
COMMANDS += ("-m common.runs",)


def through_shell(command, variables=()):
    """Run a line of shell in which `$PYTHON` is Python: its output and errors as bytes, status."""
    return subprocess.run(
        ["bash", "-c", command],
        cwd=shell.REPOSITORY,
        env=shell.environment({"PYTHON": sys.executable, **dict(variables)}),
        capture_output=True,
        preexec_fn=shell.accept_ctrl_c,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A line that trains on a few small images; the folder of its run is in $RUN."""
    data = idx_files.write_data_set(tmp_path_factory.mktemp("data"), 40, 20, (8, 8))
    return f'"$PYTHON" mnist_softmax.py --data-dir {data} --epochs 1 --output-dir "$RUN"'


PROGRAM = r"""
import common, sys
print("28 \xd7 28")
print("and \u2026 \udcff", file=sys.stderr)
"""


def small(redirection, variables=(), program=PROGRAM):
    """Run a short program that starts and ends as the scripts do."""
    variables = {"PROGRAM": shell.as_script(program), **dict(variables)}
    return through_shell(f'"$PYTHON" -c "$PROGRAM" {redirection}', variables)


@pytest.mark.parametrize(
    ("redirection", "output", "errors", "status"),
    [
        ("", "28 × 28\n", "and … \\udcff\n", 0),
        (">&-", "", "and … \\udcff\n", 0),
        ("2>&-", "28 × 28\n", "", 0),
        ("<&- >&- 2>&-", "", "", 0),
        (">/dev/full", "", "and … \\udcff\nError: the standard output could not be written: No "
         "space left on device. All other files are complete.\n", 1),
        ("2>/dev/full", "28 × 28\n", "", 0),
        (">/dev/full 2>&1", "", "", 1),
    ],
)  # fmt: skip
def test_a_stream_that_is_closed_or_full(redirection, output, errors, status):
    result = small(redirection)
    assert (result.stdout.decode(), result.stderr.decode()) == (output, errors)
    assert result.returncode == status


@pytest.mark.parametrize(
    ("variables", "output"),
    [
        ({"PYTHONIOENCODING": "ascii"}, b"28 x 28\n"),
        ({"PYTHONIOENCODING": "cp437"}, b"28 x 28\n"),
        ({"PYTHONIOENCODING": "koi8-r"}, b"28 x 28\n"),
        ({"PYTHONIOENCODING": "latin-1"}, b"28 \xd7 28\n"),
        ({"PYTHONIOENCODING": "ascii:xmlcharrefreplace"}, b"28 &#215; 28\n"),  # a user's choice
        ({"LC_ALL": "C"}, "28 × 28\n".encode()),  # Python takes it for UTF-8
        ({"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, b"28 x 28\n"),
        ({"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "ascii"}, b"28 x 28\n"),
    ],
)
def test_a_stream_that_is_not_unicode(variables, output):
    result = small("", variables)
    assert result.stdout == output
    assert b"Traceback" not in result.stderr
    assert result.returncode == 0


def test_a_closed_number_is_not_given_to_the_next_file(tmp_path):
    """What compiled code writes to the standard error would end in that file."""
    path = tmp_path / "file"
    program = f"""
import common, os
with open({str(path)!r}, "wb") as file:
    file.write(b"kept")
    file.flush()
    os.write(1, b"lost")
    os.write(2, b"lost")
"""
    assert small("<&- >&- 2>&-", program=program).returncode == 0
    assert path.read_bytes() == b"kept"


def test_a_pipe_that_does_not_wait_gets_all_of_it():
    """Standard output may be a pipe that another program has made non-blocking."""
    program = """
import common, os, sys
os.set_blocking(1, False)
print("x" * 1_000_000)
"""
    result = small("| (sleep 0.3; wc -c)", program=program)
    assert (result.stdout.strip(), result.stderr) == (b"1000001", b"")


def test_a_run_that_cannot_print_is_complete(run, tmp_path):
    """Nor does it mind that Matplotlib refuses the backend of an old profile."""
    variables = {"RUN": str(tmp_path / "run"), "MPLBACKEND": "Qt4Agg"}
    result = through_shell(f"{run} >/dev/full", variables)
    pattern = rb"Error: the standard output could not be written: [^\n]*\n"
    assert re.fullmatch(pattern, result.stderr)
    assert result.returncode == 1
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"metrics.json", "predictions.npy", "saved_model", "images.png"} <= names


def test_a_log_is_continued_and_what_it_lacks_is_complained_of(tmp_path, capsys):
    for text in ("28 × 28", "\udcff"):
        with lasting_log(tmp_path / "log") as log:
            print(text, file=log)
    assert (tmp_path / "log").read_text() == "28 × 28\n\\udcff\n"
    assert capsys.readouterr() == ("", "")
    reasons = {"/dev/full": "No space left on device. Its end is missing.", "/": "Is a directory."}
    for path, reason in reasons.items():
        with lasting_log(Path(path)) as log:
            print("lost", file=log)
        assert capsys.readouterr().err == f"Error: cannot write {path}: {reason}\n"


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp437", "koi8-r", "latin-1"])
def test_a_run_prints_in_any_encoding_what_it_prints_in_unicode(run, tmp_path, encoding):
    outputs = []
    for name in ("utf-8", encoding):
        variables = {"RUN": str(tmp_path / "run"), "PYTHONIOENCODING": name}
        result = through_shell(f"{run} --resume", variables)
        assert (result.stderr, result.returncode) == (b"", 0)
        outputs.append(result.stdout.decode(name).splitlines()[-30:])
    plain = [line.replace("×", "x").replace("…", "...") for line in outputs[0]]
    assert [line.replace("×", "x") for line in outputs[1]] == plain


ENCODINGS = ["ascii", "cp437", "koi8-r", "latin-1", "cp1252", "cp037", "shift_jis", "utf-16"]


@pytest.mark.parametrize(
    ("program", "encoding"),
    [
        (COMMANDS[1], "koi8-r"),
        *(
            pytest.param(program, encoding, marks=pytest.mark.slow)
            for program in (*SCRIPTS, *COMMANDS)
            for encoding in ENCODINGS
        ),
    ],
)
def test_help_in_any_encoding(program, encoding):
    result = through_shell(f'"$PYTHON" {program} --help', {"PYTHONIOENCODING": encoding})
    assert (result.stderr, result.returncode) == (b"", 0)
    assert result.stdout.decode(encoding).startswith("usage: python ")


@pytest.fixture
def no_temporary_folder():
    """The start of a line in which no folder for temporary files can be written."""
    inner = (
        "for f in /tmp /var/tmp /usr/tmp; do "
        "[ ! -d $f ] || { mount --bind $f $f && mount -o remount,bind,ro $f; } || exit 1; done"
    )
    prefix = f"unshare -m bash -c '{inner}; cd /proc; exec \"$@\"' -"
    if os.geteuid() or through_shell(f"{prefix} true").returncode:
        pytest.skip("mounting takes more rights")
    return prefix


@pytest.mark.slow
def test_without_a_folder_for_temporary_files_a_command_runs(no_temporary_folder):
    program = "import tempfile, common, tensorflow; print(1)"
    variables = {"PROGRAM": shell.as_script(program), "HOME": "/proc", "TMPDIR": "/proc"}
    result = through_shell(f'{no_temporary_folder} "$PYTHON" -c "$PROGRAM"', variables)
    assert (result.stdout, result.stderr, result.returncode) == (b"1\n", b"", 0)
