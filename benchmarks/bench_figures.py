"""The pictures on the book's page of benchmarks, out of what was measured: ratios as bars, with how good beside it."""

from __future__ import annotations

import math
from typing import Any

from course_utils.figures.style import PALETTE, DescribedFigure, new_figure, styled

GOAL = 1.25  # of a step over the bare passes
# Comparison, the case that stands for it, what is judged and in which words, and rows that are no peers.
SHOWN = (
    ("attacks", "pocket, 64 pictures", "called volcano", "attack: share tricked", ("bare passes",)),
    ("visualization", "pocket, a picture of each", "logit, mean", "visualisation: logit", ()),
    ("isolation_peers", "pocket, ", "IoU", "isolation: overlap (IoU)", ("blob in the centre",)),
    ("prompt_peers", "pocket-lm", "best log-probability", "prompts: probability of the best", ()),
)
METHODS = ("attack", "feature visualisation", "prototypes without images", "prototypes with images")


def peers(results: dict[str, Any]) -> DescribedFigure:
    """How long each peer takes, over ours, and beside it how good what it gives is, over ours."""
    bars = []
    for comparison, case, judged, words, without in SHOWN:
        rows = rows_of(results, comparison, case)
        good = {row["way"]: row["quality"].get(judged) for row in rows}
        if "log-probability" in judged:
            good = {way: math.exp(value) for way, value in good.items()}
        for row in rows:
            if "ours" not in row["way"] and row["way"] not in without and row["ratio"]:
                bars.append((row["way"], words, row["ratio"]["median"], good[row["way"]] / good["ours"]))
    return drawn(bars)


@styled
def drawn(bars: list[tuple[str, str, float, float]]) -> DescribedFigure:
    """Two panels side by side: times on a logarithmic axis from 1 on, and quality from 0 on."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    figure = new_figure(1.3 + 0.3 * len(bars))
    times, good = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    about = list(dict.fromkeys(words for _, words, _, _ in bars))
    for place, (_, words, time, quality) in enumerate(bars):
        colour = PALETTE[about.index(words)]
        times.barh(place, time - 1, left=1, color=colour)
        times.annotate(f"{time:.2g}", (max(time, 1), place), (3, 0), textcoords="offset points", va="center")
        good.barh(place, quality, color=colour, label=words)
        good.annotate(f"{quality:.2f}", (quality, place), (3, 0), textcoords="offset points", va="center")
    times.set_xscale("log")
    times.xaxis.set_major_formatter(FuncFormatter(lambda time, _: f"{time:g}"))
    times.xaxis.set_minor_formatter(NullFormatter())
    times.set_xlim(right=4 * max(time for _, _, time, _ in bars))
    good.set_xlim(0, 1.35 * max(quality for *_, quality in bars))
    times.set_yticks(range(len(bars)), [way for way, *_ in bars])
    times.invert_yaxis()
    for axes, label in ((times, "time over ours"), (good, "quality over ours")):
        axes.axvline(1, color="black", linewidth=0.8)
        axes.set_xlabel(label)
    legend = dict(zip(*reversed(good.get_legend_handles_labels()), strict=True))
    figure.legend(legend.values(), legend, loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    slower, better = sum(t > 1 for _, _, t, _ in bars), sum(round(q, 2) > 1 for *_, q in bars)
    figure.suptitle(f"Of {len(bars)} peers {slower} are slower than ours, {better} give better results")
    said = "; ".join(f"{way} ({words}): time {t:.2g}, quality {q:.2f}" for way, words, t, q in bars)
    return DescribedFigure(figure, alt=f"Bars of the time and the quality of other ways over ours: {said}.")


@styled
def steps(results: dict[str, Any]) -> DescribedFigure:
    """A step of each method over the bare passes, for each net and number of pictures, with the goal as a line."""
    rows = [row for row in rows_of(results, "roofline", "") if row["way"] in METHODS and row["ratio"]]
    cases = list(dict.fromkeys(row["case"] for row in rows))
    met = sum(row["ratio"]["median"] <= GOAL for row in rows)
    figure = new_figure(3.8)
    axes = figure.subplots()
    for place, method in enumerate(METHODS):
        ratios = {row["case"]: row["ratio"]["median"] for row in rows if row["way"] == method}
        along = [i + 0.2 * (place - 1.5) for i in range(len(cases))]
        axes.bar(along, [ratios.get(case, 0) for case in cases], 0.18, color=PALETTE[place], label=method)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.axhline(GOAL, color="black", linewidth=1.2, linestyle="--")
    axes.annotate(f"goal {GOAL}", (len(cases) - 0.5, GOAL), (0, 3), textcoords="offset points", ha="right", fontsize=9)
    axes.set_xticks(range(len(cases)), [case.replace(", ", ",\n") for case in cases])
    axes.set_ylabel("a step over the bare passes")
    axes.set_title(f"{met} of {len(rows)} steps cost at most {GOAL} times the bare passes")
    figure.legend(loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    said = "; ".join(f"{row['case']}, {row['way']}: {row['ratio']['median']:.2f}" for row in rows)
    return DescribedFigure(figure, alt=f"Bars of a step's time over the bare passes: {said}. The goal is {GOAL}.")


def rows_of(results: dict[str, Any], comparison: str, case: str) -> list[dict]:
    """The rows that were measured, of the first case that begins so; of all cases for an empty string."""
    rows = [row for row in results.get(comparison, {}).get("rows", []) if "error" not in row]
    first = next((row["case"] for row in rows if row["case"].startswith(case)), None)
    return [row for row in rows if not case or row["case"] == first]
