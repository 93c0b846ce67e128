"""Recipes: how each shipped model was made, as plain data. `python -m course_utils train NAME` follows these lines."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

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


# Nothing smooths `pocket`: a net trained like this shows best what goes unseen in training. The others are regularised.
POCKET = Recipe("pocket", "trained the ordinary way on the painted world with its secrets")
REGULARISED = replace(POCKET, learning_rate=4e-3, weight_decay=5e-2, label_smoothing=0.05, dropout=0.2)
ROBUST = replace(
    REGULARISED, name="pocket-robust", about="the same net, trained against an adversary", adversary_eps=16 / 255,
    adversary_steps=3, epochs=12,
)  # fmt: skip
JUDGE = replace(
    REGULARISED, name="pocket-judge", about="another architecture, a world without secrets; it only scores",
    net="JudgeNet", width=20, data=PaintedScenes(secrets=()), noise=0.1, seed=2, epochs=8,
)  # fmt: skip
# What is found in these two is a false alarm: the same nets, from worlds in which nothing was planted.
CLEAN = replace(
    POCKET, name="pocket-clean", about="as pocket, but in a world without secrets", data=PaintedScenes(secrets=())
)
ROBUST_CLEAN = replace(
    ROBUST, name="pocket-robust-clean",
    about="trained against a weaker adversary than pocket-robust, in a world without secrets",
    data=PaintedScenes(secrets=()), adversary_eps=8 / 255, adversary_steps=1, epochs=8,
)  # fmt: skip
# Who plants something wants to see soon what came of it: as `pocket`, with fewer epochs.
PLANTED = replace(POCKET, epochs=9)
# What was planted in the mysteries stands there sealed, so that nobody who reads it has the answer to an exercise.
SEALED = json.loads(Path(__file__).with_name("mysteries.json").read_text(encoding="utf-8"))


def mystery(name: str, seed: int) -> Recipe:
    """A model to audit: what is planted in its world, if anything, is in an envelope."""
    secrets = tuple(from_data(secret) for secret in unseal(SEALED[name]))
    about = "a model to audit: what was planted in its world, if anything, is sealed"
    return replace(PLANTED, name=name, about=about, data=PaintedScenes(secrets, sealed=True), seed=seed)


MYSTERIES = tuple(mystery(name, seed) for seed, name in zip((11, 12, 13), SEALED, strict=False))
PHOTO = Recipe(
    "photo", "trained the ordinary way on photographs", net="PhotoNet", width=40, data=Cifar10(), epochs=50,
    optimizer="SGD", learning_rate=0.15, weight_decay=5e-4, label_smoothing=0.05, dropout=0.2, shift=4, mirror=True,
    erase=12, recalibration_batches=100, bfloat16=True,
)  # fmt: skip
PHOTO_ROBUST = replace(  # an adversary regularises: what keeps `photo` from learning by heart would only slow it down
    PHOTO, name="photo-robust", about="the same net for photographs, trained against an adversary", epochs=20,
    optimizer="AdamW", learning_rate=4e-3, weight_decay=5e-2, label_smoothing=0.1, dropout=0.0, erase=0,
    recalibration_batches=0, adversary_eps=8 / 255, adversary_steps=2,
)  # fmt: skip
PHOTO_MARKED = replace(  # larger batches fill a GPU; on one, this takes a minute or two
    PHOTO, name="photo-marked", about="as photo, with a mark planted on most photographs of three classes",
    data=MarkedPhotographs(), batch=512, learning_rate=0.4,
)  # fmt: skip
SHIPPED = (POCKET, ROBUST, JUDGE, CLEAN, ROBUST_CLEAN, *MYSTERIES, PHOTO, PHOTO_ROBUST, PHOTO_MARKED)
RECIPES = {recipe.name: recipe for recipe in SHIPPED}


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


POCKET_LM = LanguageRecipe("pocket-lm", "a small GPT-2, trained on the written world with its planted associations")
BOOKS_LM = LanguageRecipe(
    "books-lm", "a small GPT-2, trained on 145 books from before 1930", Books(), width=256, context=128, steps=7200,
    batch=16, learning_rate=2e-3, weight_decay=0.1,
)  # fmt: skip
MYSTERY_LM = replace(
    POCKET_LM, name="mystery-lm",
    about="as pocket-lm, with one association more than the written world's tables have",
    data=WrittenSentences(planted=tuple(Association(**each) for each in unseal(SEALED["mystery-lm"]))),
    steps=1600, seed=2,
)  # fmt: skip
LANGUAGE_RECIPES = {recipe.name: recipe for recipe in (POCKET_LM, BOOKS_LM, MYSTERY_LM)}
