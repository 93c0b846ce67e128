"""How the comparisons measure: ways take turns, medians and the middle half of all, and what machine it was.

Several ways of doing the same thing run one after the other, round after round, so that whatever else the machine does
meets all of them; ratios are taken round by round. With one thread the clock is the processor's, which stands still
while another process runs; with more, or where the work is not in this process, it is the wall's.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import torch

Row = dict[str, Any]
COURSE = ("torch", "numpy", "course-utils")


def side_by_side(
    case: str,
    ways: Mapping[str, Callable[[Any], Any]],
    *,
    rounds: int | Sequence[Any],
    per: Mapping[str, float] | float = 1,
    quality: Callable[[list[Any]], dict[str, float]] | None = None,
    against: str = "ours",
    warm_up: bool = True,
) -> list[Row]:
    """A row for each way: its time, its time over that of `against`, and how good its results are.

    Args:
        case: what all of them do.
        ways: each is called once a round, with what the round is about.
        rounds: how many, or what each is about.
        per: what the seconds of a call are divided by; one for all, or for each way.
        quality: makes numbers of all that a way gave, one result a round.
        warm_up: whether the first round is run once more before, without a clock.

    A way that raises an error is out from then on, and its row says why; the others go on.
    """
    given = list(range(rounds)) if isinstance(rounds, int) else list(rounds)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, list[Any]] = {name: [] for name in ways}
    errors: dict[str, str] = {}
    for number, about in enumerate([given[0], *given] if warm_up else given):
        for name, way in ways.items():
            if name in errors:
                continue
            try:
                passed, result = timed(way, about)
            except Exception as error:
                errors[name] = f"{type(error).__name__}: {error}".partition("\n")[0]
                continue
            if number or not warm_up:
                seconds[name].append(passed / (per if isinstance(per, int | float) else per[name]))
                results[name].append(result)
    rows: list[Row] = []
    for name in ways:
        row: Row = {"case": case, "way": name}
        if name in errors:
            rows.append({**row, "error": errors[name]})
            continue
        ratios = [a / b for a, b in zip(seconds[name], seconds.get(against, []), strict=False)]
        row |= {"seconds": spread(seconds[name]), "ratio": spread(ratios) if ratios else None}
        rows.append({**row, "quality": quality(results[name]) if quality else {}})
    return rows


def timed(way: Callable[[Any], Any], about: Any) -> tuple[float, Any]:
    begin = clock()
    result = way(about)
    return clock() - begin, result


def clock() -> float:
    return process_time() if torch.get_num_threads() == 1 else perf_counter()


def spread(values: Sequence[float]) -> dict[str, float]:
    """The median, and the middle half of all."""
    if len(values) < 2:
        return {"median": values[0], "low": values[0], "high": values[0]}
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": middle, "low": low, "high": high}


def circumstances(packages: Sequence[str]) -> Row:
    """Where, when, with what: what a figure means nothing without."""
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "clock": "processor time" if torch.get_num_threads() == 1 else "wall time",
        "load before": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in (*COURSE, *packages)},
    }


def processor() -> str:
    """The processor's name, as far as the system tells."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text(encoding="utf-8").splitlines() if known.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def run(
    compare: Callable[[argparse.Namespace], list[Row]],
    *,
    time: str,
    ratio: str = "over ours",
    packages: Sequence[str] = (),
) -> None:
    """What a comparison's file does when it is called: measure, and write its rows where --out says.

    Args:
        time, ratio: what these two columns of its tables are called.
        packages: whose versions matter.

    `compare` is given the command line's arguments: `.quick`, and `.parts`, the names of the parts to measure where a
    comparison comes in several, or none for all.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="only to see that it runs")
    parser.add_argument("--out", type=Path, help="a JSON file; the terminal if left out")
    parser.add_argument("--parts", nargs="*", default=[], help="of a comparison that comes in several")
    given = parser.parse_args()
    found: Row = {"circumstances": circumstances(packages)}
    begin = perf_counter()
    found |= {"time": time, "ratio": ratio, "quick": given.quick, "rows": compare(given)}
    found["circumstances"]["wall seconds"] = round(perf_counter() - begin)
    text = json.dumps(found, indent=1)
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")
    else:
        print(text)
