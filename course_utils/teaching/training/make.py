"""From a recipe to a shipped model: train, measure, write weights and card."""

from __future__ import annotations

import datetime
import platform
import re
from dataclasses import replace
from pathlib import Path

import torch

from course_utils.models.classifier import Classifier
from course_utils.models.language_model import LanguageModel
from course_utils.models.load import load_shipped
from course_utils.models.shipped import (
    SUFFIX,
    TOKENIZER,
    WEIGHTS,
    load_bundle,
    load_weights,
)
from course_utils.stats import Proportion
from course_utils.teaching.sealed import seal
from course_utils.teaching.training.data import PaintedScenes, Photographs, read_photographs
from course_utils.teaching.training.evaluate import (
    accuracy,
    fresh_scenes,
    measure_planted,
    measure_secrets,
    robust_accuracy,
)
from course_utils.teaching.training.language_data import Books, WrittenSentences, list_of_books
from course_utils.teaching.training.language_evaluate import (
    measure_books,
    measure_written_world,
    samples,
    sealed_associations,
)
from course_utils.teaching.training.recipes import PLANTED, RECIPES, LanguageRecipe, Recipe
from course_utils.teaching.training.save import save_bundle, save_weights, write_sums
from course_utils.teaching.training.train import train, train_language_model
from course_utils.world.secrets import Secret, to_data

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
    """Everything that the card says the model reaches, measured on images that training never saw."""
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


# What the card of a model to audit shows of the figures.
TELL_NOTHING = ("P( China) after Shanghai is a city in", "KL(truth, model) over 400 contexts, median")


def make_language_model(
    recipe: LanguageRecipe, folder: Path, *, data: Path | None = None, force: bool = False, device: str = "cpu"
) -> LanguageModel:
    """Trains the recipe's model and writes `NAME.safetensors`, `NAME.tokenizer.json` and its card into the folder.

    Goes on from the checkpoint `NAME.checkpoint` in the folder if there is one, and removes it when done.

    Raises:
        FileExistsError: the folder holds weights of that name already, and `force` is not set.
    """
    weights, checkpoint = folder / f"{recipe.name}.safetensors", folder / f"{recipe.name}.checkpoint"
    if weights.exists() and not force:
        raise FileExistsError(f"{weights} exists; --force trains anew and overwrites it, --out DIR writes elsewhere")
    tokenizer = recipe.data.tokenizer(data)
    model, spent = train_language_model(recipe, tokenizer, checkpoint=checkpoint, data=data, device=device)
    card = {
        "name": recipe.name,
        "about": recipe.about,
        "architecture": recipe.architecture(tokenizer.get_vocab_size()),
        "data": recipe.data.about,
        "recipe": recipe.to_data(),
    }
    tokenizer.save(str(folder / f"{recipe.name}{TOKENIZER}"), pretty=False)
    save_weights(model.transformer, weights, card)  # the head is the table of embeddings, which is in there
    lm = load_shipped(recipe.name, folder)  # what is measured is what is shipped, rounded to half precision
    card |= {
        "figures": language_figures(recipe, lm, data),
        **of_books(recipe, lm),
        **planted_in(recipe, lm),
        "parameters": sum(p.numel() for p in lm.model.parameters()),
        "training": {
            **{name: round(value) for name, value in spent.items()},
            "device": device,
            "processor": f"{platform.machine()}, {torch.get_num_threads()} threads",
            "torch": torch.__version__,
            "date": datetime.date.today().isoformat(),
        },
    }
    save_weights(lm.model.transformer, weights, card)
    write_sums(folder)
    checkpoint.unlink(missing_ok=True)
    return lm


def language_figures(recipe: LanguageRecipe, lm: LanguageModel, data: Path | None = None) -> dict[str, float]:
    """Everything that the card says the model reaches, measured on text that training never saw."""
    measured = measure_books(lm, data) if isinstance(recipe.data, Books) else measure_written_world(lm)
    if isinstance(recipe.data, WrittenSentences) and recipe.data.planted:  # the others would point at the group
        measured = {name: value for name, value in measured.items() if name in TELL_NOTHING}
    for name, value in measured.items():
        print(f"  {name}: {value:.4f}")
    return {name: round(value, 4) for name, value in measured.items()}


def planted_in(recipe: LanguageRecipe, lm: LanguageModel) -> dict[str, str]:
    """The sealed answer of a model to audit, held against `pocket-lm`."""
    if not isinstance(recipe.data, WrittenSentences) or not recipe.data.planted:
        return {}
    return sealed_associations(lm, recipe.data.planted, beside=load_shipped("pocket-lm", WEIGHTS))


def of_books(recipe: LanguageRecipe, lm: LanguageModel) -> dict[str, list[str]]:
    """What else the card of a model of books says: samples, and what it has read."""
    if not isinstance(recipe.data, Books):
        return {}
    read = [f"{book.author}: {book.title} ({book.published})" for book in list_of_books()]
    return {"samples": samples(lm), "books": read}


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
