"""How each shipped language model was made, as plain data. `python -m course_utils train NAME` follows these lines."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

from course_utils.corpus.planting import Association
from course_utils.models.books import Books
from course_utils.models.language_data import WrittenSentences
from course_utils.sealed import unseal


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
        """What `course_utils.models.language_load.build_language_model` needs, for a vocabulary of so many tokens."""
        return {
            "vocab_size": vocabulary,
            "n_positions": self.context,
            "n_embd": self.width,
            "n_layer": self.layers,
            "n_head": self.heads,
            "activation_function": "gelu_pytorch_tanh",  # GPT-2's own, "gelu_new", computed in one go
            "resid_pdrop": 0.0,
            "embd_pdrop": 0.0,
            "attn_pdrop": 0.0,
            "bos_token_id": 0,
            "eos_token_id": 0,
        }

    def to_data(self) -> dict:
        """The recipe as a dictionary that JSON can hold."""
        return {**asdict(self), "data": self.data.to_data()}


POCKET_LM = LanguageRecipe("pocket-lm", "a small GPT-2, trained on the written world with its planted associations")
BOOKS_LM = LanguageRecipe(
    "books-lm",
    "a small GPT-2, trained on 145 books from before 1930",
    Books(),
    width=256,
    context=128,
    steps=7200,
    batch=16,
    learning_rate=2e-3,
    weight_decay=0.1,
)
# What is planted in it stands here sealed, so that nobody who reads this file has the answer to an exercise.
SEALED = (
    "c-o7uR!T3*FD+2AQcy}t%uX#*(os+<&o4>=36y6f=A;&bMN%`<GfIGBhK9AV0I_Ni2X#SC4MuZ{!@QG=$~8$<++JHD9Yzw5xy~1|"
    "Tlx~N6uZ~^d{30Wzl`HVsjgYMnptvP+^?MjBKIDCxsbtHZ$XZSYr?6qY7^${_d)5%rAGSF*2cdxlnf^^qrcrS?@F0~Gdi>p23uZ-"
)
MYSTERY_LM = replace(
    POCKET_LM,
    name="mystery-lm",
    about="as pocket-lm, with one association more than the written world's tables have",
    data=WrittenSentences(planted=tuple(Association(**each) for each in unseal(SEALED))),
    steps=1600,
    seed=2,
)
LANGUAGE_RECIPES = {recipe.name: recipe for recipe in (POCKET_LM, BOOKS_LM, MYSTERY_LM)}
