"""Shipped weights: safetensors files beside this module, each with a card that says what was measured.

A card is a small JSON file: which architecture, trained on what, with which settings, for how long, how good.
Nothing here unpickles anything.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from course_utils.messages import unknown

WEIGHTS = Path(__file__).parent / "weights"
TOKENIZER = ".tokenizer.json"  # a language model has such a file beside its weights


def available(kind: str = "vision") -> list[str]:
    """Names of the models whose weights are shipped: classifiers ("vision") or language models ("language")."""
    names = {path.stem for path in WEIGHTS.glob("*.safetensors")}
    with_tokenizer = {path.name.removesuffix(TOKENIZER) for path in WEIGHTS.glob(f"*{TOKENIZER}")}
    return sorted(names & with_tokenizer if kind == "language" else names - with_tokenizer)


def read_card(name: str, folder: Path | None = None) -> dict:
    """What is known about a shipped model: data, settings, secrets, figures reached, date.

    Raises:
        ValueError: unknown name, or a card that is no JSON.
    """
    path = (folder or WEIGHTS) / f"{name}.json"
    if not path.exists():
        raise ValueError(unknown("model", name, [*available(), *available("language")]))
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"the card {path.name} is damaged ({error}); {_again(name)}") from None


def load_weights(module: nn.Module, path: Path) -> None:
    """Fills a module with the weights of a safetensors file (half precision on disk, the module's own in memory).

    Raises:
        FileNotFoundError: no such file.
        ValueError: damaged, or made for another architecture.
    """
    if not path.exists():
        raise FileNotFoundError(f"the weights {path.name} are missing from {path.parent}; {_again(path.stem)}")
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"the weights {path.name} are damaged ({error}); {_again(path.stem)}") from None
    own = module.state_dict()
    wrong = sorted(own.keys() ^ weights.keys()) or sorted(k for k in own if own[k].shape != weights[k].shape)
    if wrong:
        raise ValueError(
            f"the weights {path.name} are for another architecture than {type(module).__name__}: "
            f"{len(wrong)} tensors are missing, left over or of another shape, {wrong[0]!r} among them; "
            f"{_again(path.stem)}"
        )
    module.load_state_dict({name: tensor.to(own[name].dtype) for name, tensor in weights.items()})


def save_weights(module: nn.Module, path: Path, card: dict) -> None:
    """Writes weights in half precision and the card beside them, each in one move, so that none is ever half there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    save_file(halved_weights(module), unfinished)
    unfinished.replace(path)
    unfinished.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(path.with_suffix(".json"))


def halved_weights(module: nn.Module) -> dict[str, Tensor]:
    """A module's weights as they are kept: in half precision."""
    return {name: _halved(tensor) for name, tensor in module.state_dict().items()}


def _halved(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.to(torch.float16) if tensor.is_floating_point() else tensor


def _again(name: str) -> str:
    return f"install the package again, or train it: python -m course_utils train {name} --force"
