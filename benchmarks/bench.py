"""Our methods beside other libraries, what a step costs, and what the course takes: python benchmarks/bench.py

Runs one comparison after the other, each in a process of its own with the Python that its peer needs, and keeps what
they find in results.json, from which the book's page of benchmarks is made. A comparison that fails is reported there,
and the others go on. `make bench` runs all; `--only attacks` one, and keeps what the file says of the others.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench_tables import markdown
from environments import python_for

HERE = Path(__file__).resolve().parent
RESULTS, TRIED = HERE / "results.json", HERE / "quick.json"
# A comparison's file, and the peer whose environment it needs; None is the course's own.
COMPARISONS: dict[str, str | None] = {
    "attacks": None,
    "visualization": "lucent",
    "imagenet_peers": "imagenet",
    "isolation_peers": None,
    "prompt_peers": "nanogcg",
    "prompt_search_real": "nanogcg_alone",
    "roofline": None,
    "real_network": None,
    "start": None,
    "memory": None,
}
# Those that come in parts, each in a process of its own, and kept as soon as it is there.
PARTS = {
    "imagenet_peers": [
        "ours, 200 steps",
        "ours, the logit alone, 200 steps",
        "lucent, 200 steps",
        "lucent, its 512 steps",
        "Horama's MACO, 200 steps",
    ],
    "prompt_peers": ["girl", "boy", "science", "art"],
    "prompt_search_real": [
        f"{model} {target}"
        for model in ("pocket-lm", "books-lm", "smollm2-135m")
        for target in ("girl", "science", "art", "boy")
    ],
    "roofline": ["pocket-8", "pocket-64", "photo-8", "photo-64", "pocket-lm"],
    "real_network": ["attack", "visualisation", "isolation", "report"],
    "memory": [path.name[:2] for path in sorted((HERE.parent / "notebooks").glob("[0-9][0-9]_*.ipynb"))],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=COMPARISONS, default=list(COMPARISONS), help="comparisons to run")
    parser.add_argument("--quick", action="store_true", help=f"see in minutes that all runs; writes {TRIED.name}")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch; one unless given")
    parser.add_argument("--parts", nargs="+", default=[], help="of what comes in parts (PARTS in this file)")
    parser.add_argument("--out", type=Path, help="where results go")
    given = parser.parse_args()
    out = given.out or (TRIED if given.quick else RESULTS)
    for name in given.only:
        print(f"{name} …", flush=True)
        for part in [None] if given.quick else given.parts or PARTS.get(name, [None]):
            more = ["--quick"] * given.quick + (["--parts", part] if part else [])
            found = result_of(HERE / f"{name}.py", COMPARISONS[name], more, threads=given.threads)
            keep(out, name, found, part=part)
            print(markdown(found) + "\n", flush=True)
    print(f"Written to {out}")


def result_of(script: Path, peer: str | None, more: Sequence[str] = (), *, threads: int = 1) -> dict:
    """What a comparison's script measured; {"error": …} where it, or the installation of its peer, fails."""
    try:
        python = python_for(peer)
    except (RuntimeError, OSError) as error:
        return {"error": str(error)}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "found.json")
        command = [python, str(script), "--out", str(out), *more]
        many = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        done = subprocess.run(command, env={**os.environ, **many}, stderr=subprocess.PIPE, text=True)
        if done.returncode == 0 and out.exists():
            return json.loads(out.read_text(encoding="utf-8"))
    sys.stderr.write(done.stderr)
    said = done.stderr.strip().splitlines() or [f"it ended with exit status {done.returncode}"]
    return {"error": said[-1]}


def keep(path: Path, name: str, found: dict, *, part: str | None = None) -> None:
    """Puts one comparison's result among those that are there, in the order of `COMPARISONS`.

    A failure does not wipe out an earlier result: it is noted beside it. A part of a comparison replaces only its own
    rows.
    """
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    before = known.get(name, {})
    if "error" in found and "rows" in before:
        found = {**before, "last error": found["error"]}
    elif part and "rows" in found:
        others = [row for row in before.get("rows", []) if row.get("part") != part]
        rows = others + [{"part": part, **row} for row in found["rows"]]
        found = {**found, "rows": sorted(rows, key=lambda row: PARTS[name].index(row["part"]))}
    known[name] = found
    ordered = {each: known[each] for each in COMPARISONS if each in known}
    path.with_suffix(".part").write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".part").replace(path)


if __name__ == "__main__":
    main()
