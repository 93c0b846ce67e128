"""Our attack beside torchattacks and foolbox: python benchmarks/attacks.py (needs the `test` extra; about two minutes).

All start at the same pictures, with the same step size and number of steps, and each is asked for a goldfish that is
called volcano within 8/255. A step's cost is held against the bare forward and backward pass, interleaved.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import foolbox
import torch
import torchattacks
from torch import Tensor

from course_utils import Classifier, load_classifier
from course_utils.vision import targeted_attack
from course_utils.world import PaintedWorld

EPS, TARGET, PICTURES, STEPS = 8 / 255, "volcano", 200, (1, 5, 10, 20)
BATCHES, REPEATS = (8, 16, 64), 9


def ours(classifier: Classifier, images: Tensor, target: Tensor, steps: int) -> Tensor:
    return targeted_attack(classifier, images, target, eps=EPS, steps=steps, progress=False).images


def by_torchattacks(classifier: Classifier, images: Tensor, target: Tensor, steps: int) -> Tensor:
    attack = torchattacks.PGD(classifier, eps=EPS, alpha=2.5 * EPS / steps, steps=steps, random_start=False)
    attack.set_mode_targeted_by_function(lambda images, labels: labels, quiet=True)
    return attack(images, target)


def by_foolbox(classifier: Classifier, images: Tensor, target: Tensor, steps: int) -> Tensor:
    model = foolbox.PyTorchModel(classifier, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfPGD(abs_stepsize=2.5 * EPS / steps, steps=steps, random_start=False)
    return attack(model, images, foolbox.criteria.TargetedMisclassification(target), epsilons=EPS)[1]


ATTACKS: dict[str, Callable[[Classifier, Tensor, Tensor, int], Tensor]] = {
    "ours": ours,
    "torchattacks": by_torchattacks,
    "foolbox": by_foolbox,
}


def success_table() -> None:
    """How many of 200 goldfish each attack turns into volcanoes."""
    scenes = PaintedWorld().sample(PICTURES, seed=2, classes="goldfish")
    print(f"| goldfish called {TARGET}, of {PICTURES} | steps | " + " | ".join(ATTACKS) + " |\n|---|---|---|---|---|")
    for name in ("pocket", "pocket-robust"):
        classifier = load_classifier(name)
        target = classifier.targets(TARGET, PICTURES)
        for steps in STEPS:
            answers = [
                classifier.predict(attack(classifier, scenes.images, target, steps)) for attack in ATTACKS.values()
            ]
            counts = [answer.classes.count(TARGET) for answer in answers]
            print(f"| {name} | {steps} | " + " | ".join(map(str, counts)) + " |", flush=True)


def cost_table(steps: int = 20) -> None:
    """Milliseconds a step, and ours over the bare forward and backward pass (median, and the middle half of all)."""
    classifier = load_classifier("pocket").requires_grad_(False)
    print(
        "\n| pictures | bare step, ms | "
        + " | ".join(f"{name}, ms" for name in ATTACKS)
        + " | ours / bare |\n"
        + "|---" * 6
        + "|"
    )
    for batch in BATCHES:
        images = PaintedWorld().sample(batch, seed=3, classes="goldfish").images
        target = classifier.targets(TARGET, batch)
        given = (classifier, images, target, steps)
        work = {name: partial(run, *given) for name, run in {"bare": bare, **ATTACKS}.items()}
        times: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(REPEATS):
            for name, run in work.items():
                begin = time.perf_counter()
                run()
                times[name].append((time.perf_counter() - begin) / steps * 1000)
        ratios = [mine / plain for mine, plain in zip(times["ours"], times["bare"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        medians = " | ".join(f"{statistics.median(each):.1f}" for each in times.values())
        print(f"| {batch} | {medians} | {middle:.2f} [{low:.2f}, {high:.2f}] |", flush=True)


def bare(classifier: Classifier, images: Tensor, target: Tensor, steps: int) -> None:
    """The forward and backward passes that no gradient attack can do without."""
    for _ in range(steps):
        x = images.clone().requires_grad_()
        torch.autograd.grad(torch.nn.functional.cross_entropy(classifier(x), target, reduction="sum"), x)


if __name__ == "__main__":
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    success_table()
    cost_table()
