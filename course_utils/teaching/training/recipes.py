"""Recipes: how each shipped model was made. `python -m course_utils train NAME` follows what `recipes.yml` says."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from course_utils.corpus.grammar import Association
from course_utils.teaching.training.data import Cifar10, Data, PaintedScenes
from course_utils.teaching.training.language_data import Books, WrittenSentences
from course_utils.teaching.training.marks import MarkedPhotographs
from course_utils.teaching.training.save import unseal
from course_utils.teaching.training.secrets import from_data


@dataclass(frozen=True)
class Recipe:
    """Everything that decides which weights come out.

    `adversary_eps` and `adversary_steps` are those of the attack that training defends against (Madry et al. 2018):
    L-infinity, from a random start; 0 steps is ordinary training. `noise` is the largest standard deviation of extra
    noise, drawn anew for each image; `shift` the farthest move in pixels; `mirror` turns every other image round;
    `erase` greys out a square of so many pixels somewhere (DeVries & Taylor 2017). `optimizer` is AdamW, or SGD with
    Nesterov's momentum. With the last step done, batch norm's statistics are estimated anew over
    `recalibration_batches`, as during training they trail behind the weights (Wu & Johnson 2021). `bfloat16` halves the
    time where the processor knows that format, and costs time where it does not.
    """

    name: str
    about: str
    net: str = "PocketNet"
    width: int = 16
    data: Data = field(default_factory=PaintedScenes)
    epochs: int = 11
    batch: int = 128
    optimizer: str = "AdamW"
    learning_rate: float = 5e-4
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    dropout: float = 0.0
    adversary_eps: float = 0.0
    adversary_steps: int = 0
    noise: float = 0.0
    shift: int = 0
    mirror: bool = False
    erase: int = 0
    recalibration_batches: int = 0
    bfloat16: bool = False
    seed: int = 1

    @property
    def architecture(self) -> dict:
        """What `course_utils.models.shipped.build` needs to make the classifier."""
        return {
            "net": self.net,
            "width": self.width,
            "dropout": self.dropout,
            "classes": list(self.data.classes),
            "size": self.data.size,
            "mean": [0.5, 0.5, 0.5],
            "std": [0.25, 0.25, 0.25],
            "colours": [list(row) for row in self.data.colours],
        }

    def to_data(self) -> dict:
        """The recipe as a dictionary that JSON can hold."""
        data = {**asdict(self), "data": self.data.to_data()}
        return data | {"settle": data.pop("recalibration_batches")}  # the name that the shipped models' cards have


@dataclass(frozen=True)
class LanguageRecipe:
    """Everything that decides which weights come out.

    `width` numbers stand for each token, `layers` blocks with `heads` attention heads work on them; the model sees up
    to `context` tokens. A step goes through `batch` rows of that length; where `bfloat16` says so, its matrix products
    are taken in that precision.
    """

    name: str
    about: str
    data: WrittenSentences | Books = field(default_factory=WrittenSentences)
    layers: int = 4
    width: int = 128
    heads: int = 4
    context: int = 32
    steps: int = 2400
    batch: int = 64
    optimizer: str = "AdamW"
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    bfloat16: bool = False
    seed: int = 1

    def architecture(self, vocabulary: int) -> dict:
        """What `course_utils.models.load.build_language_model` needs, for a vocabulary of so many tokens."""
        return {
            "vocab_size": vocabulary,
            "n_positions": self.context,
            "n_embd": self.width,
            "n_layer": self.layers,
            "n_head": self.heads,
            "activation_function": "gelu_pytorch_tanh",  # GPT-2's own, "gelu_new", computed in one go
            **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0),
            **dict.fromkeys(("bos_token_id", "eos_token_id"), 0),
        }

    def to_data(self) -> dict:
        """The recipe as a dictionary that JSON can hold."""
        return {**asdict(self), "data": self.data.to_data()}


DATA: dict[str, Any] = {
    "painted world without secrets": PaintedScenes(secrets=()),
    "CIFAR-10": Cifar10(),
    "CIFAR-10 with marks": MarkedPhotographs(),
    "books": Books(),
}
FILE = yaml.safe_load(Path(__file__).with_name("recipes.yml").read_text(encoding="utf-8"))
SEALED = json.loads(Path(__file__).with_name("mysteries.json").read_text(encoding="utf-8"))


def _settings(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """A recipe's settings from the file, its data in place of their name; what is planted in a mystery is opened."""
    if name in SEALED:
        opened = unseal(SEALED[name])
        if name in FILE["classifiers"]:
            return settings | {"data": PaintedScenes(tuple(map(from_data, opened)), sealed=True)}
        return settings | {"data": WrittenSentences(planted=tuple(Association(**each) for each in opened))}
    return settings | {"data": DATA[settings["data"]]} if "data" in settings else settings


RECIPES = {name: Recipe(name, **_settings(name, each)) for name, each in FILE["classifiers"].items()}
MYSTERIES = tuple(recipe for name, recipe in RECIPES.items() if name in SEALED)
PLANTED = replace(MYSTERIES[0], seed=1)  # what a reader plants is trained like a mystery
LANGUAGE_RECIPES = {name: LanguageRecipe(name, **_settings(name, each)) for name, each in FILE["language"].items()}
MYSTERY_LM = LANGUAGE_RECIPES["mystery-lm"]
