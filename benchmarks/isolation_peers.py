"""Isolation beside captum's attributions, speed and localisation on a small sample: part of `make bench`.

The scenes' answer hangs on a known part, whose exact mask is the truth. Every method has the settings that
isolation.py chose for it on other scenes, for each score by itself, and left in isolation.json; that file also holds
the figures of 300 scenes with their intervals. The time is that of one map at the setting of the IoU.
"""

from __future__ import annotations

import json
from argparse import Namespace
from functools import partial
from pathlib import Path

from isolation import METHODS as ALL
from isolation import POINTING, blob, maps_of, settings_of
from measure import Row, run, side_by_side
from torch import Tensor

from course_utils import Classifier, load_classifier
from course_utils.vision.measures import KnownCauses, known_causes

SEED = 3  # of scenes that isolation.py neither chooses nor measures on
CHOSEN = Path(__file__).with_name("isolation.json")


def compare(given: Namespace) -> list[Row]:
    each, rounds = (2, 1) if given.quick else (10, 3)
    chosen, rows = json.loads(CHOSEN.read_text(encoding="utf-8")), []
    for name in ("pocket",) if given.quick else ("pocket", "pocket-robust"):
        net = load_classifier(name)
        scenes = known_causes(net, each, seed=SEED, progress=False)
        settings = {way: found["settings"] for way, found in chosen[name]["methods"].items()}
        ways = {way: partial(maps, way, settings[way]["IoU"], net, scenes) for way in settings}
        found = side_by_side(f"{name}, {len(scenes)} scenes", ways, rounds=rounds, per=len(scenes))
        for row in found:
            if "error" not in row:
                row["quality"] = judged(row["way"], settings[row["way"]], net, scenes)
        rows += found
    return rows


def maps(way: str, setting: dict, net: Classifier, scenes: KnownCauses, _: int = 0) -> Tensor:
    own = {name: value for name, value in setting.items() if name not in ("smoothing", "threshold")}
    if "width" in own:
        return blob(own["width"], net, scenes)
    versus = own.pop("versus")
    return maps_of(ALL[way][0], own, versus, net, scenes)


def judged(way: str, settings: dict[str, dict], net: Classifier, scenes: KnownCauses) -> dict[str, float]:
    """The mean of each score over the scenes, each with the setting that was chosen for it."""
    found: dict[str, float] = {}
    for score in (POINTING, "relevance mass", "IoU"):
        wanted = {name: settings[score][name] for name in ("smoothing", "threshold") if name in settings[score]}
        drawn = maps(way, settings[score], net, scenes)
        values = [values for named, how, values in settings_of(drawn, scenes.truth) if (named, how) == (score, wanted)]
        found[score] = values[0].mean().item()
    return found


if __name__ == "__main__":
    run(compare, time="time a map", packages=("captum",))
