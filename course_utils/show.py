"""Figures, the scrubber and the labs.

Everything here that is drawn has words beside it: `alt=` says what a figure shows, the words are in the HTML
that notebooks and the built book get, and without them nothing is drawn. Functions that know what they draw
(`show_predictions`, `show_perturbation`, `plot_attack`) write the words themselves; the others demand them.

Names are loaded when they are first used, so that a lab's ipywidgets or a figure's matplotlib cost nothing
before.
"""

from course_utils._moved import lazily

__path__: list[str] = []  # so that the first edition's `course_utils.show.style` is looked for

_HOMES = {
    "figures.curves": "plot_curves plot_shares",
    "figures.images": "Scrubber show_images",
    "figures.style": "DescribedFigure show_table",
    "language.next_token": "plot_calibration plot_next_tokens",
    "language.prompt_results": "plot_prompts",
    "language.word_scores": "plot_associations",
    "models.classifier": "show_predictions",
    "teaching.labs.attack": "attack_lab",
    "teaching.labs.features": "feature_lab penalty_lab transform_lab",
    "teaching.labs.isolation": "isolation_lab",
    "teaching.labs.lab": "Lab",
    "teaching.labs.language": "cloud_lab next_token_lab plot_forward_pass plot_landscape prompt_lab",
    "teaching.labs.prototypes": "prototype_lab",
    "teaching.labs.world": "audit_lab lorry_lab world_lab",
    "teaching.scoreboard": "plot_scoreboard",
    "vision.attacks": "plot_attack show_perturbation",
    "vision.attributions": "show_isolation",
    "vision.slicing": "plot_effects",
}
__all__, __getattr__, __dir__ = lazily(__name__, _HOMES, Picture="DescribedFigure")
