"""The course on the command line: `python -m course_utils train NAME`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status (0 done, 1 refused, 130 stopped by Ctrl-C)."""
    parser = argparse.ArgumentParser(prog="python -m course_utils", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_train(commands.add_parser("train", help="make one of the shipped models again, from nothing"))
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (ValueError, OSError) as error:
        print(f"{parser.prog} {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", help="pocket, pocket-robust, pocket-judge, photo, photo-robust or pocket-lm"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where the weights and the card go (default: the package)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="photographs to train on, as train/CLASS/* and test/CLASS/* (default: CIFAR-10, fetched by torchvision)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite existing weights")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or mps")
    parser.set_defaults(run=run_train)


def run_train(options: argparse.Namespace) -> None:
    import torch

    from course_utils.messages import unknown
    from course_utils.models.language_recipes import LANGUAGE_RECIPES
    from course_utils.models.recipes import RECIPES
    from course_utils.models.store import WEIGHTS

    if options.name not in (known := [*RECIPES, *LANGUAGE_RECIPES]):
        raise ValueError(unknown("recipe", options.name, known))
    try:
        torch.zeros(1, device=options.device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"--device {options.device} cannot be used here ({reason}); leave it out") from None
    folder = options.out or WEIGHTS
    if options.name in LANGUAGE_RECIPES:
        from course_utils.models.language_make import make_language_model

        make_language_model(LANGUAGE_RECIPES[options.name], folder, force=options.force, device=options.device)
    else:
        from course_utils.models.make import make

        make(RECIPES[options.name], folder, data=options.data, force=options.force, device=options.device)


if __name__ == "__main__":
    sys.exit(main())
