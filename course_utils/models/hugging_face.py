"""Causal language models of Hugging Face, from its cache: safetensors only, and nothing is fetched unasked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from course_utils.models.caches import hugging_face_folders, missing

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

    for cache in hugging_face_folders() if caches is None else caches:
        for each in dict.fromkeys((name, repository(name))):
            try:
                folder = Path(snapshot_download(each, cache_dir=cache, local_files_only=True))
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
        from course_utils.models.prefetch import fetch_language_model

        folder = fetch_language_model(name, hugging_face_folders()[0])
    if folder is None:
        raise FileNotFoundError(missing(name, None, "load_language_model"))
    return folder
