"""Figures about tokens: the next one's distribution, and predictions held against the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from course_utils.show.figures import percent
from course_utils.show.style import PALETTE, Picture, new_figure, styled

if TYPE_CHECKING:
    from course_utils.language.calibration import AgainstTruth
    from course_utils.language.next_token import NextTokens

BAR = 0.36  # inches of height for a bar


@styled
def plot_next_tokens(
    result: NextTokens, *, truth: Mapping[str, float] | None = None, title: str | None = None
) -> Picture:
    """The most probable next tokens as bars, with the true probabilities as diamonds if they are known.

    Args:
        result: from `next_token_distribution`.
        truth: true probabilities by token text; what is not in it is 0.
        title: the finding; if None, what was asked.
    """
    shares = [100 * share for share in result.probabilities.tolist()]
    names = [spelt(token) for token in result.tokens]
    figure = new_figure(0.9 + BAR * len(shares) + (0.3 if truth else 0))
    axes = figure.add_subplot()
    rows = range(len(shares))
    axes.barh(rows, shares, color=PALETTE[0], label=f"{result.lm.name} says")
    known = [100 * (truth or {}).get(token, 0.0) for token in result.tokens]
    if truth is not None:
        axes.plot(
            known, rows, "D", color=PALETTE[1], markeredgecolor="white", linestyle="none", label="true", clip_on=False
        )
        figure.legend(loc="outside lower center", ncols=2)
    axes.set_yticks(rows, names, family="monospace")
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.set(xlabel="probability, per cent", xlim=(0, max(*shares, *known, 1) * 1.2))
    for row, share in enumerate(shares):
        axes.annotate(
            percent(share / 100), (max(share, known[row]), row), (6, 0), textcoords="offset points", va="center"
        )
    axes.set_title(title or f"After “{result.text}”", loc="left", wrap=True)
    said = ", ".join(
        f"{name} {percent(share / 100)}" + (f" (true {percent(true / 100)})" if truth is not None else "")
        for name, share, true in zip(names, shares, known, strict=True)
    )
    return Picture(figure, alt=f"What {result.lm.name} expects after “{result.text}”: {said}.")


@styled
def plot_calibration(result: AgainstTruth) -> Picture:
    """Predicted against true probabilities: every prediction as a dot, the means of ten bins as a curve."""
    figure = new_figure(5.0)
    axes = figure.add_subplot()
    matter = (result.predicted > 0.01) | (result.true > 0.01)
    axes.plot([0, 100], [0, 100], color="black", linewidth=1, marker="", linestyle="--", label="calibrated")
    dots = (100 * result.predicted[matter], 100 * result.true[matter])
    axes.plot(*dots, ".", color="#888888", alpha=0.5, markersize=4, linestyle="none", label="single predictions")
    rows = result.calibration()
    axes.plot([100 * mean for mean, _, _ in rows], [100 * true for _, true, _ in rows], label="means of ten bins")
    axes.lines[-1].set(color=PALETTE[0], marker="o", linestyle="-")
    axes.set(xlabel="the model says, per cent", ylabel="true, per cent", aspect="equal")
    axes.set_title(f"Off by {100 * result.calibration_error:.1f} points on average", loc="left", wrap=True)
    axes.legend(loc="upper left")
    means = ", ".join(f"{percent(mean)} → {percent(true)}" for mean, true, _ in rows)
    alt = (
        f"True against predicted probabilities of next tokens after {len(result.contexts)} contexts. Means of ten "
        f"bins, predicted → true: {means}."
    )
    return Picture(figure, alt=alt)


def spelt(token: str) -> str:
    """A token so that its leading space can be seen, “␣girl”, and what cannot be printed, “\\x1c”."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in token.replace(" ", "␣"))
    return shown.replace("$", r"\$")
