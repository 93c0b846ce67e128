"""From a recipe to a shipped language model: train, measure, write weights, tokenizer and card."""

from __future__ import annotations

import datetime
import platform
from pathlib import Path

import torch

from course_utils.models.books import Books, list_of_books
from course_utils.models.books_evaluate import measure_books, samples
from course_utils.models.language_data import WrittenSentences
from course_utils.models.language_evaluate import measure_written_world
from course_utils.models.language_load import load_shipped
from course_utils.models.language_model import LanguageModel
from course_utils.models.language_planted import sealed_associations
from course_utils.models.language_recipes import LanguageRecipe
from course_utils.models.language_train import train_language_model
from course_utils.models.store import TOKENIZER, WEIGHTS, save_weights
from course_utils.models.sums import write_sums

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
        "figures": figures(recipe, lm, data),
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


def figures(recipe: LanguageRecipe, lm: LanguageModel, data: Path | None = None) -> dict[str, float]:
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
