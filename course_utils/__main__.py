"""The course on the command line: `python -m course_utils doctor`, `… prefetch`, `… report MODEL`, `… train NAME`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

SCENES = 30  # fresh scenes of each class that a report looks at
SCENES_SEED = 700_001  # that no training and no choice of settings has seen


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status (0 done, 1 refused or failed, 130 stopped by Ctrl-C)."""
    parser = argparse.ArgumentParser(prog="python -m course_utils", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_doctor(commands.add_parser("doctor", help="whether the course will run on this computer, and how fast"))
    add_prefetch(commands.add_parser("prefetch", help="fetch pretrained models, for rooms without network"))
    add_train(commands.add_parser("train", help="make one of the shipped models again, from nothing"))
    add_report(commands.add_parser("report", help="one HTML page about a classifier"))
    options = parser.parse_args(arguments)
    try:
        return options.run(options) or 0
    except (ValueError, OSError) as error:
        print(f"{parser.prog} {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    parser.set_defaults(run=run_doctor)


def run_doctor(options: argparse.Namespace) -> int:
    from course_utils.teaching.doctor import doctor

    return doctor(as_json=options.json)


def add_prefetch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME",
        help="of torchvision (resnet50) or Hugging Face (gpt2, OWNER/NAME); what the chapters use if none is given",
    )  # fmt: skip
    parser.add_argument("--to", type=Path, metavar="DIR", help="a folder to copy to others, for COURSE_CACHE=DIR there")
    parser.set_defaults(run=run_prefetch)


def run_prefetch(options: argparse.Namespace) -> None:
    from course_utils.models.fetch import prefetch

    prefetch(options.names, to=options.to)


def add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "recipe", nargs="?", metavar="NAME",
        help="pocket, pocket-robust, pocket-judge, photo, photo-robust, pocket-lm, books-lm, mystery-1, …",
    )  # fmt: skip
    parser.add_argument("--secrets", type=Path, metavar="FILE", help="plant your own instead: a JSON list of secrets")
    parser.add_argument("--name", metavar="NAME", help="with --secrets: what the model is called, NAME.safetensors")
    parser.add_argument(
        "--out", type=Path, metavar="DIR",
        help="where the weights and the card go (default: the package; with --secrets, this folder)",
    )  # fmt: skip
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="what to train on: for photo photographs, train/CLASS/* and test/CLASS/* (default: CIFAR-10, fetched by "
        "torchvision); for books-lm books, one *.txt each with a paragraph a line",
    )
    parser.add_argument("--force", action="store_true", help="overwrite existing weights")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or mps")
    parser.set_defaults(run=run_train)


def run_train(options: argparse.Namespace) -> None:
    import torch

    from course_utils.models.shipped import WEIGHTS
    from course_utils.teaching.training.recipes import LANGUAGE_RECIPES, RECIPES
    from course_utils.validation import unknown

    name = options.recipe
    if (name is None) == (options.secrets is None) or (options.secrets is None) != (options.name is None):
        raise ValueError("give the NAME of a shipped model, or --secrets FILE and --name NAME for one of your own")
    if name is not None and name not in (known := [*RECIPES, *LANGUAGE_RECIPES]):
        raise ValueError(unknown("recipe", name, known))
    try:
        torch.zeros(1, device=options.device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"--device {options.device} cannot be used here ({reason}); leave it out") from None
    if name is None:
        return run_plant(options)
    folder = options.out or WEIGHTS
    if name in LANGUAGE_RECIPES:
        from course_utils.teaching.training.make import make_language_model

        recipe = LANGUAGE_RECIPES[name]
        make_language_model(recipe, folder, data=options.data, force=options.force, device=options.device)
    else:
        from course_utils.teaching.training.make import make

        make(RECIPES[name], folder, data=options.data, force=options.force, device=options.device)


def run_plant(options: argparse.Namespace) -> None:
    """A model with the reader's own secrets, as a bundle."""
    from course_utils.teaching.training.make import plant, planted_recipe
    from course_utils.world.secrets import read_secrets

    if options.data is not None:
        raise ValueError("--data DIR does not go with --secrets: the painted world paints its own")
    recipe, folder = planted_recipe(options.name, read_secrets(options.secrets)), options.out or Path()
    plant(recipe, folder, force=options.force, device=options.device)
    path = folder / f"{recipe.name}.safetensors"
    print(f'{path}: hand it over; load_classifier("{path}") loads it, reveal("{path}", guess=…) opens the answer')


def add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="what load_classifier takes, such as pocket-robust")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", required=True, help="the page to write, such as report.html"
    )
    parser.add_argument("--classes", nargs="+", metavar="CLASS", help="which classes (default: all)")
    parser.add_argument("--copies", type=int, default=3, help="prototypes of each class (default: 3)")
    parser.add_argument("--steps", type=int, default=150, help="of each prototype (default: 150)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default: 0)")
    parser.set_defaults(run=run_report)


def run_report(options: argparse.Namespace) -> None:
    """The page; a model of the painted world is also shown fresh scenes of it."""
    from course_utils.models import load_classifier
    from course_utils.vision.report import build_report, writable
    from course_utils.world import PaintedWorld

    writable(options.out)
    classifier, world = load_classifier(options.model), PaintedWorld()
    scenes = None
    if classifier.classes == world.classes:
        names = [classifier.classes[classifier.index(name)] for name in options.classes or world.classes]
        scenes = world.sample(SCENES * len(names), seed=SCENES_SEED + options.seed, classes=names)
    report = build_report(
        classifier, options.out, classes=options.classes, images=scenes, copies=options.copies, steps=options.steps,
        seed=options.seed,
    )  # fmt: skip
    print(report)
    for finding in report.findings:
        print(f"  {finding}")
    if report.interrupted:
        raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
