"""Shipped weights: safetensors files beside this module, each with a card that says what was measured.

A card is a small JSON file: which architecture, trained on what, with which settings, for how long, how good.
Nothing here unpickles anything.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from course_utils.models.classifier import Classifier
from course_utils.validation import unknown
from course_utils.world import PaintedWorld

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


FILE = "SHA256SUMS"
KINDS = ("*.safetensors", f"*{TOKENIZER}")  # cards are text, and may be put into better words


def write_sums(folder: Path = WEIGHTS) -> None:
    """Writes the sums of a folder's weights and tokenizers beside them."""
    lines = [f"{_sum(path)}  {path.name}\n" for path in _files(folder)]
    (folder / FILE).write_text("".join(lines), encoding="utf-8", newline="\n")


def wrong_files(folder: Path = WEIGHTS) -> dict[str, str]:
    """The files that are not as the sums say: name -> "missing", "changed" or "not listed"."""
    lines = (folder / FILE).read_text(encoding="utf-8").splitlines()
    listed = {name: digest for digest, name in map(str.split, lines)}
    found = {path.name: _sum(path) for path in _files(folder)}
    wrong = {name: "missing" for name in listed.keys() - found.keys()}
    wrong |= {name: "not listed" for name in found.keys() - listed.keys()}
    wrong |= {name: "changed" for name in found.keys() & listed.keys() if found[name] != listed[name]}
    return dict(sorted(wrong.items()))


def _files(folder: Path) -> list[Path]:
    return sorted(path for kind in KINDS for path in folder.glob(kind))


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
    """The same net for small photographs: its stem keeps the size, since 32x32 pixels leave nothing to give away.

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
        for stage, outputs in enumerate((width, 2 * width, 4 * width, 6 * width)):
            first = nn.Conv2d(inputs, outputs, 5, stride=2, padding=2) if stage == 0 else conv3(inputs, outputs)
            stages.append(
                nn.Sequential(
                    first, nn.GroupNorm(4, outputs), nn.GELU(),
                    conv3(outputs, outputs), nn.GroupNorm(4, outputs), nn.GELU(),
                    nn.MaxPool2d(2),
                )
            )  # fmt: skip
            inputs, map_size = outputs, map_size // 2
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(inputs * map_size**2, classes)

    def forward(self, x: Float[Tensor, "n 3 size size"]) -> Float[Tensor, "n classes"]:
        return self.head(self.dropout(self.stages(x).flatten(1)))


def conv3(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


NETS = {"PocketNet": PocketNet, "PhotoNet": PhotoNet, "JudgeNet": JudgeNet}


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


def build(architecture: dict, name: str) -> Classifier:
    """The classifier that an architecture describes, with random weights.

    Args:
        architecture: `net` (a name in `NETS`), `width`, `dropout`, `classes`, `size` (pixels along a side), `mean`,
            `std` and `colours`.
    """
    classes, size = architecture["classes"], architecture["size"]
    net = NETS[architecture["net"]](
        len(classes), width=architecture["width"], size=size, dropout=architecture["dropout"]
    )
    mean, std, colours = architecture["mean"], architecture["std"], architecture.get("colours")
    return Classifier(net, classes=classes, size=size, mean=mean, std=std, name=name, colours=colours)
