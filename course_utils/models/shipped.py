"""Shipped weights: safetensors files beside this module, each with a card that says what was measured.

A card is a small JSON file: which architecture, trained on what, with which settings, for how long, how good. A bundle
is a single file that somebody else hands over: weights with the card in their metadata. It is read with suspicion, and
nothing here unpickles anything. How they are written stands in `course_utils.teaching.training.save`.
"""

import json
import math
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from course_utils.models.classifier import Classifier
from course_utils.validation import check_weights, unknown

WEIGHTS = Path(__file__).parent / "weights"
TOKENIZER = ".tokenizer.json"  # a language model has such a file beside its weights
SUFFIX = ".safetensors"


def available(kind: str = "vision") -> list[str]:
    """Names of the models whose weights are shipped: classifiers ("vision") or language models ("language")."""
    names = {path.stem for path in WEIGHTS.glob(f"*{SUFFIX}")}
    with_tokenizer = {path.name.removesuffix(TOKENIZER) for path in WEIGHTS.glob(f"*{TOKENIZER}")}
    return sorted(names & with_tokenizer if kind == "language" else names - with_tokenizer)


def read_card(name: str, folder: Path | None = None) -> dict:
    """The card of a shipped model: data, settings, secrets, figures reached, date.

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


def build(architecture: dict, name: str, weights: Path | None = None) -> Classifier:
    """The classifier that an architecture describes, with random weights or those in a file.

    Args:
        architecture: `net` (a name in `NETS`), `width`, `dropout`, `classes`, `size` (pixels along a side), `mean`,
            `std` and `colours`.

    Raises:
        FileNotFoundError, ValueError: as `load_weights`.
    """
    classes, size, settings = architecture["classes"], architecture["size"], ("width", "dropout")
    # A net on the meta device has shapes only: it draws no random numbers, and no card can make it fill the memory.
    with nullcontext() if weights is None else torch.device("meta"):
        net = NETS[architecture["net"]](len(classes), size=size, **{name: architecture[name] for name in settings})
    if weights is not None:
        load_weights(net, weights)
    mean, std, colours = architecture["mean"], architecture["std"], architecture.get("colours")
    return Classifier(net, classes=classes, size=size, mean=mean, std=std, name=name, colours=colours)


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
    check_weights(weights, path.name)
    state = {name: tensor.to(own[name].dtype, copy=True) for name, tensor in weights.items()}
    module.load_state_dict(state, assign=any(tensor.is_meta for tensor in own.values()))


def _again(name: str) -> str:
    return f"install the package again, or train it: python -m course_utils train {name} --force"


# ------------------------------------------------------------------ bundles

NEEDED = ("name", "architecture", "sealed")


def is_bundle(name: str | Path) -> bool:
    """Whether this means a file rather than the name of a model."""
    return isinstance(name, Path) or str(name).endswith(SUFFIX)


def load_bundle(path: str | Path) -> Classifier:
    """The classifier of a bundle, in evaluation mode, on the CPU.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is damaged, or no bundle of this course (says why).
    """
    card = read_bundle_card(path)
    return build(card["architecture"], card["name"], Path(path))


def read_bundle_card(path: str | Path) -> dict[str, Any]:
    """The card of a bundle, with the fields of a shipped model's card.

    Raises:
        FileNotFoundError, ValueError: as `load_bundle`.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; `train --secrets FILE` writes bundles, NAME{SUFFIX}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged or no safetensors file ({error}); ask for it again") from None
    if "card" not in metadata:
        raise ValueError(f"{path} is no bundle of this course: there is no card in it; ask whoever made it")
    try:
        card = json.loads(metadata["card"])
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"the card in {path} is damaged ({error}); ask for the file again") from None
    if problem := _problem(card):
        raise ValueError(f"the card in {path} does not fit: {problem}; ask for the file again")
    return card


def _problem(card: Any) -> str:
    """The first defect of a bundle's card, in words; empty if there is none."""
    if not isinstance(card, dict) or any(field not in card for field in NEEDED):
        return f"it must hold {', '.join(NEEDED)}"
    if not isinstance(card["name"], str) or not isinstance(card["sealed"], str):
        return "name and sealed must be texts"
    plan = card["architecture"]
    if not isinstance(plan, dict):
        return "the architecture must be an object"
    if plan.get("net") not in list(NETS):
        return f"there is no net {plan.get('net')!r}, only {', '.join(NETS)}"
    for field, (fits, expected) in ARCHITECTURE.items():
        if not fits(plan.get(field)):
            return f"{field}={plan.get(field)!r}, expected {expected}"
    return ""


def _is_row(value: Any, least: float = -math.inf) -> bool:
    if not isinstance(value, list) or len(value) != 3:
        return False
    return all(type(x) in (int, float) and least < x < 1e9 for x in value)


def _is_count(value: Any, most: int) -> bool:
    return type(value) is int and 1 <= value <= most


# The fields of a bundle's architecture beside its net: a test, and what an error says was expected.
ARCHITECTURE: dict[str, tuple[Callable[[Any], bool], str]] = {
    "classes": (lambda each: isinstance(each, list) and all(isinstance(name, str) for name in each), "a list of names"),
    "size": (partial(_is_count, most=1024), "a whole number from 1 to 1024"),
    "width": (partial(_is_count, most=64), "a whole number from 1 to 64"),
    "dropout": (lambda share: type(share) in (int, float) and 0 <= share < 1, "a number from 0 to below 1"),
    "mean": (_is_row, "three numbers"),
    "std": (partial(_is_row, least=0), "three numbers, std above 0"),
    "colours": (
        lambda rows: rows is None or (isinstance(rows, list) and len(rows) == 3 and all(map(_is_row, rows))),
        "three rows of three numbers",
    ),
}


class PocketNet(nn.Module):
    """A small residual net with ReLUs: a stem, three blocks, each half as large as the one before, a linear head.

    For 64x64 images and width 16 the maps are stem (16, 32, 32), layer1 (32, 16, 16), layer2 (64, 8, 8),
    layer3 (96, 4, 4).
    """

    stem_stride = 2

    def __init__(self, classes: int, *, width: int = 16, size: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        kernel = 4 if self.stem_stride == 2 else 3
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, kernel, stride=self.stem_stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )
        self.layer1 = Block(width, 2 * width)
        self.layer2 = Block(2 * width, 4 * width)
        self.layer3 = Block(4 * width, 6 * width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(6 * width * (size // (8 * self.stem_stride)) ** 2, classes)

    def forward(self, x: Float[Tensor, "n 3 size size"]) -> Float[Tensor, "n classes"]:
        x = self.layer3(self.layer2(self.layer1(self.stem(x))))
        return self.head(self.dropout(x.flatten(1)))


class PhotoNet(PocketNet):
    """A `PocketNet` for small photographs: its stem keeps the size, since 32x32 pixels leave nothing to give away.

    For 32x32 images and width 40 the maps are stem (40, 32, 32), layer1 (80, 16, 16), layer2 (160, 8, 8),
    layer3 (240, 4, 4).
    """

    stem_stride = 1


class Block(nn.Module):
    """Half the size, then two 3x3 convolutions beside a shortcut (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.halve = nn.AvgPool2d(2)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.relu2 = nn.ReLU()

    def forward(self, x: Float[Tensor, "n inputs h w"]) -> Float[Tensor, "n outputs h/2 w/2"]:
        x = self.halve(x)
        residual = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        return self.relu2(residual + self.shortcut(x))


class JudgeNet(nn.Module):
    """A plain convolutional net: four stages of two convolutions and a max pooling, and a linear head."""

    def __init__(self, classes: int, *, width: int = 20, size: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        stages, inputs, map_size = [], 3, size // 2
        for kernel, stride, outputs in ((5, 2, width), (3, 1, 2 * width), (3, 1, 4 * width), (3, 1, 6 * width)):
            stages.append(
                nn.Sequential(
                    nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2),
                    nn.GroupNorm(4, outputs), nn.GELU(),
                    nn.Conv2d(outputs, outputs, 3, padding=1),
                    nn.GroupNorm(4, outputs), nn.GELU(),
                    nn.MaxPool2d(2),
                )
            )  # fmt: skip
            inputs, map_size = outputs, map_size // 2
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(inputs * map_size**2, classes)

    def forward(self, x: Float[Tensor, "n 3 size size"]) -> Float[Tensor, "n classes"]:
        return self.head(self.dropout(self.stages(x).flatten(1)))


NETS = {"PocketNet": PocketNet, "PhotoNet": PhotoNet, "JudgeNet": JudgeNet}
