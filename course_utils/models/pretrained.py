"""Every classifier of torchvision, with the weights that torchvision recommends for it.

Name, weights, classes, size, mean and standard deviation are torchvision's; nothing here knows one network from
another. The weights lie where Torch hub puts them, and are read as plain tensors: a checkpoint cannot run code.
"""

from __future__ import annotations

import hashlib
import pickle
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import torch

from course_utils.models.caches import missing, torch_folders
from course_utils.models.classifier import Classifier

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
        from course_utils.models.prefetch import fetch_classifier

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
