"""The pictures on the book's page of benchmarks, out of what was measured: ratios as bars, with how good beside it."""

from __future__ import annotations

from typing import Any

from course_utils.show.style import PALETTE, Picture, new_figure, styled

GOAL = 1.25  # of a step over the bare passes
# Comparison, the case that stands for it, what is judged, and ways that are left out.
SHOWN = (
    ("attacks", "pocket, 64 pictures, 20 steps", "called volcano", ("bare passes",)),
    ("visualization", "pocket, a picture of each", "logit, mean", ()),
    ("isolation_peers", "pocket, ", "IoU", ("blob in the centre",)),
    ("prompt_peers", "pocket-lm, three tokens", "best log-probability, mean", ()),
)
METHODS = ("attack", "feature visualisation", "prototypes without images", "prototypes with images")
NAMES = {
    "attacks": "attack",
    "visualization": "visualisation",
    "isolation_peers": "isolation",
    "prompt_peers": "prompt",
}


def peers(results: dict[str, Any]) -> Picture:
    """How long each way takes, over ours; the bars' labels say how good what it gives is."""
    bars = []
    for comparison, case, judged, without in SHOWN:
        rows = rows_of(results, comparison, case)
        good = {row["way"]: row["quality"].get(judged) for row in rows}
        for row in rows:
            if row["way"] not in ("ours", *without) and row["ratio"]:
                label = f"{judged} {good[row['way']]:.2f}, ours {good['ours']:.2f}"
                bars.append((f"{NAMES[comparison]}: {row['way']}", row["ratio"], label))
    return drawn_bars(bars)


@styled
def drawn_bars(bars: list[tuple[str, dict[str, float], str]]) -> Picture:
    slower = sum(ratio["median"] > 1 for _, ratio, _ in bars)
    figure = new_figure(0.8 + 0.34 * len(bars))
    axes = figure.subplots()
    middle = [ratio["median"] for _, ratio, _ in bars]
    axes.barh(range(len(bars)), [each - 1 for each in middle], left=1, color=[PALETTE[each < 1] for each in middle])
    for place, (_, ratio, label) in enumerate(bars):
        axes.plot([ratio["low"], ratio["high"]], [place, place], color="black", linewidth=1.5)
        text, beyond = f"{ratio['median']:.2g}x; {label}", max(ratio["high"], 1)
        axes.annotate(text, (beyond, place), (5, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_xscale("log")
    axes.set_xlim(right=max(middle) * 30)
    axes.set_yticks(range(len(bars)), [name for name, _, _ in bars])
    axes.invert_yaxis()
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("time over ours")
    axes.set_title(f"{slower} of {len(bars)} other ways take longer than ours")
    said = "; ".join(f"{name} {ratio['median']:.2g} times, {label}" for name, ratio, label in bars)
    return Picture(figure, alt=f"Bars of the time that other ways take over ours, with how good they are: {said}.")


@styled
def steps(results: dict[str, Any]) -> Picture:
    """A step of each method over the bare passes, for each net and number of pictures, with the goal as a line."""
    rows = [row for row in rows_of(results, "roofline", "") if row["way"] in METHODS and row["ratio"]]
    cases = list(dict.fromkeys(row["case"] for row in rows))
    met = sum(row["ratio"]["median"] <= GOAL for row in rows)
    figure = new_figure(3.4)
    axes = figure.subplots()
    for place, method in enumerate(METHODS):
        ratios = {row["case"]: row["ratio"]["median"] for row in rows if row["way"] == method}
        along = [i + 0.2 * (place - 1.5) for i in range(len(cases))]
        axes.bar(along, [ratios.get(case, 0) for case in cases], 0.18, color=PALETTE[place], label=method)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.axhline(GOAL, color="black", linewidth=1.2, linestyle="--")
    axes.annotate(f"goal {GOAL}", (len(cases) - 0.5, GOAL), (0, 3), textcoords="offset points", ha="right", fontsize=9)
    axes.set_xticks(range(len(cases)), cases)
    axes.set_ylabel("a step over the bare passes")
    axes.set_title(f"{met} of {len(rows)} steps cost at most {GOAL} times the bare passes")
    axes.legend(fontsize=8, frameon=False)
    said = "; ".join(f"{row['case']}, {row['way']}: {row['ratio']['median']:.2f}" for row in rows)
    return Picture(figure, alt=f"Bars of a step's time over the bare passes: {said}. The goal is {GOAL}.")


def rows_of(results: dict[str, Any], comparison: str, case: str) -> list[dict]:
    """The rows that were measured, of the first case that begins so; of all cases for an empty string."""
    rows = [row for row in results.get(comparison, {}).get("rows", []) if "error" not in row]
    first = next((row["case"] for row in rows if row["case"].startswith(case)), None)
    return [row for row in rows if not case or row["case"] == first]
