"""Caches of pretrained weights: names, settings, folders, and what lies there.

Torch hub keeps a classifier of torchvision as one file; Hugging Face's cache keeps a language model as a folder with a
snapshot of its repository. We use their layouts and file names, so that what another program has fetched is found here
and the other way round. COURSE_CACHE=DIR names a folder that is looked into first: it has both layouts below it.
"""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch

from course_utils.utils import expanded
from course_utils.validation import unknown

# Models that were there before names had owners; a cache may hold them under either name.
OWNERS = {
    "gpt2": "openai-community/gpt2",
    "gpt2-medium": "openai-community/gpt2-medium",
    "gpt2-large": "openai-community/gpt2-large",
    "gpt2-xl": "openai-community/gpt2-xl",
    "distilgpt2": "distilbert/distilgpt2",
}
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def is_hub_name(name: str) -> bool:
    """Whether a name is one of a model of Hugging Face: OWNER/NAME, or one of the few without an owner."""
    return name in OWNERS or bool(HUB_NAME.fullmatch(name))


def repository(name: str) -> str:
    """A model's full name, OWNER/NAME."""
    return OWNERS.get(name, name)


def hub_folder(name: str) -> str:
    """The name of a model's folder in Hugging Face's cache."""
    return f"models--{repository(name).replace('/', '--')}"


@cache
def torchvision_names() -> list[str]:
    """All classifiers of torchvision."""
    from torchvision import models

    return models.list_models(module=models)


def check_pretrained(name: str) -> None:
    """Raises ValueError, with close names, for what is no model of torchvision or Hugging Face."""
    if not is_hub_name(name) and name not in torchvision_names():
        raise ValueError(unknown("pretrained model", name, [*OWNERS, *torchvision_names()]))


MODES = ("pretrained", "shipped")


def mode() -> str:
    """The use of pretrained models that COURSE_MODELS asks for: "pretrained" fetches them, "shipped" does without.

    If it is not set, the mode is "shipped" while the book is built, and otherwise "cached": use what is there.

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
    """The folder that COURSE_CACHE names, if it does; ValueError where there is no home folder for its `~`."""
    named = os.environ.get("COURSE_CACHE", "").strip()
    return expanded(named) if named else None


def folder_in(root: Path, name: str) -> Path:
    """The cache for weights of this kind inside a folder that `prefetch --to` fills."""
    return root / "huggingface" / "hub" if is_hub_name(name) else root / "torch" / "hub" / "checkpoints"


def folders(name: str) -> list[Path]:
    """This computer's caches for weights of this kind; the first is looked into first, and new weights go there."""
    if is_hub_name(name):
        from huggingface_hub.constants import HF_HUB_CACHE

        own = Path(HF_HUB_CACHE)
    else:
        own = Path(torch.hub.get_dir()) / "checkpoints"
    root = course_cache()
    return [own] if root is None else [folder_in(root, name), own]


def locate(name: str, where: Sequence[Path] | None = None) -> Path | None:
    """The file or folder with a pretrained model's weights, if it is in one of the caches (this computer's if None)."""
    return snapshot(name, where) if is_hub_name(name) else checkpoint(name, where)


# ------------------------------------------------------------------ torchvision: one file

MEBI = 2**20  # torchvision's sizes are in MiB


class Source(NamedTuple):
    """The origin of a classifier's weights.

    Attributes:
        digest: how the SHA-256 of the file begins.
        bytes: about how large the file is.
    """

    url: str
    file: str
    digest: str
    bytes: int


def source(name: str) -> Source:
    """The origin of the weights that torchvision recommends for a classifier."""
    from torchvision import models

    weights: Any = models.get_model_weights(name).DEFAULT
    file = weights.url.rpartition("/")[2]
    found = re.search(r"-([0-9a-f]{8,})\.", file)
    return Source(weights.url, file, found.group(1) if found else "", round(weights.meta["_file_size"] * MEBI))


def checkpoint(name: str, where: Sequence[Path] | None = None) -> Path | None:
    """The file with a classifier's weights, if it is in one of the caches (this computer's if None)."""
    paths = [folder / source(name).file for folder in (folders(name) if where is None else where)]
    return next((path for path in paths if path.is_file()), None)


def check_digest(path: Path, begins: str, again: str) -> None:
    """Raises ValueError if a file's SHA-256 does not begin so: it was cut off, or changed."""
    found = sha256(path)
    if not found.startswith(begins):
        raise ValueError(
            f"the weights {path} are damaged: their SHA-256 begins with {found[: max(8, len(begins))]}, expected "
            f"{begins}; delete the file and fetch it again: {again}"
        )


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ------------------------------------------------------------------ Hugging Face: a folder


def snapshot(name: str, where: Sequence[Path] | None = None) -> Path | None:
    """The folder with a model's files, if it is on this computer with its weights (of whatever kind).

    Args:
        where: caches to look into; this computer's if None.

    Raises:
        ValueError: no name that a model can have.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    local = partial(snapshot_download, local_files_only=True, allow_patterns="config.json")  # not the weights
    names = dict.fromkeys((name, repository(name)))
    for cache_folder, each in product(folders(name) if where is None else where, names):
        try:
            folder = Path(local(each, cache_dir=cache_folder))
        except (LocalEntryNotFoundError, RuntimeError):  # the second where there is no home folder
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
    """The names of weights in a folder that are pickles; what a training leaves beside them does not count."""
    found = sorted(path.name for end in ("bin", "pt", "pth") for path in folder.glob(f"*.{end}"))
    return [name for name in found if not LEFTOVER.match(name)]


LEFTOVER = re.compile(r"training_args|optimizer|scheduler|scaler|rng_state")
POINTER = b"version https://git-lfs"  # how a file begins in whose place Git LFS has the content


def check_folder(folder: Path, name: str) -> None:
    """Raises ValueError for a folder of transformers that is not a whole model in floating-point numbers.

    An adapter (LoRA), quantised weights, or the pointers that Git LFS leaves are named for what they are.
    """
    if (folder / "adapter_config.json").exists() and not (folder / "config.json").exists():
        raise ValueError(
            f"{name} is an adapter (adapter_config.json in {folder}), which changes another model and is none itself: "
            "load both with peft, then model.merge_and_unload().save_pretrained(…)."
        )
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as file:
            if file.read(len(POINTER)) == POINTER:
                raise ValueError(f"{path} is a pointer of Git LFS and holds no weights: run `git lfs pull` there.")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return  # transformers says what is wrong
    if isinstance(config, dict) and (how := config.get("quantization_config")):
        method = how.get("quant_method", "quantised") if isinstance(how, dict) else "quantised"
        raise ValueError(
            f"{name} has quantised weights ({method}), through which no gradient can be taken: give the model that was "
            "quantised, or save it anew with model.dequantize().save_pretrained(…); GGUF files are dequantised here."
        )


def stated_size(name: str) -> str:
    """The size of a pretrained model in brackets, for sentences; nothing where it is not known without asking."""
    return "" if is_hub_name(name) else f" ({megabytes(source(name).bytes)})"


def megabytes(count: int) -> str:
    """A file's size as readers know it: 98 MB, 1.2 GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
