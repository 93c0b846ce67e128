"""From Hugging Face into its cache: only what a causal model needs, weights as safetensors, checked by their hashes."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from course_utils.models.caches import megabytes
from course_utils.models.download import ELSEWHERE, check_room, sha256, writing

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
