"""A model to hand to a neighbour: one safetensors file that has its card, sealed answer included, in its header.

It is data only. What comes from somebody else is read with suspicion: numbers and a card, both checked, nothing run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from course_utils.models.classifier import Classifier
from course_utils.models.nets import NETS
from course_utils.models.store import halved_weights, load_weights
from course_utils.world import PaintedWorld

SUFFIX = ".safetensors"
LARGEST = 64  # a net's width, so that a card cannot ask for more memory than there is
NEEDED = ("name", "architecture", "sealed")


def is_bundle(name: str | Path) -> bool:
    """Whether this means a file rather than the name of a model."""
    return isinstance(name, Path) or str(name).endswith(SUFFIX)


def save_bundle(classifier: Classifier, path: Path, card: dict[str, Any]) -> None:
    """Writes the file in one move; weights in half precision."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    save_file(halved_weights(classifier.module), unfinished, metadata={"card": json.dumps(card)})
    unfinished.replace(path)


def load_bundle(path: str | Path) -> Classifier:
    """The classifier of a bundle, in evaluation mode, on the CPU.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is damaged, or no bundle of this course (says why).
    """
    from course_utils.models.load import build

    path = Path(path)
    card = read_bundle_card(path)
    with torch.random.fork_rng(devices=[]):  # the weights drawn here are overwritten; the reader's seed is left alone
        classifier = build(card["architecture"], card["name"])
    load_weights(classifier.module, path)
    return classifier


def read_bundle_card(path: str | Path) -> dict[str, Any]:
    """What a bundle says about itself: as a shipped model's card.

    Raises:
        FileNotFoundError, ValueError: as `load_bundle`.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path}; a bundle is what `train --secrets FILE` writes, NAME{SUFFIX}"
        )
    try:
        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged or no safetensors file ({error}); ask for it again") from None
    if "card" not in told:
        raise ValueError(f"{path} is no bundle of this course: there is no card in it; ask whoever made it")
    try:
        card = json.loads(told["card"])
    except json.JSONDecodeError as error:
        raise ValueError(f"the card in {path} is damaged ({error}); ask for the file again") from None
    if problem := _problem(card):
        raise ValueError(f"the card in {path} does not fit: {problem}; ask for the file again")
    return card


def _problem(card: Any) -> str:
    """What is wrong with a card, in words; nothing if nothing is."""
    if not isinstance(card, dict) or any(field not in card for field in NEEDED):
        return f"it must hold {', '.join(NEEDED)}"
    if not isinstance(card["name"], str) or not isinstance(card["sealed"], str):
        return "name and sealed must be texts"
    plan = card["architecture"]
    if not isinstance(plan, dict):
        return "the architecture must be an object"
    if plan.get("net") not in NETS:
        return f"there is no net {plan.get('net')!r}, only {', '.join(NETS)}"
    if plan.get("classes") != list(PaintedWorld.classes) or plan.get("size") != PaintedWorld.size[0]:
        return "classes and size must be those of the painted world"
    if not isinstance(width := plan.get("width"), int) or isinstance(width, bool) or not 1 <= width <= LARGEST:
        return f"width={plan.get('width')!r}, expected a whole number from 1 to {LARGEST}"
    if not isinstance(plan.get("dropout"), int | float) or not 0 <= plan["dropout"] < 1:
        return f"dropout={plan.get('dropout')!r}, expected a number from 0 to below 1"
    for field in ("mean", "std"):
        if not _numbers(plan.get(field)) or (field == "std" and min(plan[field]) <= 0):
            return f"{field} must be three numbers, std above 0"
    colours = plan.get("colours")
    if colours is not None and not (isinstance(colours, list) and len(colours) == 3 and all(map(_numbers, colours))):
        return "colours must be three rows of three numbers"
    return ""


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(type(number) in (int, float) for number in value)
