"""One file from the network: it goes on where it was cut off, and has its name only once it is whole and checked."""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlparse
from urllib.request import Request, urlopen

from tqdm import tqdm

from course_utils.models.caches import megabytes

CHUNK = 2**20  # bytes
SECONDS = 30  # without an answer
PART = ".part"


def download(url: str, path: Path, *, size: int, digest: str = "") -> Path:
    """Fetches a file; what was fetched before in vain waits beside it as `NAME.part`, and is gone on with.

    Args:
        size: about how large it is, in bytes: so much has to be free on the disk.
        digest: how its SHA-256 has to begin.

    Raises:
        OSError: no network, no such file there, a connection that broke (says how far it came), no room, no permission.
        ValueError: what came is not what was asked for; it is deleted.
    """
    part = path.with_name(path.name + PART)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        have = part.stat().st_size if part.exists() else 0
        check_room(path.parent, size - have)
        _fetch(url, part, have, path.name)
        found = sha256(part)
        if not found.startswith(digest):
            part.unlink()
            raise ValueError(
                f"what {urlparse(url).netloc} sent as {path.name} is not what was asked for (its SHA-256 begins with "
                f"{found[:8]}, expected {digest}); nothing was kept. A page to log in to the network may have come "
                "instead: open a browser, then try again."
            )
        part.replace(path)
    return path


def _fetch(url: str, part: Path, have: int, name: str) -> None:
    host = urlparse(url).netloc
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urlopen(request, timeout=SECONDS) as answer:
            if answer.status != http.client.PARTIAL_CONTENT:
                have = 0  # the host cannot go on in the middle
            left = int(answer.headers.get("Content-Length") or 0)
            _write(answer, part, have, left, name)
    except HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            return  # all of it was here already; the digest will tell
        raise OSError(f"{name} cannot be fetched from {host}: it answers {error.code} {error.reason}.") from None
    except (URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error or type(error).__name__
        raise OSError(f"{name} cannot be fetched from {host} ({reason}). {ELSEWHERE}") from None


ELSEWHERE = (
    "The same command goes on where it stopped; for a computer without network, "
    "`python -m course_utils prefetch --to DIR` on another one fills a folder that COURSE_CACHE=DIR uses."
)


def _write(answer: http.client.HTTPResponse, part: Path, have: int, left: int, name: str) -> None:
    bar = tqdm(total=have + left or None, initial=have, unit="B", unit_scale=True, desc=name)
    with part.open("ab" if have else "wb") as file, bar:
        for chunk in iter(lambda: answer.read(CHUNK), b""):
            file.write(chunk)
            bar.update(len(chunk))
    came = part.stat().st_size
    if left and came < have + left:
        raise ConnectionError(f"the connection broke after {megabytes(came)} of {megabytes(have + left)}")


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_room(folder: Path, size: int) -> None:
    """Raises OSError if a disk has too little space free for so many bytes."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise OSError(
            f"{megabytes(size)} are needed in {folder}, and {megabytes(free)} are free: make room, or name another "
            "folder with --to DIR or COURSE_CACHE=DIR."
        )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the system refuses while a file is written, as a sentence that names the folder and a way out."""
    another = "name another folder with --to DIR or COURSE_CACHE=DIR"
    try:
        yield
    except PermissionError as error:
        where = error.filename or path.parent
        raise PermissionError(f"{where} may not be written to: {another}.") from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST):
            raise
        reason = os.strerror(error.errno).lower()
        raise OSError(f"{path.name} cannot be written to {path.parent} ({reason}): {another}, or make room.") from None
