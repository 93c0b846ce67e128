"""`python -m course_utils prefetch`: the weights of pretrained models onto this computer, or into a folder for others.

Torch hub's and Hugging Face's own layouts and file names, so that what another program has fetched is found, and what
is fetched here is found by others.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import pickle
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock
from urllib.error import HTTPError, URLError
from urllib.parse import urlparse
from urllib.request import Request, urlopen

import torch
from tqdm import tqdm

from course_utils.models.classifier import Classifier
from course_utils.validation import unknown

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
        OSError, ValueError: as `course_utils.models.fetch.download`.
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


MEBI = 2**20  # torchvision's sizes are in MiB


class Source(NamedTuple):
    """Where a classifier's weights come from.

    Attributes:
        digest: how the SHA-256 of the file begins.
        bytes: about how large the file is.
    """

    url: str
    file: str
    digest: str
    bytes: int


@cache
def torchvision_names() -> list[str]:
    """All classifiers of torchvision."""
    from torchvision import models

    return models.list_models(module=models)


def source(name: str) -> Source:
    """Where the recommended weights of a classifier of torchvision come from."""
    weights = _weights(name)
    file = weights.url.rpartition("/")[2]
    found = re.search(r"-([0-9a-f]{8,})\.", file)
    return Source(weights.url, file, found.group(1) if found else "", round(weights.meta["_file_size"] * MEBI))


def checkpoint(name: str) -> Path | None:
    """The file with a classifier's weights, if it is on this computer."""
    file = source(name).file
    return next((folder / file for folder in torch_folders() if (folder / file).is_file()), None)


def load_pretrained(name: str, *, download: bool = False) -> Classifier:
    """A classifier of torchvision with its recommended weights, in evaluation mode, on the CPU.

    Args:
        download: whether weights that are not on this computer may be fetched; it is said what, whence and whereto.

    Raises:
        FileNotFoundError: the weights are not here (says what to run).
        ValueError: they are damaged, or of another network.
        OSError: they cannot be fetched, or not be written.
    """
    path = checkpoint(name)
    if path is None and download:
        path = fetch_classifier(name, torch_folders()[0])
    if path is None:
        raise FileNotFoundError(missing(name, source(name).bytes, "load_classifier"))
    check_digest(path, source(name).digest, f"python -m course_utils prefetch {name}")
    return from_checkpoint(name, path)


def from_checkpoint(name: str, path: Path) -> Classifier:
    """The classifier of torchvision of that name, with the weights in a file.

    Raises:
        ValueError: the file is damaged, holds more than tensors, or is for another network.
    """
    from torchvision import models

    weights, state = _weights(name), read_tensors(path)
    # torchvision's builders know what goes with weights (GoogLeNet's own normalisation, DenseNet's old names); they
    # fetch them through this method and unpickle them, and get here what was read safely.
    with mock.patch.object(type(weights), "get_state_dict", lambda *_, **__: state):
        try:
            module = models.get_model(name, weights=weights, progress=False)
        except (RuntimeError, KeyError, AttributeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise ValueError(f"the weights {path.name} are for another network than {name} ({reason} …)") from None
    preset: Any = weights.transforms()
    return Classifier(
        module, classes=weights.meta["categories"], size=preset.crop_size[0], mean=preset.mean, std=preset.std,
        name=name,
    )  # fmt: skip


def read_tensors(path: Path) -> dict:
    """The tensors in a file that torch.save has written; anything else in it is refused.

    Raises:
        ValueError: a damaged file, or one that holds more than tensors.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        more = "Unsupported" in str(error) or "unsafe" in str(error).lower() or "WeightsUnpickler" in str(error)
        reason = "it holds more than tensors, which could run code" if more else "it cannot be read"
        raise ValueError(f"the weights {path} were refused: {reason}; delete the file and fetch it again.") from None
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise ValueError(f"the weights {path} are damaged ({reason}); delete the file and fetch it again.") from None
    if not isinstance(state, dict):
        raise ValueError(f"the weights {path} hold {type(state).__name__}, expected tensors by name.")
    return state


def check_digest(path: Path, begins: str, again: str) -> None:
    """Raises ValueError if a file's SHA-256 does not begin so: it was cut off, or changed."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(begins):
        raise ValueError(
            f"the weights {path} are damaged: their SHA-256 begins with {found[: max(8, len(begins))]}, expected "
            f"{begins}; delete the file and fetch it again: {again}"
        )


def _weights(name: str) -> Any:
    from torchvision import models

    return models.get_model_weights(name).DEFAULT


# Models that were there before names had owners; a cache may hold them under either name.
OWNERS = {
    "gpt2": "openai-community/gpt2",
    "gpt2-medium": "openai-community/gpt2-medium",
    "gpt2-large": "openai-community/gpt2-large",
    "gpt2-xl": "openai-community/gpt2-xl",
    "distilgpt2": "distilbert/distilgpt2",
}
NAME = re.compile(r"[\w.-]+/[\w.-]+")


def is_hub_name(name: str) -> bool:
    """Whether a name is one of a model of Hugging Face: OWNER/NAME, or one of the few without an owner."""
    return name in OWNERS or bool(NAME.fullmatch(name))


def repository(name: str) -> str:
    """A model's full name, OWNER/NAME."""
    return OWNERS.get(name, name)


def snapshot(name: str, caches: Sequence[Path] | None = None) -> Path | None:
    """The folder with a model's files, if it is on this computer with its weights (of whatever kind).

    Args:
        caches: where to look; this computer's if None.

    Raises:
        ValueError: no name that a model can have.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    for folder_ in hugging_face_folders() if caches is None else caches:
        for each in dict.fromkeys((name, repository(name))):
            try:
                folder = Path(snapshot_download(each, cache_dir=folder_, local_files_only=True))
            except LocalEntryNotFoundError:
                continue
            except HFValidationError as error:
                raise ValueError(f"{name!r} cannot be the name of a model: {error}") from None
            if (folder / "config.json").exists() and (whole(folder) or pickles(folder)):
                return folder
    return None


def whole(folder: Path) -> bool:
    """Whether a folder holds a model's weights as safetensors, with all their parts."""
    if (folder / "model.safetensors").exists():
        return True
    parts = list(folder.glob("model-*-of-*.safetensors"))
    counts = {int(part.stem.rpartition("-of-")[2]) for part in parts}
    return (folder / "model.safetensors.index.json").exists() and counts == {len(parts)}


def pickles(folder: Path) -> list[str]:
    """The names of weights in a folder that are pickles."""
    return sorted(path.name for end in ("bin", "pt", "pth") for path in folder.glob(f"*.{end}"))


def find(name: str, *, download: bool = False) -> Path:
    """The folder with a model's files, fetched if that is allowed and needed.

    Raises:
        FileNotFoundError: it is not on this computer (says what to run).
        ValueError, OSError: it cannot be fetched.
    """
    folder = snapshot(name)
    if folder is None and download:
        folder = fetch_language_model(name, hugging_face_folders()[0])
    if folder is None:
        raise FileNotFoundError(missing(name, None, "load_language_model"))
    return folder


# A repository often has the same weights in four formats; one is enough.
WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
BESIDE = re.compile(r"[\w.-]+\.(json|jinja|model)|merges\.txt|vocab\.txt")


def fetch_snapshot(repository: str, cache: Path) -> Path:
    """Fetches a model into a cache; what an earlier attempt has fetched stays, and is gone on with.

    Returns:
        The folder with its files.

    Raises:
        OSError: no network, no such model, no room, no permission.
        ValueError: its weights are pickles only, or are not what was asked for.
    """
    from huggingface_hub import HfApi, constants, hf_hub_download

    host = constants.ENDPOINT
    info = _asked(lambda: HfApi().model_info(repository, files_metadata=True), repository, host)
    files = wanted([file.rfilename for file in info.siblings], repository)
    chosen = [file for file in info.siblings if file.rfilename in files]
    size = sum(file.size or 0 for file in chosen)
    print(f"{repository}: {len(files)} files, {megabytes(size)}, from {host}/{repository} to {cache}")
    with writing(cache / repository):
        cache.mkdir(parents=True, exist_ok=True)
        check_room(cache, size)
        for name in files:
            path = _asked(partial(hf_hub_download, repository, name, cache_dir=cache), repository, host)
    folder = Path(path).parent
    _check(folder, chosen)
    return folder


def wanted(files: list[str], repository: str) -> list[str]:
    """Those of a repository's files that are needed.

    Raises:
        ValueError: no weights as safetensors.
    """
    weights = [name for name in files if WEIGHTS.fullmatch(name)]
    if not weights:
        raise ValueError(
            f"{repository} has no weights as safetensors, only pickles if any, which may run any code when opened: it "
            "is refused. Ask its owner for safetensors, or choose another model."
        )
    if "model.safetensors" in weights:  # whole and in parts would be the same twice
        weights = ["model.safetensors"]
    return weights + [name for name in files if BESIDE.fullmatch(name)]


def _asked(question: Any, repository: str, host: str) -> Any:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        return question()
    except GatedRepoError:
        raise OSError(
            f"{repository} asks its readers to agree to terms: do so at {host}/{repository}, then `hf auth login`."
        ) from None
    except RepositoryNotFoundError:
        raise OSError(f"{host} knows no model {repository!r}: check the name's spelling.") from None
    except OSError as error:
        if error.errno is not None:
            raise  # the disk's
        raise OSError(f"{repository} cannot be fetched from {host} ({_first(error)}). {ELSEWHERE}") from None
    except Exception as error:  # of the HTTP library, which is another one in each version of huggingface_hub
        raise OSError(f"{repository} cannot be fetched from {host} ({_first(error)}). {ELSEWHERE}") from None


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160].rstrip(".")


def _check(folder: Path, files: list[Any]) -> None:
    """Holds large files against the hashes that the host names; a file that is another one goes."""
    for file in files:
        path, expected = folder / file.rfilename, getattr(file.lfs, "sha256", None) if file.lfs else None
        if expected and (found := sha256(path)) != expected:
            path.resolve().unlink()
            path.unlink(missing_ok=True)
            raise ValueError(
                f"{file.rfilename} is not what was asked for (its SHA-256 begins with {found[:8]}, expected "
                f"{expected[:8]}); it was deleted, and the same command fetches it again."
            )


def flatten(snapshot: Path) -> None:
    """Puts files where a snapshot has links to them: a stick or another system may not know links."""
    for path in snapshot.rglob("*"):
        if path.is_symlink():
            blob = path.resolve()
            path.unlink()
            blob.replace(path)


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


MODES = ("pretrained", "shipped", "stand-in")


def mode() -> str:
    """What COURSE_MODELS says; without it "shipped" while the book is built, and otherwise "cached": use what is there.

    Raises:
        ValueError: it says something else.
    """
    said = os.environ.get("COURSE_MODELS", "").strip().lower()
    if not said:  # pages that are built must not depend on what this computer happens to have
        return "shipped" if os.environ.get("COURSE_BOOK") else "cached"
    if said not in MODES:
        raise ValueError(f"COURSE_MODELS={said} is unknown; it is one of {', '.join(MODES)}, or not set.")
    return said


def course_cache() -> Path | None:
    """The folder that COURSE_CACHE names, if it does."""
    named = os.environ.get("COURSE_CACHE", "").strip()
    return Path(named).expanduser() if named else None


def torch_folder(root: Path) -> Path:
    """Where Torch hub's checkpoints lie inside a folder that `prefetch --to` fills."""
    return root / "torch" / "hub" / "checkpoints"


def hugging_face_folder(root: Path) -> Path:
    """Where Hugging Face's models lie inside a folder that `prefetch --to` fills."""
    return root / "huggingface" / "hub"


def torch_folders() -> list[Path]:
    """Where torchvision's weights may lie, the first first; the first is also where new ones go."""
    import torch

    own, root = Path(torch.hub.get_dir()) / "checkpoints", course_cache()
    return [own] if root is None else [torch_folder(root), own]


def hugging_face_folders() -> list[Path]:
    """Where language models of Hugging Face may lie, the first first; the first is also where new ones go."""
    from huggingface_hub.constants import HF_HUB_CACHE

    own, root = Path(HF_HUB_CACHE), course_cache()
    return [own] if root is None else [hugging_face_folder(root), own]


def missing(name: str, bytes_: int | None, call: str) -> str:
    """One sentence for a model that is not on this computer: what to run."""
    size = f" ({megabytes(bytes_)})" if bytes_ else ""
    return (
        f"the weights of {name}{size} are not on this computer; `python -m course_utils prefetch {name}` fetches "
        f"them, and so does {call}({name!r}, download=True)."
    )


def megabytes(count: int) -> str:
    """A file's size as readers know it: 98 MB, 1.2 GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
