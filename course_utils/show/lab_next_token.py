"""The lab of chapter 8: write a beginning, see what the model would go on with, and how sure it is of each word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from course_utils.language.next_token import next_token_distribution, sequence_log_probability
from course_utils.models.language_model import LanguageModel
from course_utils.show.figures import percent
from course_utils.show.lab import Lab, Progress
from course_utils.show.style import Picture
from course_utils.show.tokens import plot_next_tokens, spelt

MOST = 20  # bars that still fit on a screen
ABOUT = (
    "In it you write a beginning and see the most probable next tokens, what is true where that is known, how the "
    "model cuts your text into tokens, and how probable it found each of them."
)


def next_token_lab(
    lm: LanguageModel,
    text: str = "Shanghai is a city in",
    *,
    truth: Callable[[str], Mapping[str, float]] | None = None,
    k: int = 8,
) -> Lab:
    """A panel that shows what a language model expects after the text that is written into it.

    Args:
        lm: a language model.
        text: to begin with.
        truth: the true distribution after a text, by token text, such as `course_utils.corpus.true_next`; it is shown
            where it knows the text, and a ValueError of its is taken to mean that it does not.
        k: how many tokens are shown to begin with, 1 … 20.

    Raises:
        ValueError: `k` out of range.
    """
    if not 1 <= k <= MOST:
        raise ValueError(f"k={k} given, expected 1 to {MOST} tokens.")

    def draw(text: str, k: int, progress: Progress) -> tuple[Picture, str]:
        said = next_token_distribution(lm, text, k=k)
        true = _known(truth, text)
        pieces = " ".join(spelt(lm.piece(i)) for i in lm.tokens(text))
        line = f"Its tokens: {pieces}."
        scored = sequence_log_probability(lm, text)
        surprise = int(scored.log_probabilities.argmin())
        least = percent(scored.log_probabilities[surprise].exp().item())
        line += f" The least expected of them was {spelt(scored.tokens[surprise])}, {least}."
        if true is None and truth is not None:
            line += " No sentence of the written world begins like this, so nothing is true or false here."
        return plot_next_tokens(said, truth=true), line

    def controls(first: Mapping[str, Any]) -> dict[str, Any]:
        import ipywidgets as widgets

        return {
            "text": widgets.Text(value=first["text"], description="text", continuous_update=False),
            "k": widgets.IntSlider(min=1, max=MOST, value=first["k"], description="tokens", continuous_update=False),
        }

    return Lab("Lab: what comes next?", draw, {"text": text, "k": k}, controls, ABOUT)


def _known(truth: Callable[[str], Mapping[str, float]] | None, text: str) -> Mapping[str, float] | None:
    try:
        return truth(text) if truth else None
    except ValueError:
        return None
