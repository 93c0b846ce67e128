"""Which changes of a scene turn most answers, as bars."""

from __future__ import annotations

from textwrap import fill

from course_utils.show.style import PALETTE, Picture, new_figure, styled
from course_utils.vision.effects import ALARM, Effects

LETTERS = 34  # of a bar's name in one line


@styled
def plot_effects(effects: Effects, most: int = 10, bar: float = ALARM) -> Picture:
    """The strongest changes, with their intervals, and the bar that makes one an alarm.

    Args:
        effects: of `factor_effects`.
        most: how many are drawn, at least 1.
        bar: a share of the answers.

    Raises:
        ValueError: nothing to draw.
    """
    shown = effects.found[:most]
    if not shown:
        raise ValueError("no effects to draw: no factor changes a pixel of these scenes.")
    names = [fill(f"{effect.name}, {effect.change}", LETTERS) for effect in shown]
    lines = [name.count("\n") + 1 for name in names]
    figure = new_figure(1.3 + 0.13 * len(shown) + 0.2 * sum(lines))
    axes = figure.add_subplot()
    shares = [100 * effect.flips.value for effect in shown]
    low = [max(0.0, 100 * (effect.flips.value - effect.flips.low)) for effect in shown]
    high = [max(0.0, 100 * (effect.flips.high - effect.flips.value)) for effect in shown]
    colours = [PALETTE[0] if effect.flips.value >= bar else "#bbbbbb" for effect in shown]
    rows = range(len(shown))
    axes.barh(rows, shares, xerr=(low, high), color=colours, error_kw={"elinewidth": 1.2, "capsize": 3})
    axes.axvline(100 * bar, color="black", linestyle="--", linewidth=1.5, marker="")
    axes.set_yticks(rows, names, fontsize=10)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.set(xlabel="answers turned, % (dashed: an alarm)", xlim=(0, 102))
    count = sum(effect.flips.value >= bar for effect in effects.found)
    found = f"{count} of {len(effects)} changes turn" if count != 1 else f"1 of {len(effects)} changes turns"
    axes.set_title(f"{effects.name}: {found} {bar:.0%} of the answers or more", loc="left", wrap=True)
    told = "; ".join(f"{effect.name}, {effect.change}: {effect.flips.value:.0%}" for effect in shown)
    return Picture(figure, alt=f"Bars of answers turned by changes of scenes shown to {effects.name}: {told}.")
