"""Results of a search for prompts: the prompts with their target's probability, as a table, as bars, and in a file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_utils.figures.style import PALETTE, DescribedFigure, new_axes, render, styled
from course_utils.language.targets import Scorer, Target, as_target, surprise
from course_utils.language.vocabulary import is_offensive
from course_utils.models.language_model import LanguageModel
from course_utils.utils import read_saved, write_saved
from course_utils.validation import check_settings

SHOWN = 10  # prompts in a table or a figure
LETTERS = 34  # of a prompt, beside its bar
Results = TypeVar("Results", bound="PromptResults")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Search:
    """Prompts of tokens and what it took to find them; one row a prompt."""

    token_ids: Int[Tensor, "prompts length"]
    text: list[str]
    pieces: list[list[str]]
    surprise: Float[Tensor, "prompts"]
    forward_passes: int
    backward_passes: int
    interrupted: bool

    @property
    def passes(self) -> int:
        """Passes of single prompts through the model, forward and backward: what searches are compared by."""
        return self.forward_passes + self.backward_passes

    def __len__(self) -> int:
        return len(self.text)


def written(lm: LanguageModel, token_ids: Int[Tensor, "prompts length"]) -> dict[str, Any]:
    """Prompts of tokens with their texts, as the fields of a search."""
    rows = token_ids.tolist()
    pieces = [[lm.piece(token) for token in row] for row in rows]
    return {"token_ids": token_ids, "text": [lm.decode(row) for row in rows], "pieces": pieces}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PromptResults(Search):
    """Prompts of tokens, and how probable each makes the target; one row a prompt.

    Attributes:
        token_ids: the prompts.
        text: the prompts, decoded.
        pieces: the prompts, token by token.
        probability: of the target after the prompt's tokens, in [0, 1].
        surprise: mean cross-entropy of the prompt's own tokens under the model, in nats: low for text that it might
            have read; NaN where no token has a probability.
        retokenizes: whether the tokenizer turns the text back into these tokens; if not, nobody can type the prompt.
        target: what is to follow, as text.
        forward_passes: prompts that went forward through the model to find these.
        backward_passes: prompts whose gradient was taken; each costs about as much as another forward pass.
        interrupted: whether Ctrl-C or the notebook's stop button cut the search short.
    """

    probability: Float[Tensor, "prompts"]
    retokenizes: Bool[Tensor, "prompts"]
    target: str

    @classmethod
    def of_tokens(
        cls: type[Results],
        lm: LanguageModel,
        token_ids: Int[Tensor, "prompts length"],
        log_probability: Float[Tensor, "prompts"],
        target: Target,
        **others: Any,
    ) -> Results:
        """Results from token ids and the target's log-probability after them; the other fields as they are."""
        return cls(
            **written(lm, token_ids),
            probability=log_probability.exp(),
            surprise=surprise(lm, token_ids),
            retokenizes=torch.tensor([lm.retokenizes(row) for row in token_ids.tolist()], dtype=torch.bool),
            target=target.text,
            **others,
        )

    def best(self: Results, n: int = SHOWN) -> Results:
        """The n prompts with the highest probability, best first, each prompt once.

        Raises:
            ValueError: n below 1.
        """
        check_settings(n=n)
        order = self.probability.argsort(descending=True, stable=True).tolist()
        first = {tuple(self.token_ids[row].tolist()): row for row in reversed(order)}
        return self.rows(sorted(first.values(), key=order.index)[:n])

    def rows(self: Results, rows: Sequence[int]) -> Results:
        """These rows alone, in this order."""
        picked: dict[str, Any] = {}
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                picked[name] = value[list(rows)]
            elif isinstance(value, list):
                picked[name] = [value[row] for row in rows]
        return replace(self, **picked)

    def plot(self, n: int = SHOWN) -> DescribedFigure:
        """The best n prompts as bars."""
        return plot_prompts(self, n)

    def __repr__(self) -> str:
        best = int(self.probability.argmax())
        count = f"{len(self)} prompt{'s' * (len(self) != 1)}"
        probability = as_probability(self.probability[best].item())
        return (
            f"{type(self).__name__}: {count} for {self.target!r}, best {self.text[best]!r} with probability "
            f"{probability}{self._more()}, {self.forward_passes:,} forward passes{'; interrupted' * self.interrupted}"
        )

    def _more(self) -> str:
        return ""

    def _columns(self) -> dict[str, list[str]]:
        return {
            "probability": [as_probability(each) for each in self.probability.tolist()],
            "surprise": ["–" if math.isnan(each) else f"{each:.1f}" for each in self.surprise.tolist()],
        }

    def _repr_html_(self) -> str:
        best = self.best(SHOWN)
        columns = best._columns()
        rows = zip(best.pieces, best.retokenizes.tolist(), zip(*columns.values(), strict=True), strict=True)
        return render("prompts.html", line=repr(self), names=list(columns), rows=list(rows))


FoundPrompts = PromptResults  # the first edition's name


@styled
def plot_prompts(found: PromptResults, n: int = 10, *, alt: str | None = None) -> DescribedFigure:
    """The best n prompts with the probability of their target.

    Args:
        found: the result of a search.
        n: how many prompts, at least 1; each is drawn once.
        alt: what the figure shows; by default the prompts with their probabilities.

    Raises:
        ValueError: n below 1.
    """
    best = found.best(n)
    probability = best.probability.tolist()
    figure, axes = new_axes(0.9 + 0.32 * len(best))
    rows = range(len(best))
    axes.barh(rows, probability, color=PALETTE[0], height=0.65, label="after the prompt's tokens")
    soft = getattr(best, "soft_probability", None)  # of a search by gradient in embedding space
    if soft is not None:
        axes.plot(soft.tolist(), rows, "D", color="white", markeredgecolor="black", label="after the restart's vectors")
        figure.legend(loc="outside lower center", ncols=2)
    axes.set_yticks(rows, [readable(pieces) for pieces in best.pieces])
    most = max(probability + (soft.tolist() if soft is not None else []))
    axes.set(xlim=(0, 1.02 * max(most, 1e-9) if most < 0.2 else 1.02), xlabel=f"probability of {best.target!r}")
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    listed = ", ".join(f"{text!r} {as_probability(p)}" for text, p in zip(best.text, probability, strict=True))
    return DescribedFigure(figure, alt=alt or f"Prompts found for {best.target!r} with its probability: {listed}.")


def as_probability(value: float) -> str:
    """A probability with three decimals, or two digits where those would hide it: 0.123, 0.0012, 1.2e-5."""
    if value >= 0.01 or value == 0 or math.isnan(value):
        return f"{value:.3f}"
    if value >= 0.001:
        return f"{value:.4f}"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits}e{int(exponent)}"


def readable(pieces: list[str]) -> str:
    """A prompt's tokens with dots between them; a space that begins a token is left out, as it would not be seen.

    What no font can draw, such as a control character, becomes �.
    """
    text = "·".join(piece.strip() or "␣" for piece in pieces)
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"


def without_offensive(prompts: PromptResults) -> PromptResults:
    """The prompts whose text has no offensive word; the difference in length says how many are missing.

    Args:
        prompts: what a search found. The text is looked at, not the tokens: two harmless tokens can spell a slur.

    Raises:
        ValueError: none would be left.
    """
    shown = [row for row, text in enumerate(prompts.text) if not is_offensive(text)]
    if not shown:
        raise ValueError(f"each of the {len(prompts)} prompts for {prompts.target!r} has a word that is not shown.")
    return prompts.rows(shown)


def save_prompts(path: Path, found: Mapping[str, PromptResults], settings: Mapping[str, object]) -> None:
    """Writes the prompts found for several targets, with the settings of the search.

    Args:
        path: of the file, safetensors.
        found: prompts by name of the target.
        settings: that JSON can hold.
    """
    tensors = {name: each.token_ids.to(torch.int32).contiguous() for name, each in found.items()}
    about = {"targets": {name: each.target for name, each in found.items()}, "settings": dict(settings)}
    write_saved(path, "prompts", about, tensors)


def load_prompts(path: str | Path, lm: LanguageModel) -> tuple[dict[str, PromptResults], dict]:
    """(the prompts by name of the target, the settings of the search); each prompt is tried by the model again.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that `save_prompts` did not write, or with tokens that the model does not have.
    """
    about, prompts = read_saved(path, "prompts", "save_prompts", "file of prompts")
    largest = max(int(ids.max()) for ids in prompts.values())
    if largest >= lm.vocabulary:
        raise ValueError(f"{path} has token {largest}, {lm.name} has {lm.vocabulary}: it was made for another model.")
    found = {}
    for name, text in about["targets"].items():
        scorer = Scorer(lm, target := as_target(lm, text))
        ids = prompts[name].long().to(lm.device)
        counts = {"forward_passes": len(ids), "backward_passes": 0, "interrupted": False}
        found[name] = PromptResults.of_tokens(lm, ids, scorer(ids), target, **counts)
    return found, about["settings"]
