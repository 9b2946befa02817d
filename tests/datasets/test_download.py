"""common/datasets/download.py: MNIST's files and their checksums; mirrors, good and misbehaving."""

import errno
import gzip
import hashlib
import os
import resource
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

from common import UserError
from common.datasets import download
from common.datasets.download import CHECKSUMS, fetch
from common.datasets.idx import DataError

import pytest
import shell
import terminal
from idx_files import MNIST, REPOSITORY, TEST_LABELS, sentence_of
from mirrors import GOOD_BYTES, serving

# The real files.


def test_checksums_here_and_in_the_readme_are_those_of_the_files():
    text = (REPOSITORY / "data" / "README.md").read_text()
    for name, checksum in CHECKSUMS.items():
        compressed = (MNIST / name).read_bytes()
        content = gzip.decompress(compressed)
        assert hashlib.sha256(content).hexdigest() == checksum
        assert checksum in text
        assert hashlib.sha256(compressed).hexdigest() in text
        assert f"{len(compressed):,}" in text
        assert f"{len(content):,}" in text


# The download.


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with serving() as server:
        yield server


MISBEHAVIOURS = {
    "403": "answers 403 Forbidden",
    "404": "answers 404 Not Found",
    "escape-codes": r"answers 500 \[2J \[31mformat your disk!{9,300}\. Connect",
    "500": "answers 500 Internal Server Error",
    "204": "is empty",
    "html": r"is not an IDX file: .*\(a web page\?\)",
    "empty": "is empty",
    "cut": "cut short: its gzip data have no end",
    "cut-early": "cut short: its gzip data have no end",
    "cut-chunk": "cannot be read",
    "flipped": "is damaged: its gzip data|SHA-256",
    "wrong": "is not the file of MNIST: its SHA-256 is [0-9a-f]{64}, not ff7bcfd4",
    "trailing": "is damaged: its gzip data",
    "endless": "sends more than 16,777,216 bytes",
    "endless-gzip": "sends more than 16,777,216 bytes",
    "drops": "takes more than 0.5 seconds",
    "silent": r"cannot be read \(timed out\)",
    "stalled": r"cannot be read \(timed out\)",
    "hang-up": "cannot be read .*closed connection without response",
    "no-http": "cannot be read .*220 mail.example.org",
    "redirect-in-a-circle": "answers 302 .*infinite loop",
    "redirect-to-ftp": "answers 302 Found, a redirect to ftp:.* because it is not https",
    "redirect-to-disk": "answers 302 .* not allowed",
    "redirect-to-nonsense": "cannot be read",
}


SLOW = {  # which limit ends them, shortened
    "drops": ("MAX_DOWNLOAD_SECONDS", 0.5),
    "silent": ("STALL_SECONDS", 0.5),
    "stalled": ("STALL_SECONDS", 0.5),
}


@pytest.mark.parametrize("behaviour", MISBEHAVIOURS)
def test_a_bad_mirror_is_passed_over_and_nothing_of_it_kept(
    server, tmp_path, monkeypatch, behaviour
):
    if behaviour in SLOW:
        monkeypatch.setattr(download, *SLOW[behaviour])
    folder = tmp_path / "new" / "folder"
    bad, good = f"{server.url}/{behaviour}/", f"{server.url}/good/"
    with pytest.raises(DataError, match=MISBEHAVIOURS[behaviour]) as error:
        fetch(TEST_LABELS, folder, [bad])
    message = sentence_of(error)
    assert f"cannot download {TEST_LABELS}: {bad}{TEST_LABELS} " in message
    assert f"place {', '.join(CHECKSUMS)} in {folder} yourself" in message
    assert list(folder.iterdir()) == []

    if behaviour in SLOW:  # so short a limit is not for a good mirror, and the others prove it
        return
    assert fetch(TEST_LABELS, folder, [bad, good]) == folder / TEST_LABELS
    assert [path.name for path in folder.iterdir()] == [TEST_LABELS]
    assert (folder / TEST_LABELS).read_bytes() == GOOD_BYTES


@pytest.mark.parametrize("behaviour", ["good", "without-length", "redirect"])
def test_a_good_mirror_is_used_in_silence_where_nobody_watches(server, tmp_path, capfd, behaviour):
    path = fetch(TEST_LABELS, tmp_path, [f"{server.url}/{behaviour}/"])
    assert path.read_bytes() == GOOD_BYTES
    assert capfd.readouterr() == ("", "")


def test_an_endless_sender_is_hung_up_on(server, tmp_path):
    with pytest.raises(DataError, match="sends more than"):
        fetch(TEST_LABELS, tmp_path, [f"{server.url}/endless/"])
    assert server.hung_up.wait(5)


def test_no_server_at_all(tmp_path):
    with serving() as server:
        pass
    with pytest.raises(DataError, match="Connection refused") as error:
        fetch(TEST_LABELS, tmp_path, [f"{server.url}/good/", f"{server.url}/good2/"])
    assert "/good/" in sentence_of(error)
    assert "/good2/" in sentence_of(error)
    with pytest.raises(DataError, match="no mirror is known"):
        fetch(TEST_LABELS, tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def test_no_host_of_that_name(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(DataError, match="cannot be read"):
        fetch(TEST_LABELS, tmp_path, ["https://mirror.invalid/"])


def test_what_was_there_stays_if_the_download_fails(server, tmp_path):
    (tmp_path / TEST_LABELS).write_bytes(b"old")
    with pytest.raises(DataError):
        fetch(TEST_LABELS, tmp_path, [f"{server.url}/wrong/"])
    assert (tmp_path / TEST_LABELS).read_bytes() == b"old"


def test_a_full_disk_is_not_blamed_on_the_mirror(server, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    try:
        with pytest.raises(UserError, match=os.strerror(errno.EFBIG)) as error:
            fetch(TEST_LABELS, tmp_path, [f"{server.url}/good/"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(error.value).startswith(f"cannot write {tmp_path / TEST_LABELS}: ")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl program to make a certificate")
    path = tmp_path_factory.mktemp("certificate") / "both.pem"
    command = "openssl req -x509 -nodes -newkey rsa:2048 -days 2 -subj /CN=127.0.0.1 -addext"
    subprocess.run(
        [*command.split(), "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out", "cert.pem"],
        cwd=path.parent,
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + (path.parent / "cert.pem").read_bytes())
    return path


def test_a_redirect_from_https_stays_on_https(server, certificate, tmp_path, monkeypatch):
    with serving(certificate) as secure:
        secure.plain_url = server.url
        with pytest.raises(DataError, match="certificate verify failed"):
            fetch(TEST_LABELS, tmp_path, [f"{secure.url}/good/"])
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with pytest.raises(DataError, match=r"redirect to http://127\.0.* that is refused"):
            fetch(TEST_LABELS, tmp_path, [f"{secure.url}/redirect-to-plain-http/"])
        assert list(tmp_path.iterdir()) == []
        assert fetch(TEST_LABELS, tmp_path, [f"{secure.url}/redirect/"]).exists()


@pytest.mark.parametrize(
    ("old", "new", "is_followed"),
    [
        ("https://a.org/x", "https://b.org/x", True),
        ("https://a.org/x", "HTTPS://b.org/x", True),
        ("http://a.org/x", "https://b.org/x", True),
        ("https://a.org/x", "http://a.org/x", False),
        ("https://a.org/x", "ftp://a.org/x", False),
        ("http://a.org/x", "ftp://a.org/x", False),
    ],
)
def test_which_redirects_are_followed(old, new, is_followed):
    request = urllib.request.Request(old)
    arguments = (request, None, 302, "Found", {}, new)
    if is_followed:
        assert download._HttpsStaysHttps().redirect_request(*arguments).full_url == new
    else:
        with pytest.raises(urllib.error.HTTPError, match="refused"):
            download._HttpsStaysHttps().redirect_request(*arguments)


def test_mirrors_are_asked_over_https():
    assert all(
        mirror.startswith("https://") and mirror.endswith("/") for mirror in download.MIRRORS
    )


FETCH = """
import sys
from common.datasets.download import fetch
fetch(sys.argv[1], sys.argv[2], sys.argv[3:])
"""


def test_ctrl_c_during_the_download_leaves_nothing(server, tmp_path):
    arguments = [TEST_LABELS, tmp_path, f"{server.url}/stalled/"]
    process = shell.start("-c", shell.as_script(FETCH), *arguments)
    assert server.stalled.wait(20)
    assert len(list(tmp_path.iterdir())) == 1  # the temporary file
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20)[1].strip() == "Interrupted."
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_sees_a_progress_bar(server, tmp_path):
    shown = terminal.run("-c", FETCH, TEST_LABELS, tmp_path, f"{server.url}/good/")
    assert f"{TEST_LABELS}: 100%" in shown
