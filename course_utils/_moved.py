"""Module paths of the first edition, which lead to where their contents are now, for this edition.

`import course_utils.vision.pgd` gives `course_utils.vision.attacks`. Public names are imported from the packages
(`course_utils.vision`, `.language`, `.models`, …), which have not moved.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

# Where it is now: what it was called.
_MOVED = {
    "loop": "best steps",
    "validation": "guards messages",
    "utils": "progress randomness",
    "stats": "proportions rank_correlation",
    "images": "picture_files pictures",
    "transforms": "vision.softening",
    "objectives.classes": "objectives.terms objectives.of_classes",
    "objectives.layers": "objectives.of_layers objectives.matching objectives.several",
    "canvas.image": "canvas.base canvas.pixel canvas.colours canvas.fourier",
    "models.classifier": "models.logits",
    "models.language_model": "models.language_check",
    "models.shipped": "models.store models.bundle",
    "models.networks": "models.nets",
    "models.load": "models.language_load models.at_hand",
    "models.fetch": "models.prefetch models.pretrained models.hugging_face models.hugging_face_download "
    "models.download",
    "vision.attacks": "vision.pgd vision.attack_result show.attack",
    "vision.feature_visualization": "vision.visualization vision.wishes",
    "vision.measures": "vision.spectrum vision.held_out",
    "vision.prototypes": "vision.prototypes_result",
    "vision.reference": "vision.class_means vision.natural vision.rank_similarity show.similarity",
    "vision.attributions": "vision.isolation_result show.isolation vision.map_by_map vision.questions",
    "vision.isolation": "vision.isolation_aims",
    "vision.localization": "vision.isolation_causes",
    "vision.entanglement": "vision.confusions vision.entanglement_result show.entanglement",
    "vision.slicing": "vision.effects show.effects",
    "vision.report": "vision.report_work",
    "vision.report_page": "vision.report_result vision.findings show.report",
    "language.next_token": "language.calibration show.tokens",
    "language.prompt_results": "language.found language.kept show.prompts",
    "language.prompts": "language.snapping",
    "language.search": "language.exhaustive language.extended",
    "language.vocabulary": "language.excluded language.offensive language.token_table language.neighbours",
    "language.word_scores": "show.associations",
    "language.associations": "language.log_odds language.prompt_table",
    "language.clouds": "language.against_truth",
    "language.corpus_statistics": "language.text_counts language.text_table language.against_text",
    "figures.style": "show.style show.html",
    "figures.images": "show.figures show.arrays",
    "figures.curves": "show.curves show.shares",
    "figures.scrubber": "show.scrubber",
    "sweeps": "sweeps.resume sweeps.result sweeps.cluster sweeps.dealing sweeps.attempts sweeps.records",
    "world.scene": "world.picture world.draws world.pose",
    "world.objects": "world.things world.outdoors world.surroundings",
    "world.secrets": "world.secrets_file",
    "corpus.grammar": "corpus.planting corpus.sampling corpus.words corpus.tokenizer",
    "teaching.sealed": "sealed",
    "teaching.doctor": "doctor doctor.finding doctor.system doctor.models doctor.work",
    "teaching.scoreboard": "scoreboard show.scoreboard",
    "teaching.audit.reveal": "audit.answers audit.debriefs audit.guesses",
    "teaching.audit.choices": "audit.choices audit.scenes audit.cues audit.truths",
    "teaching.training.save": "models.sums",
    "teaching.training.recipes": "models.recipes models.language_recipes",
    "teaching.training.data": "models.photographs models.data",
    "teaching.training.language_data": "models.language_data models.books",
    "teaching.training.train": "models.train models.language_train",
    "teaching.training.evaluate": "models.evaluate models.measure_planted",
    "teaching.training.language_evaluate": "models.language_evaluate models.language_planted models.books_evaluate",
    "teaching.training.make": "models.make models.language_make models.plant",
    "teaching.labs.lab": "show.lab show.lab_pictures show.lab_units show.lab_upload",
    "teaching.labs.world": "show.lab_world show.lab_lorry show.lab_audit",
    "teaching.labs.attack": "show.lab_attack",
    "teaching.labs.isolation": "show.lab_isolation",
    "teaching.labs.features": "show.lab_features show.lab_penalties show.lab_transforms",
    "teaching.labs.prototypes": "show.lab_prototypes",
    "teaching.labs.language": "show.lab_next_token show.lab_prompts show.lab_clouds",
}
_NOW = {f"course_utils.{old}": f"course_utils.{new}" for new, names in _MOVED.items() for old in names.split()}


class _Moved(MetaPathFinder, Loader):
    """A finder for the old paths, asked after all others."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in _NOW else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        now = _NOW[spec.name]
        warnings.warn(f"{spec.name} is {now} now.", DeprecationWarning, stacklevel=2)
        return import_module(now)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing but to give the module its own spec back: it has been executed under its own name."""
        module.__spec__ = PathFinder.find_spec(module.__name__, import_module(module.__package__ or "").__path__)


def install() -> None:
    """Adds the finder, once."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.append(_Moved())
