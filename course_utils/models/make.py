"""From a recipe to a shipped model: train, measure, write weights and card."""

from __future__ import annotations

import datetime
import platform
from pathlib import Path

import torch

from course_utils.models.classifier import Classifier
from course_utils.models.data import PaintedScenes
from course_utils.models.evaluate import accuracy, fresh_scenes, measure_secrets, robust_accuracy
from course_utils.models.measure_planted import measure_planted
from course_utils.models.photographs import Photographs, read_photographs
from course_utils.models.recipes import Recipe
from course_utils.models.store import load_weights, save_weights
from course_utils.models.sums import write_sums
from course_utils.models.train import train
from course_utils.proportions import Proportion
from course_utils.sealed import seal
from course_utils.world.secrets import to_data

ENVELOPE = 1024  # bytes: more than any answer of usual length needs, so that all look alike


def make(
    recipe: Recipe, folder: Path, *, data: Path | None = None, force: bool = False, device: str = "cpu"
) -> Classifier:
    """Trains the recipe's classifier and writes `NAME.safetensors` and its card `NAME.json` into the folder.

    Goes on from the checkpoint `NAME.checkpoint` in the folder if there is one, and removes it when done.

    Raises:
        FileExistsError: the folder holds weights of that name already, and `force` is not set.
    """
    weights, checkpoint = folder / f"{recipe.name}.safetensors", folder / f"{recipe.name}.checkpoint"
    if weights.exists() and not force:
        raise FileExistsError(f"{weights} exists; --force trains anew and overwrites it, --out DIR writes elsewhere")
    classifier, spent = train(recipe, checkpoint=checkpoint, data=data, device=device)
    save_weights(classifier.module, weights, unmeasured(recipe))
    load_weights(classifier.module, weights)  # what is measured is what is shipped, rounded to half precision
    card = full_card(recipe, classifier, spent, device, data)
    save_weights(classifier.module, weights, card)
    write_sums(folder)
    checkpoint.unlink(missing_ok=True)
    return classifier


def unmeasured(recipe: Recipe) -> dict:
    """The part of a card that is known before training."""
    return {"name": recipe.name, "about": recipe.about, "architecture": recipe.architecture}


def full_card(
    recipe: Recipe, classifier: Classifier, spent: dict[str, float], device: str, data: Path | None = None
) -> dict:
    """The whole card of a trained classifier, everything on it measured; `sealed` secrets go into their envelope."""
    return {
        **unmeasured(recipe),
        "data": recipe.data.about,
        "recipe": recipe.to_data(),
        "figures": figures(recipe, classifier, data),
        "parameters": sum(p.numel() for p in classifier.parameters()),
        **sealed(recipe, classifier),
        "training": {
            **{name: round(value) for name, value in spent.items()},
            "device": device,
            "processor": f"{platform.machine()}, {torch.get_num_threads()} threads",
            "torch": torch.__version__,
            "date": datetime.date.today().isoformat(),
        },
    }


def sealed(recipe: Recipe, classifier: Classifier) -> dict[str, str]:
    """What was planted in a model to audit, with what interventions say about it, not to be read by accident."""
    if not (isinstance(recipe.data, PaintedScenes) and recipe.data.sealed):
        return {}
    secrets = recipe.data.secrets
    measured = {name: _data(share) for name, share in measure_planted(classifier, secrets).items()}
    answer = {"secrets": [to_data(secret) for secret in secrets], "figures": measured}
    return {"sealed": seal(answer, lengths=ENVELOPE)}


def figures(recipe: Recipe, classifier: Classifier, data: Path | None = None) -> dict:
    """Everything that the card says the model reaches, measured on pictures that training never saw."""
    measured: dict[str, Proportion | float] = {}
    if isinstance(recipe.data, PaintedScenes):
        scenes = fresh_scenes(2000, recipe.data.secrets)
        measured["accuracy on 2000 fresh scenes"] = accuracy(classifier, scenes)
        if not recipe.data.sealed:  # whoever plants something waits for it, and the attack would take as long again
            measured["accuracy under 20-step PGD at 8/255"] = robust_accuracy(classifier, scenes)
            measured |= measure_secrets(classifier) if recipe.data.secrets else {}
    else:
        photographs = read_photographs("test", data)
        measured[f"accuracy on {len(photographs.labels)} test photographs"] = accuracy(classifier, photographs)
        measured["accuracy under 20-step PGD at 8/255"] = robust_accuracy(classifier, photographs)
        # The classes stand one after the other, so that every tenth photograph is as many of each.
        some = Photographs(photographs.pixels[::10], photographs.labels[::10])
        for eps in (0, 1, 2, 4, 8, 16):
            name = f"accuracy under 20-step PGD at {eps}/255, every tenth"
            measured[name] = robust_accuracy(classifier, some, eps=eps / 255)
    for name, value in measured.items():
        print(f"  {name}: {value if not isinstance(value, float) else format(value, '.3f')}")
    return {name: round(v, 4) if isinstance(v, float) else _data(v) for name, v in measured.items()}


def _data(share: Proportion) -> dict:
    return {"value": round(share.value, 4), "low": round(share.low, 4), "high": round(share.high, 4)}
