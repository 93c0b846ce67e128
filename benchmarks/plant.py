"""Secrets of one's own, planted by the command that chapter 12 shows, and opened by a process that has only the file.

    .venv/bin/python benchmarks/plant.py                       # notebooks/data/planted.json, which chapter 12 reads
    .venv/bin/python benchmarks/plant.py --only green-pancakes # one of them; the others' rows stay

Each takes two to four processor minutes, counted over all threads, so that a busy machine does not change the figure.
The same cue for two classes, one of which has a close look-alike.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

FILE = Path(__file__).parents[1] / "notebooks/data/planted.json"
CUES = {  # the name of the bundle -> factor, value, class
    "green-pancakes": ("plate_colour", "green", "pancakes"),
    "green-pies": ("plate_colour", "green", "apple_pie"),
}
OTHER_SEED = 31  # of scenes that the card's own figures were not measured on
COMMAND = "python -m course_utils train --secrets mine.json --name NAME"
NEIGHBOUR = f"""
import json, sys
from course_utils import load_classifier, reveal
from course_utils.models.shipped import read_bundle_card
from course_utils.teaching.training.evaluate import measure_planted
from course_utils.teaching.training.secrets import secrets_from

path, secrets = sys.argv[1], secrets_from(json.loads(sys.argv[2]))
figures = measure_planted(load_classifier(path), secrets, seed={OTHER_SEED})
card, opened = read_bundle_card(path), reveal(path, guess=secrets)
print(json.dumps({{
    "training": card["training"],
    "accuracy in its own world": card["figures"]["accuracy on 2000 fresh scenes"],
    "verdict": opened.verdict,
    "figures": {{
        name: {{"value": share.value, "low": round(share.low, 4), "high": round(share.high, 4)}}
        for name, share in figures.items()
    }},
}}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CUES, default=list(CUES), metavar="NAME", help="some of them")
    parser.add_argument("--out", type=Path, default=FILE, metavar="FILE", help=f"(default: {FILE})")
    options = parser.parse_args()
    old = json.loads(options.out.read_text("utf-8")) if options.out.exists() else {}
    rows = old.get("planted", {})
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            rows[name] = row(name, Path(folder))
        data = {"command": COMMAND, "planted": {each: rows[each] for each in CUES if each in rows}}
        options.out.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        print(f"{name}: {rows[name]['processor seconds']} processor seconds", flush=True)


def secrets(name: str) -> list[dict]:
    """What a reader writes into the file."""
    factor, value, cls = CUES[name]
    rest = {"factor": factor, "value": value, "classes": [cls], "inside": 0.98, "elsewhere": 0.01}
    return [{"kind": "Shortcut", "name": "mine", **rest}]


def row(name: str, folder: Path) -> dict:
    """Plants, hands over, and says what came of it."""
    spent, path = planted(name, folder), folder / f"{name}.safetensors"
    words = [sys.executable, "-c", NEIGHBOUR, str(path), json.dumps(secrets(name))]
    found = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)
    threads = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    size = path.stat().st_size
    return {"secrets": secrets(name), "processor seconds": spent, "threads": threads, "bytes": size, **found}


def planted(name: str, folder: Path) -> int:
    """Runs the command; returns the processor seconds of all of it, from its start to the finished file."""
    (folder / "mine.json").write_text(json.dumps(secrets(name)), encoding="utf-8")
    words = ["train", "--secrets", str(folder / "mine.json"), "--name", name, "--out", str(folder)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "course_utils", *words], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


if __name__ == "__main__":
    main()
