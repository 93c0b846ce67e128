"""Prototypes of networks without batch norm: python benchmarks/without_batch_norm.py

Such a network has stored no statistics of its training data, so they are collected once, from scenes without labels.
Two networks of the painted world: `pocket-judge`, which has group norms, and a small vision transformer, with layer
norms, which is trained here (some ten minutes on one core; it is kept beside the results and not trained again).
Sixteen classes, two images each, by three recipes; a network of another architecture names them, and beside its word
stand contrast, energy above half Nyquist and the distance from natural statistics, of held-out scenes as well.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from imagenet_prototypes import contrast_and_fine
from safetensors.torch import load_file, save_file
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor
from torch.nn import functional as F

from course_utils import Classifier, load_classifier
from course_utils.utils import progress_bar, proportion
from course_utils.vision import generate_prototypes, natural_statistics, statistics_distance
from course_utils.vision.statistics import LayerStatistics
from course_utils.world import PaintedWorld

OUT = Path(__file__).with_suffix(".json")
WORLD = PaintedWorld(())
EPOCHS, BATCH = 10, 128
JUDGES = {"pocket-judge": "pocket-clean", "vision transformer": "pocket-judge"}


def transformer() -> Classifier:
    torch.manual_seed(0)
    net = VisionTransformer(
        img_size=64, patch_size=8, embed_dim=128, depth=4, num_heads=4, num_classes=16, global_pool="avg"
    )
    return Classifier(net, classes=WORLD.classes, size=64, mean=(0.5,) * 3, std=(0.25,) * 3, name="vision transformer")


def train(net: Classifier, epochs: int) -> None:
    """AdamW with a cycle of learning rates, on mirrored and shifted scenes of the world without secrets."""
    scenes = WORLD.sample(12_000, seed=3)
    adam = torch.optim.AdamW(net.module.parameters(), lr=1e-3, weight_decay=0.05)
    steps = epochs * (len(scenes.images) // BATCH)
    cycle = torch.optim.lr_scheduler.OneCycleLR(adam, 1e-3, total_steps=steps)
    generator = torch.Generator().manual_seed(4)
    net.train()
    for _ in progress_bar(range(steps), "training", progress=True):
        rows = torch.randint(len(scenes.images), (BATCH,), generator=generator)
        images = scenes.images[rows]
        images = torch.where(torch.rand(BATCH, 1, 1, 1, generator=generator) < 0.5, images.flip(3), images)
        down, right = torch.randint(-4, 5, (2,), generator=generator).tolist()
        loss = F.cross_entropy(net(images.roll((down, right), (2, 3))), scenes.labels[rows], label_smoothing=0.05)
        adam.zero_grad()
        loss.backward()
        adam.step()
        cycle.step()
    net.eval()


def measured(net: Classifier, judge: Classifier, images: Tensor, names: list[str], kept: LayerStatistics) -> dict:
    contrast, fine = contrast_and_fine(images)
    own, said = net.predict(images), judge.predict(images).classes
    logit = own.logits[torch.arange(len(names)), [net.index(name) for name in names]].mean().item()
    return {
        "judge": str(proportion([a == b for a, b in zip(said, names, strict=True)])),
        "logit": round(logit, 1),
        "contrast": round(sum(contrast) / len(contrast), 3),
        "energy above half Nyquist, median": round(torch.tensor(fine).median().item(), 4),
        "distance, median": round(statistics_distance(net, images, kept).median().item(), 3),
    }


def rows_of(net: Classifier, judge: Classifier, steps: int) -> dict[str, Any]:
    kept = natural_statistics(net, WORLD.sample(480, seed=5).images)
    held_out = WORLD.sample(320, seed=6)
    recipes: dict[str, dict[str, Any]] = {
        "the first edition's": {},
        "natural statistics": {"statistics": kept, "natural": 20.0},
        "natural statistics, contrast and spectrum held": {
            "statistics": kept, "natural": 20.0, "canvas": "natural",
        },
    }  # fmt: skip
    names = [name for name in net.classes for _ in range(2)]
    rows = {"held-out scenes": measured(net, judge, held_out.images, held_out.names, kept)}
    for recipe, options in recipes.items():
        images = generate_prototypes(net, copies=2, steps=steps, **options).images
        rows[recipe] = measured(net, judge, images, names, kept)
        print(net.name, recipe, rows[recipe], flush=True)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="for the trained transformer")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.folder.mkdir(parents=True, exist_ok=True)
    path, results = given.folder / "transformer.safetensors", {}
    for name, judge in JUDGES.items():
        net = load_classifier(name) if name == "pocket-judge" else transformer()
        if name != "pocket-judge":
            if path.exists():
                net.module.load_state_dict(load_file(path))
            else:
                train(net, given.epochs)
                save_file(net.module.state_dict(), path)
            net.eval()
        results[name] = rows_of(net, load_classifier(judge), given.steps)
        given.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
