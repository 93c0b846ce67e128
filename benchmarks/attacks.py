"""Our attack beside torchattacks' and foolbox's PGD: python benchmarks/attacks.py, or as part of `make bench`.

All start at the same pictures, with the same step size and number of steps, and each is asked for a goldfish that is
called volcano within 8/255. The bare forward and backward pass, without which no gradient attack can do, runs along.
"""

from __future__ import annotations

import io
from argparse import Namespace
from contextlib import redirect_stdout
from functools import partial

import torch
from measure import Row, run, side_by_side
from torch import Tensor

from course_utils import Classifier, load_classifier
from course_utils.vision import targeted_attack
from course_utils.world import PaintedWorld

EPS, TARGET = 8 / 255, "volcano"
# Net, pictures, steps, rounds: how many fall, for the large ones; what a step costs, for the small ones.
CASES = (
    ("pocket", 200, 1, 3),
    ("pocket", 200, 5, 3),
    ("pocket", 200, 20, 3),
    ("pocket-robust", 200, 20, 3),
    ("pocket", 8, 20, 15),
    ("pocket", 64, 20, 7),
)
QUICK = (("pocket", 40, 5, 1), ("pocket", 8, 20, 2))


def compare(given: Namespace) -> list[Row]:
    rows = []
    for name, pictures, steps, rounds in QUICK if given.quick else CASES:
        net = load_classifier(name).requires_grad_(False)
        images = PaintedWorld().sample(pictures, seed=2, classes="goldfish").images
        target = net.targets(TARGET, pictures)
        ways = {
            way: partial(attack, net, images, target, steps)
            for way, attack in {
                "ours": ours,
                "torchattacks": by_torchattacks,
                "foolbox": by_foolbox,
                "bare passes": bare,
            }.items()
        }
        case = f"{name}, {pictures} pictures, {steps} step{'s' * (steps > 1)}"
        judge = partial(judged, net)
        rows += side_by_side(case, ways, rounds=rounds, per=steps, quality=judge)
    return rows


def judged(net: Classifier, attacked: list[Tensor | None]) -> dict[str, float]:
    """The share of pictures that the net calls as was wanted."""
    last = attacked[-1]
    return {} if last is None else {f"called {TARGET}": net.predict(last).classes.count(TARGET) / len(last)}


def ours(net: Classifier, images: Tensor, target: Tensor, steps: int, _: int) -> Tensor:
    return targeted_attack(net, images, target, eps=EPS, steps=steps, progress=False).images


def by_torchattacks(net: Classifier, images: Tensor, target: Tensor, steps: int, _: int) -> Tensor:
    import torchattacks

    attack = torchattacks.PGD(net, eps=EPS, alpha=2.5 * EPS / steps, steps=steps, random_start=False)
    with redirect_stdout(io.StringIO()):  # it says so
        attack.set_mode_targeted_by_function(lambda images, labels: labels)
    return attack(images, target)


def by_foolbox(net: Classifier, images: Tensor, target: Tensor, steps: int, _: int) -> Tensor:
    import foolbox

    model = foolbox.PyTorchModel(net, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfPGD(abs_stepsize=2.5 * EPS / steps, steps=steps, random_start=False)
    return attack(model, images, foolbox.criteria.TargetedMisclassification(target), epsilons=EPS)[1]


def bare(net: Classifier, images: Tensor, target: Tensor, steps: int, _: int) -> None:
    for _ in range(steps):
        x = images.clone().requires_grad_()
        torch.autograd.grad(torch.nn.functional.cross_entropy(net(x), target, reduction="sum"), x)


if __name__ == "__main__":
    run(compare, time="time a step", packages=("torchattacks", "foolbox"))
