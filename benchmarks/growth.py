"""How cost grows: python benchmarks/growth.py

Time and memory of a step against the number of classes, the size of the image, the number of restarts and of words,
each measured in fresh processes of one thread, which take turns; then a sweep on a Dask cluster of one and of two
worker processes. All nets have random weights: a step costs the same. Beside it the floating-point operations of a
step, counted, also for a net that is too large to be run here. `notebooks/data/growth.json` holds what came out; the
page on clusters reads it. About fifteen minutes on a free core; `--quick` takes two.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import process_time
from typing import Any

from growth_counts import counted, too_large_to_run
from growth_models import CASES, STEPS, WHAT, case
from growth_workers import workers
from measure import circumstances, spread
from memory import seconds_and_peak

HOME = Path(__file__).resolve().parent.parent
OUT = HOME / "notebooks" / "data" / "growth.json"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
PARTS = (*CASES, "workers", "large")
MIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only to see that it runs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS, help="the others stay as they are")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--child", nargs=2, metavar=("AXIS", "SIZE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measured(given.child[0], int(given.child[1]))))
        return
    found: dict[str, Any] = json.loads(given.out.read_text("utf-8")) if given.out.exists() else {}
    found["circumstances"] = circumstances(["distributed", "joblib", "transformers", "torchvision"])
    rounds = 1 if given.quick else given.rounds
    for part in given.parts:
        if part in CASES:
            found[part] = growth(part, rounds, quick=given.quick)
        else:
            found[part] = workers(rounds, quick=given.quick) if part == "workers" else too_large_to_run()
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def growth(axis: str, rounds: int, quick: bool) -> dict[str, Any]:
    """Medians over rounds, in which the sizes take turns."""
    sizes = CASES[axis][:2] if quick else CASES[axis]
    taken: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    for _ in range(rounds):
        for size in sizes:
            command = [sys.executable, __file__, "--child", axis, str(size)]
            environment = {**os.environ, **ONE_THREAD}
            shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            taken[size].append(json.loads(shown.stdout.splitlines()[-1]))
            print(axis, size, taken[size][-1], file=sys.stderr, flush=True)
    operations = counted(axis, sizes)
    rows = [
        {
            "size": size,
            "seconds a step": spread([one["seconds a step"] for one in taken[size]]),
            "MiB": statistics.median(one["MiB"] for one in taken[size]),
            "GFLOP a step": operations[size] / 1e9,
        }
        for size in sizes
    ]
    return {"what": WHAT[axis], "rounds": rounds, "rows": rows}


def measured(axis: str, size: int) -> dict[str, float]:
    """Of this process: processor seconds a step, and what the steps need beyond what was there before them."""
    run = case(axis, size)
    before = memory_now()
    run(1)  # the first call warms up
    begin = process_time()
    run(STEPS)
    seconds = process_time() - begin
    return {"seconds a step": seconds / STEPS, "MiB": (seconds_and_peak()[1] - before) / MIB}


def memory_now() -> int:
    import psutil

    return psutil.Process().memory_info().rss


if __name__ == "__main__":
    main()
