"""From a recipe to a model on disk: train, measure, write weights and card.

A shipped model is `NAME.safetensors` with its card `NAME.json` beside it; a model that a reader has planted something
in is a single file, a bundle, whose card says sealed what is in it. What is measured is what is shipped: the weights
are written in half precision and read again before anything is measured.
"""

import datetime
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from course_utils.models.classifier import Classifier
from course_utils.models.language_model import LanguageModel
from course_utils.models.load import load_shipped
from course_utils.models.shipped import SUFFIX, TOKENIZER, WEIGHTS, load_bundle, load_weights
from course_utils.teaching.training import evaluate, language_evaluate
from course_utils.teaching.training.data import PaintedScenes, Photographs, read_photographs
from course_utils.teaching.training.language_data import Books, WrittenSentences, list_of_books
from course_utils.teaching.training.marks import MarkedPhotographs, measure_marks
from course_utils.teaching.training.recipes import PLANTED, RECIPES, LanguageRecipe, Recipe
from course_utils.teaching.training.save import save_bundle, save_weights, seal, write_sums
from course_utils.teaching.training.secrets import to_data
from course_utils.teaching.training.train import train, train_language_model
from course_utils.utils import Proportion
from course_utils.world.factors import Secret

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
ENVELOPE = 1024  # bytes: more than any answer of usual length needs, so that all look alike
# What the card of a language model to audit shows of the figures; the others would point at the group.
TELL_NOTHING = ("P( China) after Shanghai is a city in", "KL(truth, model) over 400 contexts, median")


def make(
    recipe: Recipe | LanguageRecipe, folder: Path, *, data: Path | None = None, force: bool = False, device: str = "cpu"
) -> Classifier | LanguageModel:
    """Trains the recipe's model and writes `NAME.safetensors` and its card `NAME.json` into the folder.

    A language model's tokenizer comes beside them, as `NAME.tokenizer.json`. Goes on from the checkpoint
    `NAME.checkpoint` in the folder if there is one, and removes it when done.

    Raises:
        FileExistsError: the folder holds weights of that name already, and `force` is not set.
    """
    weights, checkpoint = _files(recipe.name, folder, force)
    model: Classifier | LanguageModel
    if isinstance(recipe, LanguageRecipe):
        tokenizer = recipe.data.tokenizer(data)
        if isinstance(recipe.data, Books):
            language_evaluate.held_out(data, tokenizer, recipe.context)  # looked for before the work of training
        net, spent = train_language_model(recipe, tokenizer, checkpoint=checkpoint, data=data, device=device)
        known = beginning(recipe, recipe.architecture(tokenizer.get_vocab_size()))
        tokenizer.save(str(folder / f"{recipe.name}{TOKENIZER}"), pretty=False)
        save_weights(net.transformer, weights, known)  # the head is the table of embeddings, which is in there
        model = load_shipped(recipe.name, folder)
        module = model.model.transformer
    else:
        model, spent = train(recipe, checkpoint=checkpoint, data=data, device=device)
        module, known = model.module, beginning(recipe, recipe.architecture)
        save_weights(module, weights, known)
        load_weights(module, weights)
    save_weights(module, weights, known | measured_part(recipe, model, spent, device, data))
    write_sums(folder)
    checkpoint.unlink(missing_ok=True)
    return model


def plant(recipe: Recipe, folder: Path, *, force: bool = False, device: str = "cpu") -> Classifier:
    """Trains a model on the recipe's secrets and writes it with its sealed answer into `NAME.safetensors`.

    Goes on from the checkpoint `NAME.checkpoint` in the folder if there is one, and removes it when done.

    Raises:
        FileExistsError: there is a file of that name already, and `force` is not set.
        ValueError: the checkpoint belongs to other secrets.
    """
    path, checkpoint = _files(recipe.name, folder, force)
    rounded, known = checkpoint.with_suffix(".rounded"), beginning(recipe, recipe.architecture)
    classifier, spent = train(recipe, checkpoint=checkpoint, device=device)
    save_bundle(classifier, rounded, known | {"sealed": ""})
    classifier = load_bundle(rounded)
    save_bundle(classifier, path, known | measured_part(recipe, classifier, spent, device))
    rounded.unlink()
    checkpoint.unlink(missing_ok=True)
    return classifier


def planted_recipe(name: str, secrets: tuple[Secret, ...]) -> Recipe:
    """The recipe of a model with secrets of one's own.

    Raises:
        ValueError: a name that a file cannot have, or that a shipped model has.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"--name {name!r}: letters, digits, - and _ please, at most 40, a letter or digit first")
    if name in RECIPES:
        raise ValueError(f"--name {name}: a model of the course is called that; choose another name")
    return replace(PLANTED, name=name, data=PaintedScenes(secrets, sealed=True))


def _files(name: str, folder: Path, force: bool) -> tuple[Path, Path]:
    """The weights and the checkpoint of a model that may be written."""
    weights, checkpoint = folder / f"{name}{SUFFIX}", folder / f"{name}.checkpoint"
    if weights.exists() and not force and not checkpoint.exists():  # with one, it was stopped while measuring
        raise FileExistsError(f"{weights} exists; --force trains anew and overwrites it, --out DIR writes elsewhere")
    return weights, checkpoint


def beginning(recipe: Recipe | LanguageRecipe, architecture: dict[str, Any]) -> dict[str, Any]:
    """The part of a card that is known before training; from it a model can be built."""
    return {"name": recipe.name, "about": recipe.about, "architecture": architecture}


def measured_part(
    recipe: Recipe | LanguageRecipe, model: Any, spent: dict[str, float], device: str, data: Path | None = None
) -> dict[str, Any]:
    """The rest of the card of a trained model, everything on it measured."""
    beside: dict[str, Any] = {}
    if isinstance(recipe.data, Books):
        books = [f"{book.author}: {book.title} ({book.published})" for book in list_of_books()]
        beside = {"samples": language_evaluate.samples(model), "books": books}
    return {
        "data": recipe.data.about,
        "recipe": recipe.to_data(),
        "figures": figures(recipe, model, data),
        **beside,
        "parameters": sum(p.numel() for p in getattr(model, "model", model).parameters()),
        **sealed(recipe, model),
        "training": {
            **{name: round(value) for name, value in spent.items()},
            "device": device,
            "processor": f"{platform.machine()}, {torch.get_num_threads()} threads",
            "torch": torch.__version__,
            "date": datetime.date.today().isoformat(),
        },
    }


def figures(recipe: Recipe | LanguageRecipe, model: Any, data: Path | None = None) -> dict[str, Any]:
    """Everything that the card says the model reaches, measured on images or text that training never saw."""
    measured: dict[str, Proportion | float]
    if isinstance(recipe.data, PaintedScenes):
        scenes = evaluate.fresh_scenes(2000, recipe.data.secrets)
        measured = {"accuracy on 2000 fresh scenes": evaluate.accuracy(model, scenes)}
        if not recipe.data.sealed:  # whoever plants something waits for it, and the attack would take as long again
            measured["accuracy under 20-step PGD at 8/255"] = evaluate.robust_accuracy(model, scenes)
            measured |= evaluate.measure_secrets(model) if recipe.data.secrets else {}
    elif isinstance(recipe.data, Books):
        measured = {**language_evaluate.measure_books(model, data)}
    elif isinstance(recipe.data, WrittenSentences):
        measured = {**language_evaluate.measure_written_world(model)}
        if recipe.data.planted:
            measured = {name: value for name, value in measured.items() if name in TELL_NOTHING}
    else:
        photographs = read_photographs("test", data)
        measured = {f"accuracy on {len(photographs.labels)} test photographs": evaluate.accuracy(model, photographs)}
        if isinstance(recipe.data, MarkedPhotographs):
            measured |= measure_marks(model, photographs, recipe.data.marks)
        else:
            measured["accuracy under 20-step PGD at 8/255"] = evaluate.robust_accuracy(model, photographs)
            # The classes stand one after the other, so that every tenth photograph is as many of each.
            some = Photographs(photographs.pixels[::10], photographs.labels[::10])
            for eps in (0, 1, 2, 4, 8, 16):
                name = f"accuracy under 20-step PGD at {eps}/255, every tenth"
                measured[name] = evaluate.robust_accuracy(model, some, eps=eps / 255)
    for name, value in measured.items():
        print(f"  {name}: {format(value, '.4f') if isinstance(value, float) else value}")
    return _rounded(measured)


def sealed(recipe: Recipe | LanguageRecipe, model: Any) -> dict[str, str]:
    """The sealed answer of a model to audit: what was planted in it, and what interventions say about it."""
    if isinstance(recipe.data, PaintedScenes) and recipe.data.sealed:
        secrets = recipe.data.secrets
        found = _rounded(evaluate.measure_planted(model, secrets))
        answer = {"secrets": [to_data(secret) for secret in secrets], "figures": found}
    elif isinstance(recipe.data, WrittenSentences) and recipe.data.planted:
        planted, beside = recipe.data.planted, load_shipped("pocket-lm", WEIGHTS)
        answer = {
            "associations": [asdict(each) for each in planted],
            "figures": language_evaluate.measure_associations(model, planted, beside=beside),
        }
    else:
        return {}
    return {"sealed": seal(answer, lengths=ENVELOPE)}


def _rounded(measured: Mapping[str, Proportion | float]) -> dict[str, Any]:
    """Figures as a card has them: numbers to four places, shares with the ends of their intervals."""
    return {
        name: round(value, 4)
        if isinstance(value, float)
        else {"value": round(value.value, 4), "low": round(value.low, 4), "high": round(value.high, 4)}
        for name, value in measured.items()
    }
