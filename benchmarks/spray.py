"""SpRAy beside the finder: python benchmarks/spray.py --models DIR

Spectral relevance analysis (Lapuschkin et al. 2019): the relevance maps of a class's images are clustered, and a class
whose maps fall apart into clear clusters, by the gap in the spectrum of their similarities, is one that a person should
look at. Layer-wise relevance propagation is zennit's. A person's look cannot be counted, so a bar takes its place: a
class is listed where its gap is larger than any of `pocket-clean`, in which nothing was planted. The models, their
scenes and what counts as a cue are those of `shortcuts.py`. The rank of the cue's class needs no bar.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from environments import ROOT, python_for
from scipy.linalg import eigh
from shortcuts import USED, opened

SIDE = 16  # of the maps that are compared, in pixels
NEIGHBOURS = 5
GAPS = 8  # among the first eigenvalues: so many clusters a class may have
CLEAN = "pocket-clean"


def relevance(classifier: Any, images: Any, labels: Any) -> Any:
    """Relevance maps for each image's class, shrunk, (n, SIDE * SIDE), each with an absolute sum of 1."""
    import torch
    from zennit.attribution import Gradient
    from zennit.canonizers import SequentialMergeBatchNorm
    from zennit.composites import EpsilonPlus

    composite = EpsilonPlus(canonizers=[SequentialMergeBatchNorm()])
    maps = []
    with Gradient(model=classifier, composite=composite) as attributor:
        for some, rows in zip(images.split(80), labels.split(80), strict=True):
            _, relevance = attributor(some, torch.eye(len(classifier.classes))[rows])
            maps.append(relevance.sum(1))
    small = torch.nn.functional.adaptive_avg_pool2d(torch.cat(maps)[:, None], SIDE).flatten(1)
    return small / small.abs().sum(1, keepdim=True).clamp_min(1e-12)


def eigengap(maps: np.ndarray) -> float:
    """The largest gap among the first eigenvalues of the normalised Laplacian of the maps' neighbours."""
    distances = np.linalg.norm(maps[:, None] - maps[None], axis=-1)
    near = np.argsort(distances, axis=1)[:, 1 : NEIGHBOURS + 1]
    joined = np.zeros_like(distances)
    np.put_along_axis(joined, near, 1.0, axis=1)
    joined = (joined + joined.T) / 2
    scale = 1 / np.sqrt(joined.sum(1))
    values = eigh(np.eye(len(maps)) - scale[:, None] * joined * scale, eigvals_only=True)
    return float(np.diff(values[1 : GAPS + 1]).max())  # the first value is 0 for every class


def gaps(name: str, folder: str) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """The gap of each class's maps, of images that are named right; and the model's cues."""
    import torch

    classifier, cues, scenes = opened(name, folder)
    right = classifier.predict(scenes.images).logits.argmax(1) == scenes.labels
    maps = relevance(classifier, scenes.images[right], scenes.labels[right]).numpy()
    rows = scenes.labels[right].numpy()
    with torch.no_grad():
        return {each: eigengap(maps[rows == i]) for i, each in enumerate(classifier.classes)}, cues


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, metavar="DIR", help="of the models' bundles")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "spray.json", metavar="FILE")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.here:  # once more, in the environment that has zennit
        sys.exit(subprocess.run([python_for("zennit"), __file__, *sys.argv[1:], "--here"]).returncode)
    bar = max(gaps(CLEAN, str(options.models))[0].values())
    rows = []
    for path in sorted(options.models.glob("eval-*.safetensors")):
        begun = time.process_time()
        found, cues = gaps(path.stem, str(options.models))
        order = sorted(found, key=found.__getitem__, reverse=True)
        used = [name for each in cues if each["turned"] >= USED for name in each["classes"]]
        rows.append({
            "model": path.stem,
            "cues": [each for each in cues if each["turned"] >= USED],
            "rank": {name: order.index(name) + 1 for name in used},
            "listed": [name for name in order if found[name] > bar],
            "gaps": {name: round(gap, 4) for name, gap in found.items()},
            "processor seconds": round(time.process_time() - begun, 1),
        })  # fmt: skip
        print(path.stem, rows[-1]["rank"], rows[-1]["listed"], flush=True)
    options.out.write_text(json.dumps({"bar": round(bar, 4), "models": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
