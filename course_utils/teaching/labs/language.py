"""Labs of language models: the next token (chapter 8), the search for prompts (11), the word cloud of a target (9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from course_utils.figures.images import percent
from course_utils.figures.style import PALETTE, DescribedFigure, described, new_figure, styled
from course_utils.language.next_token import next_token_distribution, plot_next_tokens, sequence_log_probability, spelt
from course_utils.language.prompt_results import readable
from course_utils.language.prompts import OptimizedPrompts, optimize_prompts
from course_utils.language.vocabulary import METRICS, Exclude
from course_utils.models.language_model import LanguageModel
from course_utils.teaching.labs import lab
from course_utils.teaching.labs.lab import Drawn, Lab, Progress
from course_utils.validation import check_known

STATIONS = (0, 0.9, 2.1, 3.4, 4.7)  # of a text's way through a model, from left to right
ARROW = {"arrowstyle": "-|>", "color": "black", "linewidth": 1.0}
BESIDE = ARROW | {"shrinkA": 6, "shrinkB": 6}  # from the box around a text to the next
MOST = 20  # bars that still fit on a screen


def next_token_lab(
    lm: LanguageModel,
    text: str = "Shanghai is a city in",
    *,
    truth: Callable[[str], Mapping[str, float]] | None = None,
    k: int = 8,
) -> Lab:
    """A panel that shows what a language model expects after the text that is written into it.

    In it you write a beginning and see the most probable next tokens, what is true where that is known, how the model
    cuts your text into tokens, and how probable it found each of them.

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

    def draw(text: str, k: int, progress: Progress) -> Drawn:
        said = next_token_distribution(lm, text, k=k)
        true = None
        with suppress(ValueError):  # the written world has no such beginning
            true = truth(text) if truth else None
        line = f"Its tokens: {' '.join(spelt(lm.piece(i)) for i in lm.tokens(text))}."
        scored = sequence_log_probability(lm, text)
        surprise = int(scored.log_probabilities.argmin())
        least = percent(scored.log_probabilities[surprise].exp().item())
        line += f" The least expected of them was {spelt(scored.tokens[surprise])}, {least}."
        if true is None and truth is not None:
            line += " No sentence of the written world begins like this, so nothing is true or false here."
        return plot_next_tokens(said, truth=true), line

    controls = {"text": lab.control("Text", "text", text), "k": lab.control("IntSlider", "tokens", k, min=1, max=MOST)}
    return Lab("Lab: what comes next?", draw, controls, lab.about(next_token_lab))


WEIGHTS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)  # half a power of ten each
MOST_RESTARTS, MOST_TOKENS = 64, 4  # a lab has to answer in seconds
SHOWN = 5  # prompts


def prompt_lab(
    lm: LanguageModel,
    targets: Sequence[str] = (" girl", " boy", " science", " art"),
    *,
    target: str | None = None,
    distance_weight: float = 1.0,
    length: int = 3,
    metric: str = "euclidean",
    learning_rate: float = 0.6,
    steps: int = 60,
    restarts: int = 32,
    exclude: Exclude = ("target", "special"),
    seed: int = 0,
) -> Lab:
    """A panel in which prompts are optimised under a pull toward real tokens.

    In it you choose a target and how strongly vectors are pulled toward real tokens, and watch what the vectors and
    their nearest tokens make of it on the way, and which prompts are found.

    Args:
        lm: a language model.
        targets: offered in a list; any other can be typed.
        target: the one to begin with; the first of `targets` if None.
        distance_weight: the pull to begin with; the slider goes from 0 to 10 and takes in a number that is given here.
        length: tokens of a prompt, 1 … 4, to begin with.
        metric: `"euclidean"` or `"cosine"`, to begin with.
        learning_rate, exclude, seed: as `optimize_prompts`.
        steps: of each optimisation, 1 … 150.
        restarts: prompts that are optimised, 1 … 64.

    Raises:
        ValueError: no targets, or settings out of range.
    """
    lab.checked_steps(steps)
    lab.checked_steps(restarts, MOST_RESTARTS, "restarts")
    if not 1 <= length <= MOST_TOKENS or metric not in METRICS or not distance_weight >= 0:
        raise ValueError(
            f"length={length}, metric={metric!r}, distance_weight={distance_weight:g} given, expected "
            f"1 … {MOST_TOKENS} tokens, one of {', '.join(METRICS)}, and at least 0."
        )
    if not targets:
        raise ValueError("no targets given, expected at least one, such as ' girl'.")

    def draw(progress: Progress, **chosen: Any) -> Drawn:
        found = optimize_prompts(
            lm, **chosen, steps=steps, restarts=restarts, learning_rate=learning_rate, exclude=exclude, seed=seed,
            on_step=lab.on_step(progress, steps), progress=False,
        )  # fmt: skip
        return _draw_prompts(found)

    controls = {
        "target": lab.control("Combobox", "", target or targets[0], options=list(targets)),
        "distance_weight": lab.weight_slider("distance", WEIGHTS, float(distance_weight)),
        "length": lab.control("IntSlider", "tokens", length, min=1, max=MOST_TOKENS),
        "metric": lab.menu("metric", METRICS[::-1], metric),
    }
    return Lab("Lab: pulled toward words", draw, controls, lab.about(prompt_lab))


@styled
def _draw_prompts(found: OptimizedPrompts) -> Drawn:
    figure = new_figure(5.2)
    above, below = figure.subplots(2, 1, height_ratios=(1.2, 1))
    history, best = found.history, found.best(SHOWN)
    for name, chances in (("vectors", history.soft_probability), ("nearest tokens", history.probability)):
        every = max(1, len(history.steps) // 10)
        above.plot(history.steps, 100 * chances.median(1).values, label=name, markevery=every)
    above.set(xlabel="step", ylabel="P(target), per cent", ylim=(-3, 103))
    above.legend(loc="center right")
    above.set_title(f"on the way to {found.target!r}: medians of {len(found)} starts", loc="left")
    below.barh(range(len(best)), (100 * best.probability).tolist(), color=PALETTE[0], height=0.65)
    below.set_yticks(range(len(best)), [readable(pieces) for pieces in best.pieces])
    below.set(xlim=(0, 102), xlabel="P(target) after the best tokens, per cent")
    below.invert_yaxis()
    below.grid(axis="y", visible=False)
    soft, snapped, kept = (
        100 * each.median().item() for each in (found.soft_probability, found.snapped_probability, found.probability)
    )
    line = (
        f"Vectors reach {soft:.0f} %, their nearest tokens {snapped:.0f} %, at a distance of "
        f"{found.distance.median():.2f}; the best tokens met on the way {kept:.0f} % (medians). "
        f"Best prompt: {best.text[0]!r}, {100 * best.probability[0]:.0f} %."
    )
    alt = f"Probability of {found.target!r} over the steps, after the vectors and after their nearest tokens, and bars"
    return DescribedFigure(figure, alt=f"{alt} for the best prompts. {line}"), line


@styled
def plot_forward_pass(lm: LanguageModel, text: str) -> DescribedFigure:
    """The way of a text through a decoder, one column for each station, one row for each token.

    Args:
        lm: a language model of few tokens a text, so that its rows can be read.
        text: of one to eight tokens.

    Raises:
        ValueError: a text of no token, or of more than eight.
    """
    ids = lm.tokens(text)
    if not 1 <= len(ids) <= 8:
        raise ValueError(f"a text of {len(ids)} tokens given, expected 1 to 8: each has a row of the drawing.")
    said = next_token_distribution(lm, text, k=1)
    blocks = getattr(lm.model.config, "num_hidden_layers", 1)
    figure = new_figure(1.5 + 0.55 * len(ids))
    axes = figure.add_subplot()
    columns = {
        "token": [spelt(lm.piece(i)) for i in ids],
        "id": [str(i) for i in ids],
        "embedding\n+ position": [f"{lm.width} numbers"] * len(ids),
        f"{blocks} blocks": [f"{lm.width} numbers"] * len(ids),
        "logits, softmax": ["…"] * (len(ids) - 1)
        + [f"{spelt(said.tokens[0])} {percent(said.probabilities[0].item())}"],
    }
    before: list[Any] = []
    for x, (name, cells) in zip(STATIONS, columns.items(), strict=True):
        axes.text(x, -0.9, name, ha="center", va="center", fontweight="bold", fontsize=11)
        box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": PALETTE[0]}
        drawn = [axes.text(x, y, each, ha="center", va="center", size=10.5, bbox=box) for y, each in enumerate(cells)]
        for left, right in zip(before, drawn, strict=False):
            axes.annotate("", (0, 0.5), (1, 0.5), xycoords=right, textcoords=left, arrowprops=BESIDE)
        before = drawn
    for y in range(1, len(ids)):  # attention: what stands before, never what comes after
        axes.annotate("", (STATIONS[3], y - 0.34), (STATIONS[3], y - 0.72), arrowprops=ARROW)
    axes.set(xlim=(-0.5, STATIONS[-1] + 0.6), ylim=(len(ids) - 0.4, -1.4))
    axes.set_axis_off()
    listed = ", ".join(columns["token"])
    alt = (
        f"The way of “{text}” through {lm.name}: the tokens {listed}; their ids; {lm.width} numbers for each, "
        f"its embedding plus one for its position; {blocks} blocks, where each position takes in those before it; and "
        f"logits, which softmax turns into probabilities, after the last token {columns['logits, softmax'][-1]}."
    )
    return DescribedFigure(figure, alt=alt)


VIEWS = ("frequencies", "associations", "null")
FEWEST = 8  # prompts: with fewer there is nothing to correct for


def cloud_lab(
    found: Mapping[str, Any],
    search: Callable[..., Any],
    candidates: Sequence[str],
    *,
    steps: int,
    target: str | None = None,
    view: str = "associations",
    seed: int = 0,
) -> Lab:
    """A panel that makes the word cloud of any target.

    In it you type any target, say how many prompts count, and see their words as a plain word cloud, as associations
    against the prompts for the other targets, or as the cloud of random prompts.

    Args:
        found: prompts by target (results of `optimize_prompts`), at least two targets. They are what is compared with;
            a target that is among them needs no search.
        search: called as search(target, on_step=…, progress=False) for any other target; a
            `partial(optimize_prompts, lm, …)` with the settings of `found`. Its results are kept.
        candidates: the words that prompts may consist of, for the cloud of random prompts.
        steps: how many steps a search takes, for the progress bar.
        target: the one to begin with; the first of `found` if None.
        view: what to begin with: `"frequencies"`, `"associations"` or `"null"`.
        seed: of the clouds, the correction and the random prompts.

    Raises:
        ValueError: fewer than two targets, or a view that does not exist.
    """
    if len(found) < 2:
        raise ValueError(f"prompts for {len(found)} targets given, expected at least 2: one is compared with the rest.")
    check_known("view", view, VIEWS)
    known = {_spaced(name): prompts for name, prompts in found.items()}
    names, most = list(known), max(map(len, known.values()))

    def draw(target: str, restarts: int, view: str, progress: Progress) -> Drawn:
        target = _spaced(target)
        if target not in known:
            known[target] = search(target, on_step=lab.on_step(progress, steps), progress=False)
        counted = {name: known[name] for name in [*names, target]}
        chosen = {name: prompts.rows(range(min(restarts, len(prompts)))) for name, prompts in counted.items()}
        return _cloud(chosen.pop(target), chosen, view, candidates, seed)

    controls = {
        # any text will do; these have been searched already
        "target": lab.control("Combobox", "target", _spaced(target or names[0]), options=names),
        "restarts": lab.control("IntSlider", "prompts", most, min=FEWEST, max=most, step=8),
        "view": lab.control("ToggleButtons", "cloud of", view, options=VIEWS),
    }
    return Lab("Lab: the word cloud of any target", draw, controls, lab.about(cloud_lab))


def _cloud(prompts: Any, others: Mapping[str, Any], view: str, candidates: Sequence[str], seed: int) -> Drawn:
    from course_utils.language.associations import association_scores, null_scores
    from course_utils.language.clouds import word_cloud

    scores = association_scores(prompts, others, seed=seed, progress=False)
    success = f"{scores.success} of {len(prompts)} prompts make {prompts.target!r} at least 50 % probable"
    if view == "frequencies":
        return word_cloud(prompts, seed=seed), f"{success}. This cloud does not say what of it is chance."
    if view == "null":
        null = null_scores(scores, candidates, seed=seed, progress=False)
        line = f"{len(prompts)} prompts drawn at random: {len(null.survivors)} of {len(null)} words survive."
        return word_cloud(null, seed=seed), line
    survivors = ", ".join(scores.survivors[:12]) or "none"
    return word_cloud(scores, seed=seed), f"{success}. Words that survive the correction: {survivors}."


def _spaced(target: str) -> str:
    """A target as it stands inside a text: with the space before it."""
    return target if target.startswith(" ") or not target else f" {target}"


@styled
def plot_landscape(
    heights: Float[Tensor, "rows columns"],
    extent: tuple[float, float, float, float],
    points: Mapping[str, tuple[float, float]],
    *,
    path: Sequence[tuple[float, float]] = (),
    label: str,
    title: str,
    alt: str,
) -> DescribedFigure:
    """A plane in embedding space as a map: contours of a probability, words as points, a path as a line.

    Args:
        heights: probabilities in [0, 1]; row 0 is the lowest.
        extent: left, right, bottom and top of the map, in any unit.
        points: coordinates of words in the plane, by name.
        path: points that an optimisation went through.
        label: what the contours show.
        title: the finding, in a sentence.
        alt: what the figure shows.
    """
    described(alt)
    figure = new_figure(4.6)
    axes = figure.add_subplot(aspect="equal")
    across = np.linspace(extent[0], extent[1], heights.shape[1])
    up = np.linspace(extent[2], extent[3], heights.shape[0])
    filled = axes.contourf(across, up, 100 * heights.cpu().numpy(), levels=range(0, 101, 10), cmap="Blues")
    figure.colorbar(filled, ax=axes, label=label)
    if len(path):
        axes.plot(*zip(*path, strict=True), "-", color="black", linewidth=1.5, marker="")
        axes.plot(*path[-1], "*", color=PALETTE[1], markeredgecolor="black", markersize=15, label="where it ends")
        axes.legend(loc="upper right")
    for name, (x, y) in points.items():
        axes.plot(x, y, "o", color="white", markeredgecolor="black")
        axes.annotate(
            name.strip(), (x, y), xytext=(0, -16), textcoords="offset points", ha="center", fontsize=11.5,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.8},
        )  # fmt: skip
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.set_title(title, loc="left", wrap=True)
    return DescribedFigure(figure, alt=alt)
