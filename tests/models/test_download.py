"""A file from the network: it goes on where it was cut off, and has its name only once it is whole and checked."""

import errno
import hashlib
import os
from pathlib import Path

import pytest
from server import serving

from course_utils.models import fetch as home
from course_utils.models.fetch import download

CONTENT = os.urandom(3_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def host(tmp_path):
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "net.pth").write_bytes(CONTENT)
    with serving(tmp_path / "host") as (address, settings):
        yield address, settings


def fetch(address: str, path: Path, digest: str = DIGEST[:8]) -> Path:
    return download(f"{address}/net.pth", path, size=len(CONTENT), digest=digest)


def test_what_was_sent_lies_under_its_name_and_nothing_beside_it(host, tmp_path):
    path = fetch(host[0], tmp_path / "deep" / "cache" / "net.pth")
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


def test_a_broken_connection_leaves_nothing_under_the_name_and_the_next_attempt_goes_on(host, tmp_path):
    address, settings = host
    path = tmp_path / "net.pth"
    settings.breaks_after = 2_000_000
    with pytest.raises(OSError, match=r"broke after 2 MB of 3 MB.*The same command goes on where it stopped"):
        fetch(address, path)
    assert not path.exists() and (tmp_path / "net.pth.part").stat().st_size == 2_000_000
    settings.breaks_after = None
    assert fetch(address, path).read_bytes() == CONTENT
    assert settings.asked[-1] == "GET /net.pth bytes=2000000-"
    assert not (tmp_path / "net.pth.part").exists()


def test_a_host_that_cannot_go_on_in_the_middle_sends_all_again(host, tmp_path):
    host[1].knows_ranges = False
    (tmp_path / "net.pth.part").write_bytes(CONTENT[:1000])
    assert fetch(host[0], tmp_path / "net.pth").read_bytes() == CONTENT


def test_a_part_that_is_whole_is_not_fetched_again(host, tmp_path):
    (tmp_path / "net.pth.part").write_bytes(CONTENT)
    assert fetch(host[0], tmp_path / "net.pth").read_bytes() == CONTENT


def test_something_else_than_was_asked_for_is_not_kept(host, tmp_path):
    with pytest.raises(ValueError, match=r"not what was asked for .*expected 01234567\); nothing was kept.*log in"):
        fetch(host[0], tmp_path / "net.pth", digest="01234567")
    assert [path.name for path in tmp_path.iterdir()] == ["host"]


def test_no_such_file_there_and_no_such_host(host, tmp_path):
    with pytest.raises(OSError, match=r"other.pth cannot be fetched from 127.0.0.1:\d+: it answers 404"):
        download(f"{host[0]}/other.pth", tmp_path / "other.pth", size=1)
    with pytest.raises(OSError, match=r"cannot be fetched from nowhere.invalid \(.*prefetch --to DIR` on another"):
        download("http://nowhere.invalid/net.pth", tmp_path / "net.pth", size=1)
    assert [path.name for path in tmp_path.iterdir()] == ["host"]


def test_too_little_room_is_said_before_anything_is_fetched(host, tmp_path):
    with pytest.raises(OSError, match=r"1000000.0 GB are needed in .*, and .* free: make room, or name another folder"):
        download(f"{host[0]}/net.pth", tmp_path / "net.pth", size=10**15)
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
def test_what_the_system_refuses_while_writing_is_a_sentence(host, tmp_path, monkeypatch, refusal, says):
    def refuse(*_):
        raise refusal

    monkeypatch.setattr(home.tqdm, "update", refuse)
    with pytest.raises(OSError, match=says):
        fetch(host[0], tmp_path / "net.pth")
    assert not (tmp_path / "net.pth").exists()
