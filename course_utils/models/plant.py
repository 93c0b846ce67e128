"""Plant your own: from a file of secrets to a sealed bundle for a neighbour, in minutes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from course_utils.models.bundle import SUFFIX, load_bundle, save_bundle
from course_utils.models.classifier import Classifier
from course_utils.models.data import PaintedScenes
from course_utils.models.make import full_card, unmeasured
from course_utils.models.recipes import PLANTED, RECIPES, Recipe
from course_utils.models.train import train
from course_utils.world.secrets import Secret

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


def planted_recipe(name: str, secrets: tuple[Secret, ...]) -> Recipe:
    """How a model with secrets of one's own is made.

    Raises:
        ValueError: a name that a file cannot have, or that a shipped model has.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"--name {name!r}: letters, digits, - and _ please, at most 40, a letter or digit first")
    if name in RECIPES:
        raise ValueError(f"--name {name}: a model of the course is called that; choose another name")
    about = "a model to audit: what was planted in its world, if anything, is sealed"
    return replace(PLANTED, name=name, about=about, data=PaintedScenes(secrets, sealed=True))


def plant(recipe: Recipe, folder: Path, *, force: bool = False, device: str = "cpu") -> Classifier:
    """Trains a model on the recipe's secrets and writes it with its sealed answer into `NAME.safetensors`.

    Goes on from the checkpoint `NAME.checkpoint` in the folder if there is one, and removes it when done.

    Raises:
        FileExistsError: there is a file of that name already, and `force` is not set.
        ValueError: the checkpoint belongs to other secrets.
    """
    path, checkpoint = folder / f"{recipe.name}{SUFFIX}", folder / f"{recipe.name}.checkpoint"
    if path.exists() and not force:
        raise FileExistsError(f"{path} exists; --force trains anew and overwrites it, --out DIR writes elsewhere")
    classifier, spent = train(recipe, checkpoint=checkpoint, device=device)
    save_bundle(classifier, checkpoint.with_suffix(".rounded"), unmeasured(recipe) | {"sealed": ""})
    classifier = load_bundle(checkpoint.with_suffix(".rounded"))  # what is measured is what is handed over
    save_bundle(classifier, path, full_card(recipe, classifier, spent, device))
    checkpoint.with_suffix(".rounded").unlink()
    checkpoint.unlink(missing_ok=True)
    return classifier
