"""What a search for prompts gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_utils.language.targets import Target
from course_utils.models.language_model import LanguageModel

SHOWN = 10  # prompts in a table or a figure
Found = TypeVar("Found", bound="FoundPrompts")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class FoundPrompts:
    """Prompts of tokens, and how probable each makes the target; one row a prompt.

    Attributes:
        token_ids: the prompts.
        text: the prompts, decoded.
        pieces: the prompts, token by token.
        probability: of the target after the prompt's tokens, in [0, 1].
        retokenizes: whether the tokenizer turns the text back into these tokens; if not, nobody can type the prompt.
        target: what is to follow, as text.
        forward_passes: prompts that went forward through the model to find these.
        backward_passes: prompts whose gradient was taken; each costs about as much as another forward pass.
        interrupted: whether Ctrl-C or the notebook's stop button cut the search short.
    """

    token_ids: Int[Tensor, "prompts length"]
    text: list[str]
    pieces: list[list[str]]
    probability: Float[Tensor, "prompts"]
    retokenizes: Bool[Tensor, "prompts"]
    target: str
    forward_passes: int
    backward_passes: int
    interrupted: bool

    def best(self: Found, n: int = SHOWN) -> Found:
        """The n prompts with the highest probability, best first, each prompt once.

        Raises:
            ValueError: n below 1.
        """
        if n < 1:
            raise ValueError(f"n={n} given, expected at least 1 prompt.")
        order = self.probability.argsort(descending=True, stable=True).tolist()
        first = {tuple(self.token_ids[row].tolist()): row for row in reversed(order)}
        return self.rows(sorted(first.values(), key=order.index)[:n])

    def rows(self: Found, rows: Sequence[int]) -> Found:
        """These rows alone, in this order."""
        count = len(self)
        picked = {
            each.name: _picked(getattr(self, each.name), rows)
            for each in fields(self)
            if each.name not in ("target", "history") and _has_rows(getattr(self, each.name), count)
        }
        return replace(self, **picked)

    def plot(self, n: int = SHOWN) -> Any:
        """The best n prompts as bars."""
        from course_utils.show.prompts import plot_prompts  # here, because it imports matplotlib

        return plot_prompts(self, n)

    def __len__(self) -> int:
        return len(self.text)

    def __repr__(self) -> str:
        best = int(self.probability.argmax())
        cut = "; interrupted" if self.interrupted else ""
        count = f"{len(self)} prompt{'s' * (len(self) != 1)}"
        return (
            f"{type(self).__name__}: {count} for {self.target!r}, best {self.text[best]!r} with probability "
            f"{self.probability[best]:.3f}{self._more()}, {self.forward_passes:,} forward passes{cut}"
        )

    def _more(self) -> str:
        return ""

    def _columns(self) -> dict[str, list[str]]:
        return {"probability": [f"{each:.3f}" for each in self.probability.tolist()]}

    def _repr_html_(self) -> str:
        from course_utils.show.html import render

        best = self.best(SHOWN)
        columns = best._columns()
        return render(
            "prompts.html",
            line=repr(self),
            names=list(columns),
            rows=list(zip(best.pieces, best.retokenizes.tolist(), zip(*columns.values(), strict=True), strict=True)),
        )


def described_prompts(
    lm: LanguageModel,
    token_ids: Int[Tensor, "prompts length"],
    log_probability: Float[Tensor, "prompts"],
    target: Target,
) -> dict[str, Any]:
    """The fields of `FoundPrompts` that follow from token ids and the target's log-probability after them."""
    rows = token_ids.tolist()
    return {
        "token_ids": token_ids,
        "text": [lm.decode(row) for row in rows],
        "pieces": [[lm.piece(token) for token in row] for row in rows],
        "probability": log_probability.exp(),
        "retokenizes": torch.tensor([lm.retokenizes(row) for row in rows], dtype=torch.bool),
        "target": target.text,
    }


def _has_rows(value: object, count: int) -> bool:
    return isinstance(value, list) or (isinstance(value, Tensor) and value.ndim > 0 and len(value) == count)


def _picked(value: Any, rows: Sequence[int]) -> Any:
    if isinstance(value, Tensor):
        return value[torch.as_tensor(rows, dtype=torch.long, device=value.device)]
    return [value[row] for row in rows]
