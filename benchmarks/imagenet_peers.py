"""Prototypes of efficientnet-lite0 beside lucent and Horama: python benchmarks/bench.py --only imagenet_peers

Everybody makes an image of each class, without seeing any of it. Ours is 224 pixels wide, as lucent's, and may use the
statistics that the network has stored; MACO's is 1,280 pixels wide, of which it shows the network six crops a step, and
is resized for the judges. Horama fetches the magnitudes of ImageNet's spectrum from the web; in their place are
those of the photographs at hand, in its own colours. Peers are told only that the classifier normalises by itself.
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
load = cache(load_classifier)


def compare(given: Namespace) -> list[Row]:
    torch.manual_seed(0)
    names = drawn_classes(load("efficientnet-lite0"), 1 if given.quick else CLASSES)
    steps = 2 if given.quick else STEPS
    ways = {name: partial(way, steps=steps) for name, way in WAYS.items()}
    ways |= {} if given.quick else {"lucent, the 512 steps of its default": partial(by_lucent, steps=512)}
    wanted = {name: way for name, way in ways.items() if not given.parts or name in given.parts}
    case = f"an image of each of {len(names)} classes, {steps} steps"
    return side_by_side(case, wanted, rounds=names, quality=partial(judged, names=names), warm_up=False)


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
    return image.detach()


@cache
def magnitudes(net: Classifier) -> np.ndarray:
    """Mean magnitudes of the photographs' waves, (3, height, width // 2 + 1), in the colours that Horama paints in."""
    from horama.common import get_color_correlation_svd_sqrt

    images = load_images(net, *photographs().values())
    back = torch.linalg.inv(get_color_correlation_svd_sqrt("cpu"))
    plain = (images - images.mean((2, 3), keepdim=True)).permute(0, 2, 3, 1) @ back
    return torch.fft.rfft2(plain.permute(0, 3, 1, 2)).abs().mean(0).numpy()


WAYS: dict[str, Callable[..., Tensor]] = {
    "ours": ours,
    "ours, the logit alone": without_statistics,
    "lucent": by_lucent,
    "Horama's MACO": by_maco,
}


if __name__ == "__main__":
    run(compare, time="time an image", packages=("torch-lucent", "kornia", "horama"))
