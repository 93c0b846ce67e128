"""The weights of a classifier, from the network: they have their name only once they are whole and checked."""

import errno
import hashlib
import os
import shutil

import pytest
import torch
from server import serving

from course_utils.models import caches
from course_utils.models.caches import Source
from course_utils.models.fetch import fetch_checkpoint

CONTENT = os.urandom(3_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def host(tmp_path):
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "net.pth").write_bytes(CONTENT)
    with serving(tmp_path / "host") as (address, settings):
        yield address, settings


@pytest.fixture
def fetch(host, tmp_path, monkeypatch):
    """Fetches `net` into a folder."""
    here, cache = host[0], tmp_path / "cache"

    def fetch(address=here, file="net.pth", digest=DIGEST[:8], size=3_000_000, folder=cache):
        monkeypatch.setattr(caches, "source", lambda name: Source(f"{address}/{file}", file, digest, size))
        return fetch_checkpoint("net", folder)

    return fetch


def test_what_was_sent_lies_under_its_name_and_nothing_beside_it(fetch, tmp_path, capsys):
    path = fetch(folder=tmp_path / "deep" / "cache")
    assert path == tmp_path / "deep" / "cache" / "net.pth" and path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]
    said = capsys.readouterr().out
    assert said.startswith("net: 3 MB from http://127.0.0.1") and said.endswith(f"/net.pth to {path.parent}\n")


def test_a_broken_connection_leaves_nothing_and_the_next_attempt_succeeds(host, fetch, tmp_path):
    host[1].breaks_after = 2_000_000
    with pytest.raises(ValueError, match=r"not what was asked for .*nothing was kept\. The connection broke, or"):
        fetch()
    assert list((tmp_path / "cache").iterdir()) == []
    host[1].breaks_after = None
    assert fetch().read_bytes() == CONTENT


def test_something_else_than_was_asked_for_is_not_kept(fetch, tmp_path):
    with pytest.raises(ValueError, match=r"not what was asked for .*01234567.*; nothing was kept.*log in"):
        fetch(digest="01234567")
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_such_file_there_and_no_such_host(fetch, tmp_path):
    with pytest.raises(OSError, match=r"other.pth cannot be fetched from 127.0.0.1:\d+: it answers 404"):
        fetch(file="other.pth")
    with pytest.raises(OSError, match=r"cannot be fetched from nowhere.invalid \(.*prefetch --to DIR` on another"):
        fetch(address="http://nowhere.invalid")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_host_that_does_not_answer_in_time_is_a_sentence(fetch, monkeypatch):
    def nobody(*_, **__):
        raise TimeoutError("timed out")

    monkeypatch.setattr(torch.hub, "urlopen", nobody)
    with pytest.raises(OSError, match=r"net.pth cannot be fetched from 127.0.0.1:\d+ \(timed out\)\. "):
        fetch()


def test_too_little_room_is_said_before_anything_is_fetched(host, fetch):
    with pytest.raises(OSError, match=r"1000000.0 GB are needed in .*, and .* free: make room, or name another folder"):
        fetch(size=10**15)
    assert host[1].asked == []


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), r"net.pth cannot be written to .*no space left on device"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS)), r"read-only file system\): name another folder with --to DIR"),
        (PermissionError(errno.EACCES, "Permission denied", "/there"), r"/there may not be written to: name another"),
    ],
    ids=["full", "read-only", "forbidden"],
)
def test_what_the_system_refuses_while_writing_is_a_sentence(fetch, tmp_path, monkeypatch, refusal, says):
    def refuse(*_):
        raise refusal

    monkeypatch.setattr(shutil, "move", refuse)  # by which torch.hub gives the file its name
    with pytest.raises(OSError, match=says):
        fetch()
    assert list((tmp_path / "cache").iterdir()) == []
