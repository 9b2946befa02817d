"""common/run/files.py: whole files or none, and locks; on real folders and real full disks."""

import errno
import fcntl
import os
import subprocess
import threading

from common import UserError
from common.run.files import (
    atomic_folder,
    atomic_path,
    explained,
    is_locked,
    lock_folder,
    require_writable_folder,
    write_json,
)

import pytest


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "notes.txt"
    with atomic_path(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.suffix == ".txt"
    assert path.read_text() == "whole"
    assert names_in(path.parent) == ["notes.txt"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, failure):
    path = tmp_path / "notes.txt"
    path.write_text("old")
    with pytest.raises(failure), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise failure
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["notes.txt"]


def test_a_full_disk_is_a_sentence_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "metrics.json"
    write_json(path, {"old": 1})
    with (
        pytest.raises(UserError, match=r"cannot write .*metrics.json: No space left on device\."),
        atomic_path(path) as temporary,
    ):
        temporary.write_text("{")
        with open("/dev/full", "w") as full:  # noqa: PTH123 - the device that is always full
            full.write("x")
    assert '"old": 1' in path.read_text()
    assert names_in(tmp_path) == ["metrics.json"]


def test_space_is_asked_for_only_where_it_lacks(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for name in ("file/a.json", "folder", f"{'a' * 300}.json"):
        with pytest.raises(UserError, match=r"\. Choose another name or folder;"):
            write_json(tmp_path / name, {})
    with pytest.raises(UserError, match=r"Free some space or choose"), explained("a"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_folder_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "model"
    for text in ("first", "second"):
        with atomic_folder(path) as temporary:
            temporary.mkdir()
            (temporary / text).write_text(text)
        assert names_in(path) == [text]
    assert names_in(tmp_path) == ["model"]


def test_a_failure_leaves_the_old_folder(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").write_text("old")
    with pytest.raises(UserError, match="cannot write"), atomic_folder(path) as temporary:
        temporary.mkdir()
        raise OSError(28, os.strerror(28))
    assert names_in(tmp_path) == ["model"]
    assert names_in(path) == ["old"]


def test_an_old_folder_comes_back_where_the_new_one_cannot_be_renamed(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").write_text("old")
    with pytest.raises(UserError, match="cannot write"), atomic_folder(path):
        pass  # the writer has made no folder; on Windows a program may also hold it open
    assert names_in(tmp_path) == ["model"]
    assert names_in(path) == ["old"]


def test_an_output_directory_must_be_a_folder_that_can_be_written(tmp_path):
    assert require_writable_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    folders = [tmp_path / "file", tmp_path / "file" / "below", "/proc/nothing"]
    folders.append(tmp_path / "no UTF-8: \udcff")  # Python reads file names of any bytes
    folders += [tmp_path / name / "run" for name in ("a[1]", "b*", "c?", "d\\e")]
    for folder in folders:
        with pytest.raises(UserError, match=r"cannot write to the output directory .*--output-dir"):
            require_writable_folder(folder)
    assert names_in(tmp_path) == ["a", "file"]


# Locks.


def test_a_second_run_is_refused_until_the_first_one_ends(tmp_path):
    first = lock_folder(tmp_path)
    with pytest.raises(UserError, match=r"^a session of this program is open .*--output-dir\.$"):
        lock_folder(tmp_path)
    assert is_locked(tmp_path)
    first.close()
    assert not is_locked(tmp_path)
    lock_folder(tmp_path).close()
    assert not is_locked(tmp_path / "nowhere")


@pytest.mark.parametrize("look", [lambda folder: lock_folder(folder).close(), is_locked])
def test_who_only_looks_at_a_lock_keeps_no_run_out(tmp_path, look):
    """`is_locked` of another process holds the lock for a moment."""
    first = lock_folder(tmp_path)
    end = threading.Timer(0.05, first.close)
    end.start()
    assert not look(tmp_path)
    end.join()


@pytest.fixture
def read_only_lock(tmp_path):
    """A `.lock` that may be read, but not written."""
    path = tmp_path / ".lock"
    path.touch()
    if os.geteuid():
        path.chmod(0o444)
        yield
        return
    commands = [["--bind", path, path], ["-o", "remount,bind,ro", path]]
    for command in commands:  # root may write every file, but not on a disk that is read-only
        if subprocess.run(["mount", *command], capture_output=True).returncode:
            pytest.skip("mounting takes more rights")
    yield
    subprocess.run(["umount", path], check=True)


def assert_cannot_lock(folder, reason):
    with pytest.raises(UserError) as error:
        lock_folder(folder)
    sentence = str(error.value)
    assert sentence.startswith(f"cannot write {folder}/.lock: {reason}. ")
    assert "another run" not in sentence
    assert "\n" not in sentence


@pytest.mark.usefixtures("read_only_lock")
def test_a_lock_that_may_not_be_written_is_a_sentence(tmp_path):
    assert_cannot_lock(tmp_path, "Permission denied" if os.geteuid() else "Read-only file system")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (lambda path: path.symlink_to("/nowhere/.lock"), "No such file or directory"),
    ],
)
def test_a_lock_that_cannot_be_opened_is_a_sentence(tmp_path, make, reason):
    make(tmp_path / ".lock")
    assert_cannot_lock(tmp_path, reason)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO])
def test_a_file_system_without_locks_is_not_another_run(tmp_path, monkeypatch, capsys, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    lock_folder(tmp_path).close()
    assert not is_locked(tmp_path)
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith(f"{tmp_path} cannot be locked ({os.strerror(number)}): ")
    assert "another run" not in errors
    assert errors.count("\n") == 1
