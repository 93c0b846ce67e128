"""`python -m course_utils train`: one of the shipped models again, or a model with secrets of the reader's own."""

import argparse
from pathlib import Path

from course_utils.utils import expanded

DATA = (
    "what to train on: for photo photographs, train/CLASS/* and test/CLASS/* (default: CIFAR-10, fetched by "
    "torchvision); for books-lm books, one *.txt each with a paragraph a line"
)
OUT = "where the weights and the card go (default: the package; with --secrets, this folder)"
SECRETS = "plant your own instead: a JSON list of secrets"
NAMES = "pocket, pocket-robust, pocket-judge, photo, photo-robust, pocket-lm, books-lm, mystery-1, …"


def path(text: str) -> Path:
    """A path as it stands on a command line, where the shell leaves the `~` of --to=~/stick alone."""
    return expanded(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("recipe", nargs="?", metavar="NAME", help=NAMES)
    parser.add_argument("--name", metavar="NAME", help="with --secrets: what the model is called, NAME.safetensors")
    for option, metavar, about in (("--secrets", "FILE", SECRETS), ("--out", "DIR", OUT), ("--data", "DIR", DATA)):
        parser.add_argument(option, type=path, metavar=metavar, help=about)
    parser.add_argument("--force", action="store_true", help="overwrite existing weights")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or mps")


def run(options: argparse.Namespace) -> None:
    """Trains what the options name.

    Raises:
        ValueError: options that do not go together, an unknown recipe (offers close ones), a device that is not there.
        OSError: files that exist already, or cannot be read or written.
    """
    import torch

    from course_utils.models.shipped import WEIGHTS
    from course_utils.teaching.training.make import make, plant, planted_recipe
    from course_utils.teaching.training.recipes import LANGUAGE_RECIPES, RECIPES
    from course_utils.teaching.training.secrets import read_secrets
    from course_utils.validation import check_known

    name, recipes = options.recipe, RECIPES | LANGUAGE_RECIPES
    if (name is None) == (options.secrets is None) or (options.secrets is None) != (options.name is None):
        raise ValueError("give the NAME of a shipped model, or --secrets FILE and --name NAME for one of your own")
    if name is not None:
        check_known("recipe", name, recipes)
    try:
        torch.zeros(1, device=options.device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"--device {options.device} cannot be used here ({reason}); leave it out") from None
    if name is not None:
        make(recipes[name], options.out or WEIGHTS, data=options.data, force=options.force, device=options.device)
        return
    if options.data is not None:
        raise ValueError("--data DIR does not go with --secrets: the painted world paints its own")
    recipe, folder = planted_recipe(options.name, read_secrets(options.secrets)), options.out or Path()
    plant(recipe, folder, force=options.force, device=options.device)
    path = folder / f"{recipe.name}.safetensors"
    print(f'{path}: hand it over; load_classifier("{path}") loads it, reveal("{path}", guess=…) opens the answer')
