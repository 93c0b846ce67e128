"""Our feature visualisation beside lucent 0.1.8: python benchmarks/bench.py --only visualization

Everybody makes a 64x64 picture of each class of `pocket` in 128 steps of Adam at 0.05, on Fourier coefficients. No
shims: lucent with its kornia 0.4.1 runs as it is. It is told `preprocess=False` (the classifier normalises by itself)
and `fixed_image_size=64` (the net takes nothing else; lucent resizes what its transforms leave).
"""

from __future__ import annotations

import copy
import warnings
from argparse import Namespace
from collections.abc import Callable
from functools import partial

import torch
from measure import Row, run, side_by_side
from torch import Tensor

from course_utils import Classifier, load_classifier
from course_utils.canvas import FourierCanvas
from course_utils.transforms import jitter, pad, rotate, scale
from course_utils.vision import high_frequency_share, visualize

SIZE = 64
# lucent's standard set (its jitter draws 0 … 7 and 0 … 3 pixels), as far as ours goes: there all pictures of a batch
# share one draw, and the picture lies on a larger grey sheet that is resized at the end, here it is resized at once.
LIKE_LUCENT = [pad(12), jitter(3), rotate(10), scale(0.9, 1.1), jitter(1)]


def compare(given: Namespace) -> list[Row]:
    pocket, steps = load_classifier("pocket"), 4 if given.quick else 128
    ways = {name: partial(afresh, way, pocket, steps) for name, way in WAYS.items()}
    case = f"pocket, a picture of each of {len(pocket.classes)} classes, {steps} steps"
    rounds = 1 if given.quick else 5
    return side_by_side(case, ways, rounds=rounds, per=len(pocket.classes), quality=partial(judged, pocket))


def judged(net: Classifier, pictures: list[Tensor]) -> dict[str, float]:
    """The logit that each picture reaches by itself; the share of its energy above half Nyquist."""
    last = pictures[-1]
    reached = net.predict(last.clamp(0, 1)).logits.diagonal()
    return {
        "logit, mean": reached.mean().item(),
        "logit, least": reached.min().item(),
        "energy above half Nyquist": high_frequency_share(last).mean().item(),
    }


def afresh(way: Callable[[Classifier, int], Tensor], net: Classifier, steps: int, seed: int) -> Tensor:
    torch.manual_seed(seed)
    return way(copy.deepcopy(net), steps)  # lucent leaves its hooks on


def by_lucent(net: Classifier, objective: object, batch: int, steps: int) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # kornia 0.4.1 calls torch.jit.script
        from lucent.optvis import param, render
    pictures = render.render_vis(
        net, objective, lambda: param.image(SIZE, batch=batch), thresholds=(steps,),
        preprocess=False, fixed_image_size=SIZE, show_image=False, progress=False,
    )  # fmt: skip
    return torch.from_numpy(pictures[-1]).permute(0, 3, 1, 2)


def one_at_a_time(net: Classifier, steps: int) -> Tensor:
    return torch.cat([by_lucent(net, f"labels:{i}", 1, steps) for i in range(len(net.classes))])


def in_a_batch(net: Classifier, steps: int) -> Tensor:
    from lucent.optvis import objectives

    classes = range(len(net.classes))
    wanted = objectives.Objective.sum([objectives.channel("labels", i, batch=i) for i in classes])
    return by_lucent(net, wanted, len(classes), steps)


def frozen(net: Classifier, steps: int) -> Tensor:
    return in_a_batch(net.requires_grad_(False), steps)


def ours(net: Classifier, steps: int, **options) -> Tensor:
    wanted = [f"logits:{name}" for name in net.classes]
    return visualize(net, wanted, steps=steps, progress=False, **options).images


def ours_like_lucent(net: Classifier, steps: int) -> Tensor:
    canvas = FourierCanvas(len(net.classes), SIZE)  # in ImageNet's colours
    canvas.amplitudes *= 0.5  # lucent divides its pictures by 4, we by 2
    return ours(net, steps, canvas=canvas, transforms=LIKE_LUCENT, priors=())


WAYS: dict[str, Callable[[Classifier, int], Tensor]] = {
    "ours": ours,
    "ours, told to do what lucent does": ours_like_lucent,
    "lucent, one at a time": one_at_a_time,
    "lucent, one batch": in_a_batch,
    "lucent, one batch, weights frozen": frozen,
}


if __name__ == "__main__":
    run(compare, time="time a picture", packages=("torch-lucent", "kornia"))
