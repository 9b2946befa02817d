"""The internet → the four files of MNIST: their names, their checksums, and how to get them.

`fetch` brings one file that is missing: downloaded within limits, verified with idx.py, and only
then put in its place.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from common.datasets.idx import BadContentError, DataError, read_content
from common.run.files import atomic_path

from tqdm import tqdm

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"

# SHA-256 of what is inside the .gz files of MNIST: the compressed bytes differ between mirrors.
CHECKSUMS = {
    TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)

CHUNK_BYTES = 1024**2  # 1 MiB at most is received at a time
MAX_DOWNLOAD_BYTES = 16 * 1024**2  # 16 MiB: the largest of the four files has 9.9 MB
STALL_SECONDS = 20.0  # a mirror that sends nothing for so long is given up
MAX_DOWNLOAD_SECONDS = 600.0  # and so is one that sends, but only in drops


def fetch(name: str, folder: Path | str, mirrors: Iterable[str] = MIRRORS) -> Path:
    """Download one of MNIST's files and keep it only if it is intact.

    Args:
        name: a key of CHECKSUMS.
        folder: where the file goes; created when missing.
        mirrors: URLs that end in a slash, tried in this order.

    Returns:
        the path of the file.

    Raises:
        DataError: no mirror sent the right file; nothing is kept.
        UserError: the folder cannot be written.
    """
    target = Path(folder) / name
    problems = []
    for mirror in mirrors:
        try:
            with atomic_path(target) as temporary:
                with temporary.open("wb") as file:
                    for chunk in _download(mirror + name):
                        file.write(chunk)
                read_content(temporary, CHECKSUMS[name])
        except BadContentError as problem:
            # A server chooses some of these words: no line breaks, terminal codes or long texts.
            words = "".join(char if char.isprintable() else " " for char in str(problem))
            problems.append(f"{mirror}{name} {' '.join(words.split())[:300]}")
        else:
            return target
    present = {path.name for path in target.parent.glob("*")}
    missing = [other for other in CHECKSUMS if other not in present]
    raise DataError(
        f"cannot download {name}: {'; '.join(problems) or 'no mirror is known'}. Connect to the "
        f"internet and run again, or place {', '.join(missing)} in {target.parent} yourself."
    )


def _download(url: str) -> Iterator[bytes]:
    """Yield what a URL sends, under a progress bar if a person is watching.

    Trouble with the network becomes a BadContentError in here, so that an OSError outside this
    generator is the disk's.
    """
    deadline = time.monotonic() + MAX_DOWNLOAD_SECONDS
    received = 0
    opener = urllib.request.build_opener(_HttpsStaysHttps)
    try:
        with (
            opener.open(url, timeout=STALL_SECONDS) as response,
            tqdm(
                desc=url.rpartition("/")[2],
                total=response.length,
                unit="B",
                unit_scale=True,
                disable=None,  # None: no bar where stderr is not a terminal
            ) as bar,
        ):
            # read1 returns after one packet, so a slow sender cannot hold us past the deadline.
            while chunk := response.read1(CHUNK_BYTES):
                received += len(chunk)
                if received > MAX_DOWNLOAD_BYTES:
                    raise BadContentError(f"sends more than {MAX_DOWNLOAD_BYTES:,} bytes")
                if time.monotonic() > deadline:
                    raise BadContentError(f"takes more than {MAX_DOWNLOAD_SECONDS:g} seconds")
                bar.update(len(chunk))
                yield chunk
    except urllib.error.HTTPError as error:
        error.close()
        raise BadContentError(f"answers {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)  # the cause inside urllib's URLError
        raise BadContentError(f"cannot be read ({reason})") from None


class _HttpsStaysHttps(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but not from https to where somebody in between could listen."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Refuse a new URL that leaves https, ask the ordinary handler about all others."""
        if urlsplit(newurl).scheme not in ("https", req.type):
            reason = f"{msg}, a redirect to {newurl} that is refused because it is not https"
            raise urllib.error.HTTPError(req.full_url, code, reason, headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
