"""Prompts that were found, as bars: how probable each makes its target, and what the vectors had promised."""

from __future__ import annotations

from course_utils.language.found import FoundPrompts
from course_utils.language.prompts import OptimizedPrompts
from course_utils.show.style import PALETTE, Picture, new_figure, styled

LETTERS = 34  # of a prompt, beside its bar


@styled
def plot_prompts(found: FoundPrompts, n: int = 10, *, alt: str | None = None) -> Picture:
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
    figure = new_figure(0.9 + 0.32 * len(best))
    axes = figure.add_subplot()
    places = range(len(best))
    axes.barh(places, probability, color=PALETTE[0], height=0.65, label="after the prompt's tokens")
    if isinstance(best, OptimizedPrompts):
        soft = best.soft_probability.tolist()
        axes.plot(soft, places, "D", color="white", markeredgecolor="black", label="after the restart's vectors")
        figure.legend(loc="outside lower center", ncols=2)
    axes.set_yticks(places, [readable(pieces) for pieces in best.pieces])
    axes.set(xlim=(0, 1.02), xlabel=f"probability of {best.target!r}")
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    listed = ", ".join(f"{text!r} {p:.2f}" for text, p in zip(best.text, probability, strict=True))
    return Picture(figure, alt=alt or f"Prompts found for {best.target!r} with its probability: {listed}.")


def readable(pieces: list[str]) -> str:
    """A prompt's tokens with dots between them; a space that begins a token is left out, as it would not be seen."""
    text = "·".join(piece.strip() or "␣" for piece in pieces)
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"
