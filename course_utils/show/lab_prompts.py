"""The lab of chapters 10 and 11: climb toward a word, pulled toward real tokens as strongly as the slider says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course_utils.language.excluded import Exclude
from course_utils.language.prompts import OptimizedPrompts, optimize_prompts
from course_utils.language.token_table import METRICS
from course_utils.models.language_model import LanguageModel
from course_utils.show.lab import Lab, Progress
from course_utils.show.prompts import readable
from course_utils.show.style import PALETTE, Picture, new_figure, styled

WEIGHTS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)  # half a power of ten each
MOST_STEPS, MOST_RESTARTS, MOST_TOKENS = 150, 64, 4  # a lab has to answer in seconds
EVERY = 5  # steps between two moves of the bar: each is a message to the browser
SHOWN = 5  # prompts
ABOUT = (
    "In it you choose a target and how strongly vectors are pulled toward real tokens, and watch what the vectors and "
    "their nearest tokens make of it on the way, and which prompts are found."
)


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
    """A panel in which prompts are climbed for under a pull toward real tokens.

    Args:
        lm: a language model.
        targets: offered in a list; any other can be typed.
        target: the one to begin with; the first of `targets` if None.
        distance_weight: the pull to begin with; the slider goes from 0 to 10 and takes in a number that is given here.
        length: tokens of a prompt, 1 … 4, to begin with.
        metric: `"euclidean"` or `"cosine"`, to begin with.
        learning_rate, exclude, seed: as `optimize_prompts`.
        steps: of each climb, 1 … 150.
        restarts: prompts that are climbed, 1 … 64.

    Raises:
        ValueError: no targets, or settings out of range.
    """
    for name, given, most in (("steps", steps, MOST_STEPS), ("restarts", restarts, MOST_RESTARTS)):
        if not 1 <= given <= most:
            raise ValueError(f"{name}={given} given, expected 1 … {most}: a lab has to answer in seconds.")
    if not 1 <= length <= MOST_TOKENS or metric not in METRICS or not distance_weight >= 0:
        raise ValueError(
            f"length={length}, metric={metric!r}, distance_weight={distance_weight:g} given, expected "
            f"1 … {MOST_TOKENS} tokens, one of {', '.join(METRICS)}, and at least 0."
        )
    if not targets:
        raise ValueError("no targets given, expected at least one, such as ' girl'.")

    def draw(target: str, distance_weight: float, length: int, metric: str, progress: Progress) -> tuple[Picture, str]:
        def on_step(step: int, *_: object) -> None:
            if step % EVERY == 0:
                progress(step, steps)

        found = optimize_prompts(
            lm, target, distance_weight=distance_weight, length=length, metric=metric, steps=steps, restarts=restarts,
            learning_rate=learning_rate, exclude=exclude, seed=seed, on_step=on_step, progress=False,
        )  # fmt: skip
        return _draw(found)

    def controls(first: Mapping[str, Any]) -> dict[str, Any]:
        import ipywidgets as widgets

        weights = [(f"{weight:g}", weight) for weight in sorted({*WEIGHTS, first["distance_weight"]})]
        return {
            "target": widgets.Combobox(options=list(targets), value=first["target"], continuous_update=False),
            "distance_weight": widgets.SelectionSlider(
                options=weights, value=first["distance_weight"], description="distance", continuous_update=False
            ),
            "length": widgets.IntSlider(
                min=1, max=MOST_TOKENS, value=first["length"], description="tokens", continuous_update=False
            ),
            "metric": widgets.Dropdown(options=METRICS[::-1], value=first["metric"], description="metric"),
        }

    first = {
        "target": target or targets[0],
        "distance_weight": float(distance_weight),
        "length": length,
        "metric": metric,
    }
    return Lab("Lab: pulled toward words", draw, first, controls, ABOUT)


@styled
def _draw(found: OptimizedPrompts) -> tuple[Picture, str]:
    figure = new_figure(5.2)
    above, below = figure.subplots(2, 1, height_ratios=(1.2, 1))
    _way(above, found)
    best = found.best(SHOWN)
    above.set_title(f"on the way to {found.target!r}: medians of {len(found)} climbs", loc="left")
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
    return Picture(figure, alt=f"{alt} for the best prompts. {line}"), line


def _way(axes: Any, found: OptimizedPrompts) -> None:
    history = found.history
    for name, chances in (("vectors", history.soft_probability), ("nearest tokens", history.probability)):
        axes.plot(history.steps, 100 * chances.median(1).values, label=name, markevery=max(1, len(history.steps) // 10))
    axes.set(xlabel="step", ylabel="P(target), per cent", ylim=(-3, 103))
    axes.legend(loc="center right")
