"""Figures, the scrubber and the labs.

Everything here that is drawn has words beside it: `alt=` says what a figure shows, the words are in the HTML
that notebooks and the built book get, and without them nothing is drawn. Functions that know what they draw
(`show_predictions`, `show_perturbation`, `plot_attack`) write the words themselves; the others demand them.

Names are loaded when they are first used, so that a lab's ipywidgets or a figure's matplotlib cost nothing
before.
"""

from __future__ import annotations

from importlib import import_module

_WHERE = {
    "Lab": "lab",
    "Picture": "style",
    "Scrubber": "scrubber",
    "attack_lab": "lab_attack",
    "audit_lab": "lab_audit",
    "cloud_lab": "lab_clouds",
    "feature_lab": "lab_features",
    "isolation_lab": "lab_isolation",
    "penalty_lab": "lab_penalties",
    "lorry_lab": "lab_lorry",
    "next_token_lab": "lab_next_token",
    "plot_associations": "associations",
    "plot_attack": "attack",
    "plot_calibration": "tokens",
    "plot_curves": "curves",
    "plot_landscape": "prompts",
    "plot_effects": "effects",
    "plot_next_tokens": "tokens",
    "plot_prompts": "prompts",
    "plot_scoreboard": "scoreboard",
    "plot_shares": "shares",
    "prompt_lab": "lab_prompts",
    "prototype_lab": "lab_prototypes",
    "show_images": "figures",
    "show_isolation": "isolation",
    "show_perturbation": "attack",
    "show_predictions": "figures",
    "transform_lab": "lab_transforms",
    "world_lab": "lab_world",
}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
