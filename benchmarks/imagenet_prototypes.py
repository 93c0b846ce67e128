"""What chapters 4 to 7 show of efficientnet-lite0 at 224 pixels: python benchmarks/imagenet_prototypes.py PART …

Writes images and their settings to book/computed/imagenet, by the public calls that the chapters show; every figure is
measured on the images as they are read back from there, by efficientnet-lite2, which nothing is optimised against.

    sheet     prototypes of twenty classes drawn at random
    hundred   a hundred classes by four recipes, for the benchmarks page: hours without a GPU
    ladder    one class by six recipes, from bare pixels to the defaults
    unit      four images for one channel
    redrawn   the defaults on the network, and on the network with a head drawn anew
    natural   photographs, measured as the images of the hundred classes are (needs `--photographs`)

The classes are the first of a permutation with seed 2026 of those with which no setting was chosen.
"""

from __future__ import annotations

import argparse
import copy
import json
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from course_utils import load_classifier, load_images
from course_utils.models.classifier import Classifier
from course_utils.models.randomized import randomized
from course_utils.priors import high_frequency
from course_utils.vision import generate_prototypes, statistics_distance, visualize

OUT = Path(__file__).resolve().parent.parent / "book" / "computed" / "imagenet"
ABOUT = OUT / "settings.json"
CHOSEN_WITH = (9, 88, 291, 404, 555, 937, 859, 972)  # ostrich, macaw, lion, airliner, fire engine, broccoli, …
LADDER_CLASS = "volcano"
PIXELS = {"canvas": "pixel", "priors": (), "transforms": ()}
RUNGS: dict[str, dict[str, Any]] = {
    "bare pixels": PIXELS,
    "penalty": PIXELS | {"priors": [1000 * high_frequency]},
    "waves, penalty, transforms": {},
    "contrast and spectrum held": {"canvas": "natural"},
    "every magnitude held": {"canvas": "phase"},
}
HUNDRED: dict[str, dict[str, Any]] = {
    "default, 200 steps": {"steps": 200},
    "default, 150 steps": {"steps": 150},
    "every magnitude held, 200 steps": {"steps": 200, "canvas": "phase"},
    "the first edition's, 200 steps": {"steps": 200, "canvas": "fourier"},
}
UNIT: dict[str, Any] = {
    "objective": "blocks.5:26",
    "canvas": "natural",
    "copies": 4,
}  # chosen by eye among seven channels
REDRAWN = {"nothing": [], "head": ["classifier"]}
REDRAWN_CLASSES = ("red fox", "giant panda", "church", "cheeseburger")


def drawn_classes(net: Classifier, count: int) -> list[str]:
    order = torch.randperm(len(net.classes), generator=torch.Generator().manual_seed(2026)).tolist()
    return [net.classes[i] for i in order if i not in CHOSEN_WITH][:count]


def contrast_and_fine(images: Tensor) -> tuple[list[float], list[float]]:
    """Of each image the standard deviation of its channels, and the share of its energy above half Nyquist."""
    power = torch.fft.fft2(images - images.mean((2, 3), keepdim=True)).abs().square().sum(1)
    rows, columns = (torch.fft.fftfreq(side) for side in images.shape[2:])
    fine = (rows[:, None] ** 2 + columns**2).sqrt() > 0.25
    return images.std((2, 3)).mean(1).tolist(), ((power * fine).sum((1, 2)) / power.sum((1, 2))).tolist()


def measured(net: Classifier, judge: Classifier, images: Tensor, names: list[str]) -> dict[str, Any]:
    resized = torch.nn.functional.interpolate(images, judge.size, mode="bicubic", antialias=True).clamp(0, 1)
    said, own = judge.predict(resized), net.predict(images)
    order, at = said.logits.argsort(1, descending=True), torch.tensor([judge.index(name) for name in names])
    contrast, fine = contrast_and_fine(images)
    return {
        "classes": names,
        "logit": own.logits[torch.arange(len(names)), [net.index(name) for name in names]].tolist(),
        "judge says": said.classes,
        "judge's rank": ((order == at[:, None]).int().argmax(1) + 1).tolist(),
        "contrast": contrast,
        "fine": fine,
        "distance": statistics_distance(net, images).tolist(),
    }


def shares(found: dict[str, Any]) -> dict[str, float]:
    ranks = torch.tensor(found["judge's rank"])
    middle = {key: torch.tensor(found[key]).median().item() for key in ("fine", "distance")}
    return {
        "top 1": (ranks == 1).float().mean().item(),
        "top 5": (ranks <= 5).float().mean().item(),
        "contrast": sum(found["contrast"]) / len(ranks),
        **middle,
    }


def save(images: Tensor, what: str, quality: int = 90) -> list[Path]:
    OUT.mkdir(parents=True, exist_ok=True)
    files = [OUT / f"{what}_{number:02}.jpg" for number in range(len(images))]
    for file, image in zip(files, images, strict=True):
        array = (255 * image.permute(1, 2, 0)).round().byte().cpu().numpy()
        Image.fromarray(array).save(file, quality=quality, subsampling=0)
    return files


def note(part: str, about: dict[str, Any]) -> None:
    everything = json.loads(ABOUT.read_text(encoding="utf-8")) if ABOUT.exists() else {}
    everything[part] = about
    ABOUT.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")


def first_scores(net: Classifier, name: str, steps: int = 4) -> list[float]:
    """The scores before each of a few steps, by the same call with fewer of them."""
    scores: list[float] = []
    generate_prototypes(net, name, steps=steps, on_step=lambda step, x, outputs, score: scores.append(score.item()))
    return scores


def sheet(net: Classifier, judge: Classifier) -> None:
    names = drawn_classes(net, 20)
    images = generate_prototypes(net, names, steps=200).images.cpu()
    cpu = copy.deepcopy(net).to("cpu")
    found = measured(cpu, judge, load_images(cpu, *save(images, "prototype")), names)
    first = {"steps": 4, "score": first_scores(cpu, names[0])}
    call = "generate_prototypes(net, classes, steps=200)"
    note("sheet", {"call": call, "seed": 0, "shares": shares(found), "first scores": first, **found})


def hundred(net: Classifier, judge: Classifier) -> None:
    names, rows = drawn_classes(net, 100), {}
    for recipe, options in HUNDRED.items():
        images = generate_prototypes(net, names, **options).images.cpu()
        rows[recipe] = shares(measured(copy.deepcopy(net).to("cpu"), judge, images, names))
        note("100 classes", rows)


def ladder(net: Classifier, judge: Classifier) -> None:
    images = [visualize(net, f"logits:{LADDER_CLASS}", steps=200, **recipe).images for recipe in RUNGS.values()]
    images.append(generate_prototypes(net, LADDER_CLASS, steps=200).images)
    cpu = copy.deepcopy(net).to("cpu")
    files = save(torch.cat(images), "ladder")
    names = [*RUNGS, "spectrum held, stored statistics"]
    calls = [f"visualize(net, 'logits:{LADDER_CLASS}', steps=200, {recipe})" for recipe in RUNGS.values()]
    calls.append(f"generate_prototypes(net, '{LADDER_CLASS}', steps=200)")
    found = measured(cpu, judge, load_images(cpu, *files), [LADDER_CLASS] * len(files))
    note("ladder", {"rungs": names, "calls": calls, "seed": 0, **found})


def unit(net: Classifier, judge: Classifier) -> None:
    """The images, and the scores before each of a few steps of the first of them."""
    images = visualize(net, **UNIT, steps=100).images
    cpu, scores = copy.deepcopy(net).to("cpu"), list[float]()
    save(images, "unit")
    alone = UNIT | {"copies": 1}
    visualize(cpu, **alone, steps=4, on_step=lambda step, x, outputs, score: scores.append(score[0].item()))
    note("unit", {**UNIT, "steps": 100, "seed": 0, "first scores": {"steps": 4, "score": scores}})


def redrawn(net: Classifier, judge: Classifier) -> None:
    names, cpu, rows = list(REDRAWN_CLASSES), copy.deepcopy(net).to("cpu"), []
    images = [
        generate_prototypes(randomized(net, layers) if layers else net, names, steps=100).images.cpu()
        for layers in REDRAWN.values()
    ]
    loaded = load_images(cpu, *save(torch.cat(images), "redrawn"))
    for (what, layers), some in zip(REDRAWN.items(), loaded.split(len(names)), strict=True):
        found = measured(cpu, judge, some, names)
        rows.append({"drawn anew": what, "layers": layers, "shares": shares(found), **found})
    note(
        "redrawn", {"call": "generate_prototypes(randomized(net, layers), classes, steps=100)", "seed": 0, "rows": rows}
    )


def natural(net: Classifier, judge: Classifier, folder: Path, at_once: int = 50) -> None:
    """Photographs, one of each class in the order of the classes; a measure is worth what it says of them."""
    cpu, files = copy.deepcopy(net).to("cpu"), sorted(folder.glob("*.JPEG"))
    if len(files) != len(cpu.classes):
        raise SystemExit(f"{folder} has {len(files)} files *.JPEG, expected {len(cpu.classes)}, one a class.")
    found: dict[str, list[Any]] = {}
    for first in range(0, len(files), at_once):
        rows = slice(first, first + at_once)
        part = measured(cpu, judge, load_images(cpu, *files[rows]), list(cpu.classes[rows]))
        for key, values in part.items():
            found.setdefault(key, []).extend(values)
    near, far = torch.tensor(found["distance"]).quantile(torch.tensor([0.1, 0.9])).tolist()
    note("photographs", {"count": len(files), "distance, nine in ten": [near, far], **shares(found)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="+", choices=PARTS)
    parser.add_argument("--device", help="such as cuda (default: that, or the processor where there is none)")
    parser.add_argument("--photographs", type=Path, help="a folder with a photograph of each class, for `natural`")
    given = parser.parse_args()
    if "natural" in given.part and given.photographs is None:
        parser.error("natural needs --photographs DIR")
    device = given.device or ("cuda" if torch.cuda.is_available() else "cpu")
    net = load_classifier("efficientnet-lite0").to(device)
    judge = load_classifier("efficientnet-lite2")
    for part in given.part:
        PARTS[part](net, judge, *([given.photographs] if part == "natural" else []))


PARTS = {"sheet": sheet, "hundred": hundred, "ladder": ladder, "unit": unit, "redrawn": redrawn, "natural": natural}


if __name__ == "__main__":
    main()
