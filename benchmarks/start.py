"""How long it takes until something is there: imports, and a first picture, each in a new process.

Beside the seconds stands how many of the large packages an import has loaded that it may not need.
"""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from functools import partial

from measure import Row, run, side_by_side, spread

HEAVY = ("torch", "torchvision", "transformers", "matplotlib", "IPython", "scipy", "captum", "torch._dynamo")
IMPORTS = {
    "import torch": "import torch",
    "torch._dynamo, PyTorch's compiler": "import torch._dynamo",
    "import course_utils": "import course_utils",
    "course_utils.world": "import course_utils.world",
    "course_utils.vision": "import course_utils.vision",
    "course_utils.language": "import course_utils.language",
    "load_classifier": "from course_utils import load_classifier; load_classifier('pocket')",
    "load_language_model": "from course_utils import load_language_model; load_language_model('pocket-lm')",
}
VOLCANO = "from course_utils import load_classifier; net = load_classifier('pocket'); "
SCENES = "from course_utils.world import PaintedWorld; some = PaintedWorld().sample(8, seed=0, classes='goldfish'); "
FIRST_PICTURES = {
    "painted scenes": SCENES + "from course_utils.show import show_images; "
    "show_images(some.images, alt='goldfish').webp()",
    "a tricked classifier": VOLCANO + SCENES + "from course_utils.vision import targeted_attack; "
    "targeted_attack(net, some.images, 'volcano', progress=False).plot().webp()",
    "a feature visualised": VOLCANO + "from course_utils.vision import visualize; "
    "visualize(net, 'logits:volcano', progress=False).plot().webp()",
    "a prompt found": "from course_utils import load_language_model; "
    "from course_utils.language import optimize_prompts; "
    "optimize_prompts(load_language_model('pocket-lm'), ' girl', restarts=16, steps=50, progress=False)",
}
AFTER = """
import json, sys, time
print(json.dumps([time.process_time(), [name for name in {heavy} if name in sys.modules]]))
"""


def compare(given: Namespace) -> list[Row]:
    rounds = 1 if given.quick else 5
    return [
        *in_new_processes("until it is imported or loaded", IMPORTS, rounds),
        *in_new_processes("until the first picture or prompt", FIRST_PICTURES, 1 if given.quick else 3),
    ]


def in_new_processes(case: str, programs: dict[str, str], rounds: int) -> list[Row]:
    """Processor seconds of each program from the start of Python on; the first of them is what the others stand over.

    The seconds are taken from the process that was started, not from this one.
    """
    ways = {name: partial(seconds_and_packages, program) for name, program in programs.items()}
    told: dict[str, list[float]] = {name: [] for name in ways}
    packages: dict[str, list[str]] = {}

    def keeping(name: str, way: partial) -> None:
        seconds, packages[name] = way()
        told[name].append(seconds)

    first = next(iter(ways))
    rows = side_by_side(
        case, {name: lambda _, name=name, way=way: keeping(name, way) for name, way in ways.items()}, rounds=rounds
    )
    for row in rows:
        if "error" not in row:
            own = told[row["way"]][1:]  # the first round has warmed the disk's cache up
            row["seconds"], row["ratio"] = spread(own), None
            row["quality"] = {"large packages loaded": ", ".join(packages[row["way"]]) or "none"}
            if case.startswith("until it is imported"):
                row["ratio"] = spread([a / b for a, b in zip(own, told[first][1:], strict=True)])
    return rows


def seconds_and_packages(program: str) -> tuple[float, list[str]]:
    code = f"{program}\n{AFTER.format(heavy=HEAVY)}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    seconds, packages = json.loads(done.stdout.splitlines()[-1])
    return seconds, packages


if __name__ == "__main__":
    run(compare, time="processor time", ratio="over import torch")
