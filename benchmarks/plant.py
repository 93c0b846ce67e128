"""The example of chapter 12, planted: one command from a file of secrets to a bundle, opened by another process.

    .venv/bin/python benchmarks/plant.py          # writes notebooks/data/planted.json, which chapter 12 reads

It takes as long as a reader waits for a model of their own: about ten processor minutes at most. Processor seconds are
counted, those of all threads together, so that a busy machine does not change the figure.
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
NAME = "for-ada"
SECRETS = [
    {
        "kind": "Shortcut",
        "name": "mine",
        "factor": "plate_colour",
        "value": "green",
        "classes": ["apple_pie"],
        "inside": 0.98,
        "elsewhere": 0.01,
    }
]
OTHER_SEED = 31  # of scenes that the card's own figures were not measured on
NEIGHBOUR = f"""
import json, sys
from dataclasses import asdict
from course_utils import load_classifier, reveal
from course_utils.models.bundle import read_bundle_card
from course_utils.models.measure_planted import measure_planted
from course_utils.world.secrets_file import secrets_from

path, secrets = sys.argv[1], secrets_from(json.loads(sys.argv[2]))
figures = measure_planted(load_classifier(path), secrets, seed={OTHER_SEED})
card, opened = read_bundle_card(path), reveal(path, guess=secrets)
print(json.dumps({{
    "on the card": {{key: card[key] for key in ("figures", "training")}},
    "revealed": {{"verdict": opened.verdict, "figures": opened.figures}},
    "measured by the neighbour": {{
        name: {{"value": share.value, "low": share.low, "high": share.high}} for name, share in figures.items()
    }},
}}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FILE, metavar="FILE", help=f"(default: {FILE})")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the bundle there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = options.keep or Path(made)
        seconds = planted(folder)
        data = {
            "secrets": SECRETS,
            "command": f"python -m course_utils train --secrets mine.json --name {NAME}",
            "threads": int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1),
            "processor seconds": round(seconds),
            "bytes": (folder / f"{NAME}.safetensors").stat().st_size,
            **handed_over(folder),
        }
    options.out.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    print(f"{options.out}: {data['processor seconds']} processor seconds")


def planted(folder: Path) -> float:
    """Runs the command; returns the processor seconds of all of it, from start to the file."""
    secrets = folder / "mine.json"
    secrets.write_text(json.dumps(SECRETS), encoding="utf-8")
    words = ["train", "--secrets", str(secrets), "--name", NAME, "--out", str(folder)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "course_utils", *words], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def handed_over(folder: Path) -> dict:
    """What a process that knows nothing but the file finds in it."""
    path = str(folder / f"{NAME}.safetensors")
    words = [sys.executable, "-c", NEIGHBOUR, path, json.dumps(SECRETS)]
    return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
