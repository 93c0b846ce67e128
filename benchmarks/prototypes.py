"""Prototypes beside their controls: python benchmarks/prototypes.py

All sixteen classes, five pictures each, of every net, by four recipes; each is held against scenes that no recipe has
seen: rank correlation with the class mean at layers in the loss, at layers left out and at the judge's own layers, the
definition of a prototype, and the name that `pocket-judge` gives. Then with weights drawn anew, layer by layer.
The book's benchmarks page shows the figures in `notebooks/data/prototypes.json`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor

from course_utils import Classifier, load_classifier
from course_utils.models.randomized import cascade, randomized
from course_utils.vision import class_means, generate_prototypes, similarity, visualize
from course_utils.vision.layer_table import stages
from course_utils.world import PaintedWorld, Scenes

REFERENCE, HELD_OUT = 70, 71  # seeds of the scenes
LEFT_OUT = ["layer1.relu1", "layer2.relu1", "layer2.shortcut", "layer3.relu1"]
LOOK_ALIKES = ({"pancakes", "waffle"}, {"sailboat", "pirate_ship"})
SANITY_STEPS = 150


def recipes(classifier: Classifier, reference: Scenes, seed: int, steps: int) -> dict[str, Tensor]:
    """A picture of each class by every recipe."""
    settings = {"seed": seed, "steps": steps, "progress": False}
    targets = [f"logits:{name}" for name in classifier.classes]
    naive = visualize(classifier, targets, canvas="pixel", priors=(), transforms=(), **settings)
    return {
        "match": generate_prototypes(classifier, reference=reference, **settings).images,
        "data-free": generate_prototypes(classifier, **settings).images,
        "naive": naive.images,
    }


def mean_images(classifier: Classifier, reference: Scenes) -> Tensor:
    """The average scene of each class."""
    return torch.stack([reference.images[reference.labels == i].mean(0) for i in range(len(classifier.classes))])


def compare(classifier: Classifier, seeds: int, steps: int, reference: Scenes, held: Scenes) -> dict:
    """Every recipe's figures."""
    made: dict[str, list[Tensor]] = {}
    for seed in range(seeds):
        for name, images in recipes(classifier, reference, seed, steps).items():
            made.setdefault(name, []).append(images)
        print(f"{classifier.name}: seed {seed} of {seeds} done", flush=True)
    made["mean picture"] = [mean_images(classifier, reference)]
    counts = {name: len(parts) * len(classifier.classes) for name, parts in made.items()}
    images = torch.cat([each for parts in made.values() for each in parts])
    judge = load_classifier("pocket-judge")
    names = list(classifier.classes) * (len(images) // len(classifier.classes))
    asked = {"in the loss": (classifier, None), "left out": (classifier, LEFT_OUT), "judge": (judge, None)}
    close = {
        group: similarity(net, images, names, held, layers=layers, progress=False)
        for group, (net, layers) in asked.items()
    }
    logits, strongest = natural_logits(classifier, images, names, held)
    said = judge.predict(images).classes
    figures, first = {}, 0
    for name, count in counts.items():
        rows = slice(first, first + count)
        figures[name] = {
            "pictures": count,
            "judge": verdict(names[rows], said[rows]),
            "logit above all": share(logits[rows] > strongest[rows]),
            "definition": share(close["in the loss"].by_definition[rows]),
            "definition at 95 %": share((close["in the loss"].above[rows] > 0.95).all(1)),
            "layers": {group: by_layer(found, rows) for group, found in close.items()},
        }
        print(f"  {name}: {figures[name]['judge']}", flush=True)
        first += count
    found = close["in the loss"]
    figures["match"]["first seed"] = [[round(x, 4) for x in row] for row in found.spearman.tolist()][
        : len(classifier.classes)
    ]
    return figures


def natural_logits(classifier: Classifier, images: Tensor, names: list[str], held: Scenes) -> tuple[Tensor, Tensor]:
    """The logit of each picture's own class, and the highest that a scene of that class reaches."""
    own = classifier.targets(names, len(images))
    natural = classifier.predict(held.images).logits
    best = torch.stack([natural[held.labels == i, i].max() for i in range(len(classifier.classes))])
    return classifier.predict(images).logits.gather(1, own[:, None])[:, 0], best[own]


def verdict(names: list[str], said: list[str]) -> dict:
    """How many pictures the judge names, and which others it takes them for."""
    wrong = [(a, b) for a, b in zip(names, said, strict=True) if a != b]
    alike = [pair for pair in wrong if set(pair) in LOOK_ALIKES]
    return {
        "named": 1 - len(wrong) / len(names),
        "named, look-alikes apart": 1 - (len(wrong) - len(alike)) / len(names),
        "taken for": sorted(f"{a} for {b}" for a, b in set(wrong)),
    }


def by_layer(found, rows: slice) -> dict[str, dict[str, float]]:
    """Means over pictures and over natural scenes; shares of pictures above 95 % and above all scenes of the class."""
    above = found.above[rows]
    columns = {
        "pictures": found.spearman[rows].mean(0),
        "same class": found.same.mean(0),
        "other classes": found.different.mean(0),
        "above 95 %": (above > 0.95).float().mean(0),
        "above all": (above == 1).float().mean(0),
    }
    return {layer: {k: round(v[i].item(), 4) for k, v in columns.items()} for i, layer in enumerate(found.layers)}


def share(yes: Tensor) -> float:
    return yes.float().mean().item()


def sanity(classifier: Classifier, steps: int, reference: Scenes, held: Scenes) -> list[dict]:
    """What the judge still names when weights are drawn anew, with and without the reference."""
    judge, rows = load_classifier("pocket-judge"), []
    for layers in [(), *cascade(classifier)]:
        net = randomized(classifier, layers) if layers else classifier
        row: dict = {"drawn anew": list(layers)}
        for name, means in (("match", class_means(net, reference, progress=False)), ("data-free", None)):
            run = generate_prototypes(net, reference=means, steps=steps, progress=False)
            trained = similarity(classifier, run.images, run.classes, held, layers=stages(classifier)[-1:])
            row[name] = {
                "named": verdict(run.classes, judge.predict(run.images).classes)["named"],
                "last layer": trained.spearman.mean().item(),
            }
        rows.append(row)
        print(row, flush=True)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="pictures of each class and recipe")
    parser.add_argument("--steps", type=int, default=200, help="of each picture")
    parser.add_argument("--reference", type=int, default=960, help="scenes whose activations are matched")
    parser.add_argument("--held-out", type=int, default=480, help="scenes that everything is held against")
    parser.add_argument("--nets", nargs="+", default=["pocket-robust", "pocket"])
    home = Path(__file__).parents[1] / "notebooks" / "data" / "prototypes.json"
    parser.add_argument("--out", type=Path, default=home, help="where figures go")
    given = parser.parse_args()
    world = PaintedWorld()
    seen, unseen = world.sample(given.reference, seed=REFERENCE), world.sample(given.held_out, seed=HELD_OUT)
    settings = {key: value for key, value in vars(given).items() if key != "out"}
    figures: dict = {"settings": settings | {"seeds of the scenes": [REFERENCE, HELD_OUT]}}
    for each in given.nets:
        figures[each] = compare(load_classifier(each), given.seeds, given.steps, seen, unseen)
        given.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")  # after each net, in case
    robust = load_classifier("pocket-robust")
    figures["randomized"] = sanity(robust, min(SANITY_STEPS, given.steps), seen, unseen)
    given.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
