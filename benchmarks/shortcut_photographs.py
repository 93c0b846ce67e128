"""The finder on photographs in which marks were planted: benchmarks/shortcut_photographs.py --data DIR

DIR holds `test/CLASS/*` of CIFAR-10. Some photographs of each class, marked as those were that `photo-marked` learned
from, are searched beside `photo`, which never saw a mark. What is kept, `notebooks/data/photo_marked.json`, holds
figures and masks, and none of the photographs.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from shortcuts import line

from course_utils import load_classifier
from course_utils.models.shipped import read_card
from course_utils.teaching.training.data import CLASSES, Photographs, read_photographs
from course_utils.teaching.training.marks import TEST_SEED, Mark, marked
from course_utils.vision import find_shortcuts

FILE = Path(__file__).parents[1] / "notebooks/data/photo_marked.json"
PER_CLASS = 300
CELLS = 16  # along a side of the mean difference that is kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="holds test/CLASS/*.jpg")
    parser.add_argument("--classes", nargs="+", metavar="CLASS", help="carriers to look at (default: all)")
    parser.add_argument("--out", type=Path, default=FILE, metavar="FILE", help=f"(default: {FILE})")
    options = parser.parse_args()
    torch.set_num_threads(1)
    marks = tuple(Mark(**each) for each in read_card("photo-marked")["recipe"]["data"]["marks"])
    every = read_photographs("test", options.data)
    rows = torch.cat([(every.labels == label).nonzero().flatten()[:PER_CLASS] for label in range(len(CLASSES))])
    some = marked(Photographs(every.pixels[rows], every.labels[rows]), marks, TEST_SEED)
    begun = time.process_time()
    found = find_shortcuts(
        load_classifier("photo-marked"), some.images, some.labels, reference=load_classifier("photo"),
        classes=options.classes, progress=False,
    )  # fmt: skip
    data: dict[str, Any] = {
        "photographs": len(rows),
        "processor seconds": round(time.process_time() - begun),
        "found": [line(each) | {"changed": changed(each)} for each in found.shortcuts],
        "tests": [line(each) for each in found.tested],
        "notes": found.notes,
    }
    options.out.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    print(found, *found.shortcuts, sep="\n- ")


def changed(each: Any) -> list[list[float]]:
    """Where the evidence's images were changed, and how much, on a coarse grid: no photograph can be told from it."""
    difference = (each.after - each.before).abs().mean((0, 1), keepdim=True)
    grid = torch.nn.functional.adaptive_avg_pool2d(difference, CELLS)[0, 0]
    return [[round(value, 3) for value in row] for row in grid.tolist()]


if __name__ == "__main__":
    main()
