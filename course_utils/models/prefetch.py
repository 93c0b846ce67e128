"""`python -m course_utils prefetch`: the weights of pretrained models onto this computer, or into a folder for others.

Torch hub's and Hugging Face's own layouts and file names, so that what another program has fetched is found, and what
is fetched here is found by others.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from course_utils.messages import unknown
from course_utils.models.caches import (
    hugging_face_folder,
    hugging_face_folders,
    megabytes,
    torch_folder,
    torch_folders,
)
from course_utils.models.download import PART, check_room, download, writing
from course_utils.models.hugging_face import OWNERS, is_hub_name, repository, snapshot, whole
from course_utils.models.hugging_face_download import fetch_snapshot, flatten
from course_utils.models.pretrained import check_digest, checkpoint, source, torchvision_names

CHAPTERS = ("resnet50", "gpt2")  # what the chapters' sections on real models run on


def prefetch(names: Sequence[str] = (), *, to: Path | None = None) -> list[Path]:
    """Sees to it that models are on this computer, or in a folder; says what, from where, how large and where to.

    Args:
        names: of torchvision or Hugging Face; those of the chapters if none is given.
        to: a folder to be copied to other computers, where COURSE_CACHE names it; None: this computer's own caches (or
            the one that COURSE_CACHE names).

    Returns:
        Where each lies: a file, or a folder.

    Raises:
        ValueError: an unknown name (offers close ones), before anything is fetched; a file that is not what was asked.
        OSError: no network, no room, no permission.
    """
    names = list(dict.fromkeys(names or CHAPTERS))
    for name in names:
        if not is_hub_name(name) and name not in torchvision_names():
            raise ValueError(unknown("pretrained model", name, [*OWNERS, *torchvision_names()]))
    found = [_language_model(name, to) if is_hub_name(name) else _classifier(name, to) for name in names]
    if to is not None:
        print(f"{to} can be copied to other computers; there, set COURSE_CACHE to where it lies.")
    return found


def _classifier(name: str, to: Path | None) -> Path:
    folder = torch_folders()[0] if to is None else torch_folder(to)
    here, path = checkpoint(name), folder / source(name).file
    if not path.exists() and here is not None and to is not None:
        return _copied(name, here, path)
    found = path if path.exists() else here
    if found is not None and _sound(name, found):
        print(f"{name}: is in {found}, and whole")
        return found
    return fetch_classifier(name, folder)


def _sound(name: str, path: Path) -> bool:
    """Whether a file is what it should be; one that is not is deleted, to be fetched again."""
    try:
        check_digest(path, source(name).digest, "")
    except ValueError:
        print(f"{name}: {path} is damaged, it is fetched again")
        with writing(path):
            path.unlink()
        return False
    return True


def _copied(name: str, here: Path, path: Path) -> Path:
    print(f"{name}: {megabytes(here.stat().st_size)} from {here} to {path.parent}")
    check_digest(here, source(name).digest, f"delete it, then python -m course_utils prefetch {name}")
    part = path.with_name(path.name + PART)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        check_room(path.parent, here.stat().st_size)
        shutil.copyfile(here, part)
        part.replace(path)
    return path


def fetch_classifier(name: str, folder: Path) -> Path:
    """Fetches the weights of a classifier of torchvision into a folder, and says so.

    Raises:
        OSError, ValueError: as `course_utils.models.download.download`.
    """
    url, file, digest, size = source(name)
    print(f"{name}: {megabytes(size)} from {url} to {folder}")
    return download(url, folder / file, size=size, digest=digest)


def _language_model(name: str, to: Path | None) -> Path:
    here = snapshot(name)
    if to is None:
        if here is not None and whole(here):
            print(f"{name}: is in {here}, and whole")
            return here
        return fetch_language_model(name, hugging_face_folders()[0])
    root = hugging_face_folder(to)
    there = snapshot(name, [root])
    if there is None and here is not None and whole(here):
        there = _copied_snapshot(name, here, root)
    there = there or fetch_language_model(name, root)
    flatten(there)
    print(f"{name}: is in {there}, and whole")
    return there


def _copied_snapshot(name: str, here: Path, root: Path) -> Path:
    own = root / f"models--{repository(name).replace('/', '--')}"
    there = own / "snapshots" / here.name
    size = sum(path.stat().st_size for path in here.rglob("*") if path.is_file())
    print(f"{name}: {megabytes(size)} from {here} to {own}")
    part = there.with_name(there.name + PART)
    with writing(there):
        part.parent.mkdir(parents=True, exist_ok=True)
        check_room(part.parent, size)
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(here, part)  # links become files
        part.replace(there)
        (own / "refs").mkdir(exist_ok=True)
        (own / "refs" / "main").write_text(here.name)
    return there


def fetch_language_model(name: str, folder: Path) -> Path:
    """Fetches a language model into a folder that is laid out as Hugging Face's cache, and says so.

    Raises:
        OSError: no network, no such model, no room, no permission.
        ValueError: its weights are pickles only, or are not what was asked for.
    """
    return fetch_snapshot(repository(name), folder)
