"""Isolation beside Grad-CAM and Integrated Gradients on photographs: python benchmarks/isolation_photographs.py

`efficientnet-lite0` on the photographs that scikit-image and matplotlib carry. Nobody knows the cause of an answer
there, so maps are judged by the class's probability while the most important pixels are hidden (deletion: the less the
better) or uncovered (insertion: the more the better). All methods have the settings that their functions come with,
none of which was chosen on these photographs. Two controls: the middle of the image first, and the masks smoothed. The
means go to isolation_photographs.json, which the page of benchmarks shows.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from course_utils import load_classifier, load_images, photographs
from course_utils.vision import deletion_and_insertion, grad_cam, integrated_gradients, isolate_features
from course_utils.vision.attributions import smoothed

SMOOTHING = 8.0  # pixels, for Integrated Gradients, whose maps are speckled
FILLS = ("blur", "mean")
OUT = Path(__file__).with_suffix(".json")


def main(steps: int, points: int, out: Path) -> None:
    net, files = load_classifier("efficientnet-lite0"), photographs()
    images = load_images(net, *files.values())
    said = net.predict(images).classes
    across, down = (torch.linspace(-1, 1, side) for side in net.size)
    methods = {
        "isolation": lambda: isolate_features(net, images, steps=steps),
        "Grad-CAM": lambda: grad_cam(net, images),
        "Integrated Gradients": lambda: integrated_gradients(net, images, smoothing=SMOOTHING),
    }
    print(f"{', '.join(files)}: {', '.join(said)}")
    maps = {"the middle first": -(down[:, None].square() + across.square()).expand(len(images), *net.size)}
    seconds = {}
    for name, method in methods.items():
        begun = time.process_time()
        found = method()
        seconds[name] = (time.process_time() - begun) / len(images)
        print(f"{name}: {seconds[name]:.1f} s of processor an image; {found}", flush=True)
        maps[name] = found.maps
    maps["isolation, smoothed"] = smoothed(maps["isolation"], min(net.size) / 7)
    measured: dict[str, dict[str, dict[str, float]]] = {name: {} for name in maps}
    for fill in FILLS:
        for name, each in maps.items():
            for what, areas in zip(
                ("deletion", "insertion"),
                deletion_and_insertion(net, images, each, said, fill=fill, points=points),
                strict=True,
            ):
                row = " ".join(f"{value:.3f}" for value in areas.tolist())
                measured[name].setdefault(what, {})[fill] = areas.mean().item()
                print(f"{fill:5} {what:9} {name:22} mean {areas.mean():.3f}: {row}", flush=True)
    found = {"photographs": list(files), "steps": steps, "points": points, "methods": measured, "seconds": seconds}
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100, help="of isolation (default: 100)")
    parser.add_argument("--points", type=int, default=17, help="on each curve (default: 17)")
    parser.add_argument("--out", type=Path, default=OUT, help=f"where the means go (default: {OUT.name})")
    options = parser.parse_args()
    main(options.steps, options.points, options.out)
