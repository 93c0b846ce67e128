"""Found prompts in a file: the tokens alone are kept, what they do is tried again by the model that reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from course_utils.language.found import FoundPrompts, described_prompts
from course_utils.language.targets import Scorer, as_target
from course_utils.models.language_model import LanguageModel


def save_prompts(path: Path, found: Mapping[str, FoundPrompts], settings: Mapping[str, object]) -> None:
    """Writes the prompts found for several targets, with the settings of the search.

    Args:
        path: of the file, safetensors.
        found: prompts by name of the target.
        settings: that JSON can hold.
    """
    tensors = {name: each.token_ids.to(torch.int32).contiguous() for name, each in found.items()}
    about = {"targets": {name: each.target for name, each in found.items()}, "settings": dict(settings)}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"prompts": json.dumps(about)})


def load_prompts(path: str | Path, lm: LanguageModel) -> tuple[dict[str, FoundPrompts], dict]:
    """(the prompts by name of the target, the settings of the search); each prompt is tried by the model again.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that `save_prompts` did not write, or with tokens that the model does not have.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no file of prompts {path}; save_prompts writes one.")
    try:
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {})["prompts"])
            kept = {name: file.get_tensor(name).long() for name in about["targets"]}
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} was not written by save_prompts, or is damaged ({error!r}).") from None
    largest = max(int(ids.max()) for ids in kept.values())
    if largest >= lm.vocabulary:
        raise ValueError(
            f"{path} has the token {largest}, {lm.name} has {lm.vocabulary}: it was made for another model."
        )
    found = {}
    for name, text in about["targets"].items():
        scorer = Scorer(lm, target := as_target(lm, text))
        ids = kept[name].to(lm.device)
        fields = described_prompts(lm, ids, scorer(ids), target)
        found[name] = FoundPrompts(**fields, forward_passes=scorer.passes, backward_passes=0, interrupted=False)
    return found, about["settings"]
