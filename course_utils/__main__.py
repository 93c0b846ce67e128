"""The course on the command line: `python -m course_utils doctor`, `… prefetch`, `… report MODEL`, `… train NAME`."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from io import TextIOWrapper
from typing import Any

from course_utils.teaching.training import command

SCENES = 30  # fresh scenes of each class that a report looks at
SCENES_SEED = 700_001  # that no training and no choice of settings has seen


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status (0 done, 1 refused or failed, 130 stopped by Ctrl-C)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal whose encoding lacks a character gets another one
    parser = argparse.ArgumentParser(prog="python -m course_utils", description=__doc__)
    parser.add_argument("--version", action="version", version=f"course-utils {version('course-utils')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (about, add_arguments, run) in COMMANDS.items():
        subparser = commands.add_parser(name, help=about)
        subparser.set_defaults(run=run)
        add_arguments(subparser)
    options = parser.parse_args(arguments)
    try:
        return options.run(options) or 0
    except (ValueError, OSError, ImportError) as error:
        print(f"{parser.prog} {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def run_doctor(options: argparse.Namespace) -> int:
    from course_utils.teaching.doctor import doctor

    return doctor()


def add_prefetch(parser: argparse.ArgumentParser) -> None:
    of = "of torchvision (resnet50), Hugging Face (gpt2, OWNER/NAME), or smollm2-135m; by default what the chapters use"
    parser.add_argument("names", nargs="*", metavar="NAME", help=of)
    folder = "a folder to copy to others, for COURSE_CACHE=DIR there"
    parser.add_argument("--to", type=command.path, metavar="DIR", help=folder)


def run_prefetch(options: argparse.Namespace) -> None:
    from course_utils.models.fetch import CHAPTERS, prefetch
    from course_utils.models.zoo import SMOLLM2, fetch_smollm2

    names = options.names or [*CHAPTERS, SMOLLM2]
    if others := [name for name in names if name != SMOLLM2]:
        prefetch(others, to=options.to)
    if SMOLLM2 in names:
        fetch_smollm2(options.to)


def add_report(parser: argparse.ArgumentParser) -> None:
    page = "the page to write, such as report.html"
    parser.add_argument("model", metavar="MODEL", help="what load_classifier takes, such as pocket-robust")
    parser.add_argument("--out", type=command.path, metavar="FILE", required=True, help=page)
    parser.add_argument("--classes", nargs="+", metavar="CLASS", help="which classes (default: all)")
    images = "labelled images, a folder for each class (default: fresh scenes, for models of the painted world)"
    parser.add_argument("--images", type=command.path, metavar="DIR", help=images)
    parser.add_argument("--beside", metavar="MODEL", help="a second network, to tell shortcuts from objects")
    parser.add_argument("--copies", type=int, default=3, help="prototypes of each class (default: 3)")
    parser.add_argument("--steps", type=int, default=150, help="of each prototype (default: 150)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default: 0)")


def run_report(options: argparse.Namespace) -> None:
    """The page; a model of the painted world is also shown fresh scenes of it, unless images are given."""
    from course_utils.images import load_labelled_images
    from course_utils.models import load_classifier
    from course_utils.vision.report import build_report, writable
    from course_utils.world import PaintedWorld

    writable(options.out)
    classifier, world = load_classifier(options.model), PaintedWorld()
    scenes: Any = None
    chosen = {name: getattr(options, name) for name in ("classes", "copies", "steps", "seed")}
    beside = load_classifier(options.beside) if options.beside else None
    if options.images is not None:
        scenes = load_labelled_images(classifier, options.images)
        chosen["classes"] = options.classes or list(dict.fromkeys(scenes[1]))
    elif classifier.classes == world.classes:
        names = [classifier.classes[classifier.index(name)] for name in options.classes or world.classes]
        scenes = world.sample(SCENES * len(names), seed=SCENES_SEED + options.seed, classes=names)
    report = build_report(classifier, options.out, images=scenes, beside=beside, **chosen)
    print("\n  ".join([str(report), *map(str, report.findings)]))
    if report.interrupted:
        raise KeyboardInterrupt


COMMANDS = {
    "doctor": ("whether the course will run on this computer", lambda parser: None, run_doctor),
    "prefetch": ("fetch pretrained models, for rooms without network", add_prefetch, run_prefetch),
    "train": ("make one of the shipped models again, from nothing", command.add_arguments, command.run),
    "report": ("one HTML page about a classifier", add_report, run_report),
}

if __name__ == "__main__":
    sys.exit(main())
