"""The lab of chapter 9: what do many prompts for a target have in common, and how much of that is chance?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from course_utils.messages import unknown
from course_utils.show.lab import Lab, Progress
from course_utils.show.style import Picture

VIEWS = ("frequencies", "associations", "null")
FEWEST = 8  # prompts: with fewer there is nothing to correct for
ABOUT = (
    "In it you type any target, say how many prompts count, and see their words as a plain word cloud, as associations "
    "against the prompts for the other targets, or as the cloud of random prompts."
)


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
    if view not in VIEWS:
        raise ValueError(unknown("view", view, VIEWS))
    known = {_spaced(name): prompts for name, prompts in found.items()}
    names = list(known)
    most = max(map(len, known.values()))

    def draw(target: str, restarts: int, view: str, progress: Progress) -> tuple[Picture, str]:
        target = _spaced(target)
        if target not in known:
            known[target] = search(target, on_step=lambda step, *_: progress(step, steps), progress=False)
        first = {
            name: known[name].rows(range(min(restarts, len(known[name])))) for name in dict.fromkeys([*names, target])
        }
        return _cloud(first.pop(target), first, view, candidates, seed)

    def controls(first: Mapping[str, Any]) -> dict[str, Any]:
        import ipywidgets as widgets

        return {
            # Any text will do; the list is what has been searched already.
            "target": widgets.Combobox(
                value=first["target"], options=names, continuous_update=False, description="target"
            ),
            "restarts": widgets.IntSlider(
                value=first["restarts"], min=FEWEST, max=most, step=8, continuous_update=False, description="prompts"
            ),
            "view": widgets.ToggleButtons(value=first["view"], options=VIEWS, description="cloud of"),
        }

    first = {"target": _spaced(target or names[0]), "restarts": most, "view": view}
    return Lab("Lab: the word cloud of any target", draw, first, controls, ABOUT)


def _cloud(
    prompts: Any, others: Mapping[str, Any], view: str, candidates: Sequence[str], seed: int
) -> tuple[Picture, str]:
    from course_utils.language.against_truth import null_scores
    from course_utils.language.associations import association_scores
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
