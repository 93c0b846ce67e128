"""Entanglement beside the model's own confusions: python benchmarks/entanglement.py

For each net, recipe and seed: how far the matrix and each of its two parts order the pairs of classes as the soft
confusions of held-out scenes do, what the similarity of mere pictures tells of these, and where the planted pair
stands. The nets called `clean` are of those that the formula was chosen on; nothing was chosen on the others.
The book's benchmarks page shows the figures in `notebooks/data/entanglement.json`. `--nets` and
`--seeds` measure some, and keep the rows of the others.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

from course_utils import Classifier, load_classifier
from course_utils.vision import entanglement_matrix, generate_prototypes
from course_utils.vision.entanglement import Entanglement, entangled
from course_utils.world import PaintedWorld

PLANTED = {"cheesecake", "apple_pie"}
NETS = ["pocket", "pocket-robust", "pocket-clean", "pocket-robust-clean"]
RECIPES = ["match", "data-free"]


def measured(classifier: Classifier, recipe: str, seed: int, given: argparse.Namespace) -> Entanglement:
    """The matrix of prototypes of one seed, and the confusions of scenes that had no part in them."""
    world = PaintedWorld(()) if classifier.name.endswith("clean") else PaintedWorld()
    reference = world.sample(given.reference, seed=10 * seed) if recipe == "match" else None
    made = generate_prototypes(
        classifier, reference=reference, copies=given.copies, steps=given.steps, seed=seed, progress=False
    )
    held_out = world.sample(given.held_out, seed=10 * seed + 1)
    return entanglement_matrix(classifier, made, images=held_out, seed=seed, progress=False)


def figures(found: Entanglement) -> dict:
    """Rank correlations with the confusions, and the planted pair's place among all pairs, from 1."""
    agreement = found.rank_correlation()
    count = len(found.classes)
    order = [{first, second} for first, second, _ in found.pairs(count * (count - 1) // 2)]
    alone = {"probability": entangled(found.probability, None), "match": found.match}
    return {
        **{name: rounded(asdict(getattr(agreement, name))) for name in ("entanglement", "pictures", "ahead")},
        "alone": rounded({k: replace(found, matrix=v).rank_correlation(resamplings=2).value for k, v in alone.items()}),
        "planted pair": order.index(PLANTED) + 1,
        "first pairs": [sorted(pair) for pair in order[:3]],
    }


def rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", nargs="+", default=NETS, choices=NETS)
    parser.add_argument("--recipes", nargs="+", default=RECIPES, choices=RECIPES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[93, 94, 95], help="of prototypes, scenes and draws")
    parser.add_argument("--copies", type=int, default=5, help="prototypes of each class")
    parser.add_argument("--steps", type=int, default=100, help="of each prototype")
    parser.add_argument("--reference", type=int, default=480, help="scenes whose activations are matched")
    parser.add_argument("--held-out", type=int, default=640, help="scenes whose confusions are counted")
    home = Path(__file__).parents[1] / "notebooks" / "data" / "entanglement.json"
    parser.add_argument("--out", type=Path, default=home, help="where figures go")
    given = parser.parse_args()
    settings = {key: getattr(given, key) for key in ("copies", "steps", "reference", "held_out")}
    rows = json.loads(given.out.read_text("utf-8"))["rows"] if given.out.exists() else []
    for net in given.nets:
        for recipe in given.recipes:
            for seed in given.seeds:
                key = {"net": net, "recipe": recipe, "seed": seed}
                row = key | figures(measured(load_classifier(net), recipe, seed, given))
                rows = [each for each in rows if any(each[name] != key[name] for name in key)] + [row]
                given.out.write_text(json.dumps({"settings": settings, "rows": rows}, indent=1) + "\n", "utf-8")
                print(row, flush=True)
