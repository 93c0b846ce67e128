"""Pretrained weights, fetched with the download functions of Torch hub and Hugging Face.

Nothing is fetched unless somebody asks for it, and one line then says what, from where, how large and into which
folder. A classifier's file has to have the SHA-256 that its name ends in, a language model's weights the one that the
host names; of a language model only safetensors are fetched, never pickles. What the network or the disk refuses is
said in one sentence.
"""

import errno
import http.client
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlparse

import torch

from course_utils.models import caches
from course_utils.utils import first_line

CHAPTERS = ("resnet50", "gpt2")  # to compare with, beside the real models that come as packages


def prefetch(names: Sequence[str] = (), *, to: Path | None = None) -> list[Path]:
    """Pretrained weights, brought onto this computer or into a folder for others: `python -m course_utils prefetch`.

    What is there already is checked and left; what lies in this computer's caches is copied into the folder.

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
        caches.check_pretrained(name)
    found = [_present(name, to) for name in names]
    if to is not None:
        print(f"{to} can be copied to other computers; there, set COURSE_CACHE to where it lies.")
    return found


def _present(name: str, to: Path | None) -> Path:
    """One model where it is wanted: found there, copied, or fetched."""
    folders = caches.folders(name) if to is None else [caches.folder_in(to, name)]
    candidates = (caches.locate(name, folders), None if to is None else caches.locate(name))
    found = next((path for path in candidates if path is not None and _is_sound(name, path)), None)
    if found is None:
        found = fetch(name, folders[0])
    elif any(found.is_relative_to(folder) for folder in folders):
        print(f"{name}: is in {found}, and whole")
    else:
        found = _copied(name, found, folders[0])
    if to is not None:  # a stick or another system may not know links, which Hugging Face's cache is full of
        blobs = {path: path.resolve() for path in found.rglob("*") if path.is_symlink()}
        for path, blob in blobs.items():
            path.unlink()
            os.link(blob, path)
        for blob in set(blobs.values()):
            blob.unlink()
    return found


def _is_sound(name: str, path: Path) -> bool:
    """Whether weights are whole; if a file is damaged, a line says that it is fetched again."""
    if caches.is_hub_name(name):
        return caches.whole(path)
    try:
        caches.check_digest(path, caches.source(name).digest, "")
    except ValueError:
        print(f"{name}: {path} is damaged, it is fetched again")
        return False
    return True


def _copied(name: str, here: Path, folder: Path) -> Path:
    """A copy of weights in another cache, which appears there in one move; links become files."""
    own = folder / caches.hub_folder(name) if here.is_dir() else folder
    there = own / "snapshots" / here.name if here.is_dir() else own / here.name
    size = sum(path.stat().st_size for path in (here, *here.rglob("*")) if path.is_file())
    print(f"{name}: {caches.megabytes(size)} from {here} to {own}")
    part = there.with_name(f"{there.name}.part")
    with writing(there):
        make_room(there.parent, size)
        if here.is_file():
            shutil.copyfile(here, part)
        else:
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(here, part)
            shutil.rmtree(there, ignore_errors=True)
            (own / "refs").mkdir(exist_ok=True)
            (own / "refs" / "main").write_text(here.name)
        part.replace(there)
    return there


# ------------------------------------------------------------------ a pretrained model of either kind


def obtain(name: str, *, download: bool | None = None) -> Path:
    """The file or folder with a pretrained model's weights, fetched if that is allowed and needed.

    Args:
        name: a model of torchvision or Hugging Face.
        download: whether they may be fetched; None: only where the environment says COURSE_MODELS=pretrained.

    Raises:
        FileNotFoundError: it is not on this computer (says what to run).
        ValueError: a file is damaged.
        OSError: it cannot be fetched, or not be written.
    """
    path, command = caches.locate(name), f"python -m course_utils prefetch {name}"
    if path is None and (caches.mode() == "pretrained" if download is None else download):
        return fetch(name, caches.folders(name)[0])
    if path is None:
        load = "load_language_model" if caches.is_hub_name(name) else "load_classifier"
        folder = f", and {name} is no folder here" if "/" in name else ""
        raise FileNotFoundError(
            f"the weights of {name}{caches.stated_size(name)} are not on this computer{folder}; `{command}` fetches "
            f"them, and so does {load}({name!r}, download=True)."
        )
    if not caches.is_hub_name(name):
        caches.check_digest(path, caches.source(name).digest, command)
    return path


def fetch(name: str, folder: Path) -> Path:
    """Fetches a pretrained model into a cache, and says so.

    Raises:
        OSError: no network, no such model, no room, no permission.
        ValueError: what came is not what was asked for, or its weights are pickles only.
    """
    if caches.is_hub_name(name):
        return fetch_snapshot(caches.repository(name), folder)
    return fetch_checkpoint(name, folder)


# ------------------------------------------------------------------ torchvision: one file


def fetch_checkpoint(name: str, folder: Path) -> Path:
    """Fetches the weights of a classifier of torchvision into a folder; they have their name only once they are whole.

    Raises:
        OSError: no network, no such file there, no room, no permission.
        ValueError: what came is not what was asked for; nothing is kept.
    """
    url, file, digest, size = caches.source(name)
    path, host = folder / file, urlparse(url).netloc
    print(f"{name}: {caches.megabytes(size)} from {url} to {folder}")
    with writing(path):
        make_room(folder, size)
        try:
            torch.hub.download_url_to_file(url, str(path), hash_prefix=digest)
        except HTTPError as error:
            raise OSError(f"{file} cannot be fetched from {host}: it answers {error.code} {error.reason}.") from None
        except (URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error or type(error).__name__
            raise OSError(f"{file} cannot be fetched from {host} ({reason}). {ELSEWHERE}") from None
        except RuntimeError as error:  # torch's, with both hashes in it
            raise ValueError(
                f"what {host} sent as {file} is not what was asked for ({error}); nothing was kept. The connection "
                "broke, or a page to log in to the network came instead: open a browser, then try again."
            ) from None
    return path


# ------------------------------------------------------------------ Hugging Face: a folder

# A repository often has the same weights in four formats; one is enough.
SAFETENSORS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
BESIDE = re.compile(r"[\w.-]+\.(json|jinja|model)|merges\.txt|vocab\.txt")


def fetch_snapshot(repository: str, folder: Path) -> Path:
    """Fetches a model's safetensors, configuration and tokenizer into a cache; returns the folder with them.

    Raises:
        OSError: no network, no such model, no room, no permission.
        ValueError: its weights are pickles only, or are not what was asked for.
    """
    from huggingface_hub import HfApi, constants, snapshot_download

    host = constants.ENDPOINT
    with _reaching(repository, host):
        info = HfApi().model_info(repository, files_metadata=True)
    names = wanted([file.rfilename for file in info.siblings or []], repository)
    files = [file for file in info.siblings or [] if file.rfilename in names]
    size = sum(file.size or 0 for file in files)
    print(f"{repository}: {len(files)} files, {caches.megabytes(size)}, from {host}/{repository} to {folder}")
    with writing(folder / repository):
        make_room(folder, size)
        with _reaching(repository, host):
            there = Path(snapshot_download(repository, cache_dir=folder, allow_patterns=names))
    for file in files:
        path, expected = there / file.rfilename, file.lfs.sha256 if file.lfs else None
        if expected and (found := caches.sha256(path)) != expected:
            path.resolve().unlink()
            path.unlink(missing_ok=True)
            raise ValueError(
                f"{file.rfilename} is not what was asked for (its SHA-256 begins with {found[:8]}, expected "
                f"{expected[:8]}); it was deleted, and the same command fetches it again."
            )
    return there


def wanted(files: list[str], repository: str) -> list[str]:
    """The files of a repository that are needed: weights once, as safetensors, configuration and tokenizer.

    Raises:
        ValueError: no weights as safetensors.
    """
    weights = [name for name in files if SAFETENSORS.fullmatch(name)]
    if not weights:
        raise ValueError(
            f"{repository} has no weights as safetensors, only pickles if any, which may run any code when opened: it "
            "is refused. Ask its owner for safetensors, or choose another model."
        )
    if "model.safetensors" in weights:  # whole and in parts would be the same twice
        weights = ["model.safetensors"]
    return weights + [name for name in files if BESIDE.fullmatch(name)]


@contextmanager
def _reaching(repository: str, host: str) -> Iterator[None]:
    """Errors of a host or of the way to it, as one sentence."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        yield
    except GatedRepoError:
        raise OSError(
            f"{repository} asks its readers to agree to terms: do so at {host}/{repository}, then `hf auth login`."
        ) from None
    except RepositoryNotFoundError:
        raise OSError(f"{host} knows no model {repository!r}: check the name's spelling.") from None
    except Exception as error:  # of the HTTP library, which is another one in each version of huggingface_hub
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's
        reason = first_line(error).rstrip(".")
        raise OSError(f"{repository} cannot be fetched from {host} ({reason}). {ELSEWHERE}") from None


# ------------------------------------------------------------------ what a network or a disk refuses, in sentences

ELSEWHERE = (
    "The same command tries again; for a computer without network, "
    "`python -m course_utils prefetch --to DIR` on another one fills a folder that COURSE_CACHE=DIR uses."
)


def make_room(folder: Path, size: int) -> None:
    """Makes a folder; raises OSError if there is no home for it, or too little space free for so many bytes."""
    if str(folder).startswith("~"):  # what others make of a home that is not known would become a folder of that name
        raise OSError(f"there is no home folder for {folder}: name another folder with --to DIR or COURSE_CACHE=DIR.")
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < size:
        raise OSError(
            f"{caches.megabytes(size)} are needed in {folder}, and {caches.megabytes(free)} are free: make room, or "
            "name another folder with --to DIR or COURSE_CACHE=DIR."
        )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Errors of a disk while a file is written, as one sentence that names the folder and a way out."""
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
