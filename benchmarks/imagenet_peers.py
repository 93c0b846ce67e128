"""Prototypes of efficientnet-lite0 beside lucent and Horama: python benchmarks/bench.py --only imagenet_peers

Everybody makes an image of each class, without seeing any of it. Ours is 224 pixels wide, as lucent's, and may use the
statistics that the network has stored. MACO's is 1,280 pixels wide, of which it shows the network six crops a step:
what is judged is a crop of that size, from the middle. Horama fetches the magnitudes of ImageNet's spectrum from the
web; in their place are those of the photographs at hand, in its own colours. Its own thousand steps are not run.
Peers are told only that the classifier normalises by itself.
"""

from __future__ import annotations

import copy
import os
import tempfile
import warnings
from argparse import Namespace
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch
from imagenet_prototypes import drawn_classes, measured, shares
from measure import Row, run, side_by_side
from torch import Tensor

from course_utils import load_classifier, load_images, photographs
from course_utils.models.classifier import Classifier
from course_utils.vision import generate_prototypes, visualize

STEPS, CLASSES = 200, 3
SEEN = 0.275  # of MACO's image, along a side: the mean of the crops that it shows to the network
load = cache(load_classifier)


def compare(given: Namespace) -> list[Row]:
    torch.manual_seed(0)
    names = drawn_classes(load("efficientnet-lite0"), 1 if given.quick else CLASSES)
    case = f"an image of each of {len(names)} classes"
    ways = {
        name: partial(way, **(options | {"steps": 2} if given.quick else options))
        for name, (way, options) in WAYS.items()
    }
    wanted = {name: way for name, way in ways.items() if name in (given.parts or WAYS)}
    return side_by_side(case, wanted, rounds=names, quality=partial(judged, names=names), against="", warm_up=False)


def judged(images: list[Tensor], *, names: list[str]) -> dict[str, float]:
    """What the judge names, and what it cannot be pleased with: contrast, energy above half Nyquist, statistics."""
    net, judge = load("efficientnet-lite0"), load("efficientnet-lite2")
    resized = [torch.nn.functional.interpolate(each[None], net.size, mode="bicubic", antialias=True) for each in images]
    found = measured(net, judge, torch.cat(resized).clamp(0, 1), names)
    named = {"top 1": "named by the judge", "top 5": "among its first five", "fine": "energy above half Nyquist"}
    judged = {named.get(key, key): value for key, value in shares(found).items()}
    return judged | {"logit, mean": float(np.mean(found["logit"]))}


def ours(name: str, *, steps: int) -> Tensor:
    return generate_prototypes(load("efficientnet-lite0"), name, steps=steps, progress=False).images[0]


def without_statistics(name: str, *, steps: int) -> Tensor:
    net = load("efficientnet-lite0")
    return visualize(net, f"logits:{name}", canvas="natural", steps=steps, progress=False).images[0]


def by_lucent(name: str, *, steps: int) -> Tensor:
    net = copy.deepcopy(load("efficientnet-lite0"))  # lucent leaves its hooks on
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # kornia 0.4.1 calls torch.jit.script
        from lucent.optvis import param, render
    pictures = render.render_vis(
        net, f"labels:{net.index(name)}", lambda: param.image(net.size[0]), thresholds=(steps,),
        preprocess=False, fixed_image_size=net.size[0], show_image=False, progress=False,
    )  # fmt: skip
    return torch.from_numpy(pictures[-1][0]).permute(2, 0, 1)


def by_maco(name: str, *, steps: int) -> Tensor:
    from horama import maco

    net: Classifier = load("efficientnet-lite0")
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/spectrum_decorrelated.npy", magnitudes(net))
        os.chdir(folder)  # where Horama looks for it
        try:
            image, _ = maco(
                lambda images: net(images)[:, net.index(name)].mean(), total_steps=steps, values_range=(0.0, 1.0),
                model_input_size=net.size[0], device="cpu",
            )  # fmt: skip
        finally:
            os.chdir(here)
    side, seen = image.shape[-1], round(SEEN * image.shape[-1])
    middle = slice((side - seen) // 2, (side + seen) // 2)
    return image.detach()[:, middle, middle]


@cache
def magnitudes(net: Classifier) -> np.ndarray:
    """Mean magnitudes of the photographs' waves, (3, height, width // 2 + 1), in the colours that Horama paints in."""
    from horama.common import get_color_correlation_svd_sqrt

    images = load_images(net, *photographs().values())
    back = torch.linalg.inv(get_color_correlation_svd_sqrt("cpu"))
    plain = (images - images.mean((2, 3), keepdim=True)).permute(0, 2, 3, 1) @ back
    return torch.fft.rfft2(plain.permute(0, 3, 1, 2)).abs().mean(0).numpy()


WAYS: dict[str, tuple[Callable[..., Tensor], dict[str, int]]] = {
    "ours, 200 steps": (ours, {"steps": STEPS}),
    "ours, the logit alone, 200 steps": (without_statistics, {"steps": STEPS}),
    "lucent, 200 steps": (by_lucent, {"steps": STEPS}),
    "lucent, its 512 steps": (by_lucent, {"steps": 512}),
    "Horama's MACO, 200 steps": (by_maco, {"steps": STEPS}),
}


if __name__ == "__main__":
    run(compare, time="time an image", packages=("torch-lucent", "kornia", "horama"))
