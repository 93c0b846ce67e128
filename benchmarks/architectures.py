"""Every method on every kind of classifier that torchvision has: python benchmarks/architectures.py

Each architecture runs in a process of its own, on one picture at its weights' own size. A step's time is that of the
process on one thread, in the median; its memory is the most that the process had at once while the method ran (Linux).
Weights are random, so that nothing is fetched; what comes out means nothing, and has to be finite.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_utils import Classifier
from course_utils.vision import generate_prototypes, grad_cam, isolate_features, layers, targeted_attack, visualize

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from stand_ins import classifier_stand_in

STEPS = 8
NAMES = (
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3",
    "maxvit_t", "mnasnet1_0", "mobilenet_v2", "mobilenet_v3_large", "regnet_y_1_6gf", "resnet50", "resnext50_32x4d",
    "shufflenet_v2_x1_0", "squeezenet1_1", "swin_t", "swin_v2_t", "vgg16", "vit_b_16",
)  # fmt: skip
HOME = Path(__file__).with_suffix(".json")
METHODS = ("attack", "visualisation", "prototype", "isolation")


def measured(name: str) -> dict[str, Any]:
    """What an architecture takes: seconds a step and megabytes for each method, or the words in which it refuses."""
    torch.set_num_threads(1)
    net = classifier_stand_in(name)
    picture = torch.rand(1, 3, *net.size, generator=torch.Generator().manual_seed(0))
    table = [each for each in layers(net) if each.shape[0] > 5]
    unit = f"{table[len(table) // 2].name}:5"
    row = {
        "size": net.size[0],
        "parameters": sum(p.numel() for p in net.parameters()),
        "unit": unit,
        "loaded": peak(lambda: picture),
        "bare pass": bare_pass(net, picture),
        "attack": run(lambda **o: targeted_attack(net, picture, "volcano", **o).confidence),
        "visualisation": run(lambda **o: visualize(net, unit, **o).activation),
        "prototype": run(lambda **o: generate_prototypes(net, ["goldfish"], **o).logit),
        "isolation": run(lambda **o: isolate_features(net, picture, **o).removed),
    }
    try:
        grad_cam(net, picture, progress=False)
    except ValueError as error:
        return row | {"grad_cam": str(error)}
    return row | {"grad_cam": "runs"}


def bare_pass(net: Classifier, picture: Tensor) -> dict[str, float]:
    """A forward pass and a backward pass to the picture, and nothing else."""
    net.requires_grad_(False)
    variable = picture.clone().requires_grad_()

    def once(**_: Any) -> Tensor:
        for _ in range(STEPS + 1):
            times.append(time.process_time())
            net(variable).sum().backward()
        return variable.grad

    times: list[float] = []
    memory = peak(once)
    return {"seconds": statistics.median(interval(times)), "megabytes": memory}


def run(method: Callable[..., Tensor]) -> dict[str, float]:
    """A method for a few steps: the median of their times, and the most memory meanwhile."""
    times: list[float] = []
    on_step = partial(lambda times, *_: times.append(time.process_time()), times)
    memory = peak(lambda: method(steps=STEPS, on_step=on_step, progress=False))
    return {"seconds": statistics.median(interval(times)), "megabytes": memory}


def interval(times: list[float]) -> list[float]:
    """Without the first, which prepares, and the last, after which the best is judged once more."""
    return [after - before for before, after in pairwise(times[1:-1])]


def peak(work: Callable[[], Tensor]) -> float:
    """The most megabytes that the process has in memory while something finite is worked out."""
    Path("/proc/self/clear_refs").write_text("5")  # Linux forgets the largest so far
    found = work()
    if not found.isfinite().all():
        raise FloatingPointError(f"not finite: {found}")
    status = Path("/proc/self/status").read_text()
    return round(int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6)


def table(rows: dict[str, dict[str, Any]]) -> str:
    """The rows as Markdown; memory from what the loaded net takes to the most of any method."""
    seconds = ", ".join(("bare pass", *METHODS))
    lines = [f"| architecture | pixels | weights, M | ms: {seconds} | over bare | MB | Grad-CAM |", "|" + "---|" * 7]
    for name, row in sorted(rows.items()):
        if "failed" in row:
            lines.append(f"| {name} | {row['failed']} |")
            continue
        bare, *steps = (row[each]["seconds"] for each in ("bare pass", *METHODS))
        cells = (
            name,
            row["size"],
            f"{row['parameters'] / 1e6:.1f}",
            ", ".join(f"{1000 * each:.0f}" for each in (bare, *steps)),
            ", ".join(f"{each / bare:.2f}" for each in steps),
            f"{row['loaded']}, {max(row[method]['megabytes'] for method in METHODS)}",
            "yes" if row["grad_cam"] == "runs" else "no maps",
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES, help="of torchvision; the rows of others are kept")
    parser.add_argument("--out", type=Path, default=HOME)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)  # in the process of its own
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(*options.names)))
        return
    for name in options.names:
        done = subprocess.run([sys.executable, __file__, "--one", name], capture_output=True, text=True, check=False)
        lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines() or ["stopped"]
        row = json.loads(lines[-1]) if done.returncode == 0 else {"failed": lines[-1]}
        rows = json.loads(options.out.read_text())["rows"] if options.out.exists() else {}
        settings = {"steps": STEPS, "threads": 1, "pictures": 1, "torch": torch.__version__}
        options.out.write_text(json.dumps({"settings": settings, "rows": rows | {name: row}}, indent=1) + "\n")
        print(name, row.get("failed", "measured"), flush=True)
    print(table(json.loads(options.out.read_text())["rows"]))


if __name__ == "__main__":
    main()
