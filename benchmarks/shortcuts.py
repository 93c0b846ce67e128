"""The finder of shortcuts against models whose secrets are known: benchmarks/shortcuts.py --models DIR

Planted models and clean ones, trained by `python -m course_utils train --secrets` from the recipes in
`benchmarks/shortcut_models.json` and kept in a folder, are searched with and without a second network. A planted cue
counts as there only where the model uses it: where an intervention turns at least `USED` of some class, as the model's
own card has it. A finding is right if it names the class, and is of the cue's kind (a part, or something larger); any
other is a false alarm. Every search goes into `benchmarks/shortcuts.json` as it is done, and none is done twice.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
USED = 0.6
PER_CLASS = 40  # labelled images, of the world that the model was trained in
SEED = 555
REFERENCE = "pocket-judge"
LOCAL = ("tag", "berries", "occluder", "trailer")
SHIPPED = ("pocket", "pocket-robust", "pocket-clean", "pocket-robust-clean", "mystery-1", "mystery-2", "mystery-3")


def search(name: str, folder: str, reference: str | None, device: str, overrides: dict[str, float]) -> dict[str, Any]:
    """One model searched: its cues with what interventions say, and every test that was made."""
    import torch

    torch.set_num_threads(1)
    from course_utils import load_classifier
    from course_utils.vision import hypotheses, shortcut_results, shortcuts

    for key, value in overrides.items():
        for module in (hypotheses, shortcuts, shortcut_results):
            if hasattr(module, key):
                setattr(module, key, type(getattr(module, key))(value))
    classifier, cues, scenes = opened(name, folder)
    classifier = classifier.to(device)
    beside = None if reference is None else load_classifier(reference).to(device)
    if overrides.get("swap"):  # what such a search finds of the second network: nothing was planted in it
        classifier, beside = beside, classifier
    begun, worked = time.perf_counter(), time.process_time()
    found = shortcuts.find_shortcuts(
        classifier, scenes.images, scenes.names, reference=beside, progress=False,
        batch_size=None if device == "cpu" else 512,
    )  # fmt: skip
    return {
        "model": name,
        "reference": reference,
        "settings": overrides,
        "cues": cues,
        "found": [line(each) for each in found.shortcuts],
        "tests": [line(each) for each in found.tested],
        "notes": found.notes,
        "seconds": round(time.perf_counter() - begun, 1),
        "processor seconds": round(time.process_time() - worked, 1),
        "device": device,
    }


def opened(name: str, folder: str) -> tuple[Any, list[dict[str, Any]], Any]:
    """A model, its cues with the share of answers that each turns, and scenes of the world that it was trained in."""
    from course_utils import load_classifier
    from course_utils.models.shipped import read_bundle_card, read_card
    from course_utils.teaching.training.save import unseal
    from course_utils.teaching.training.secrets import from_data
    from course_utils.world import COURSE_SECRETS, PaintedWorld

    path = Path(folder) / f"{name}.safetensors"
    card = read_card(name) if name in SHIPPED else read_bundle_card(path)
    figures: dict[str, Any] = card["figures"]
    if "sealed" in card:
        answer = unseal(card["sealed"])
        secrets, figures = tuple(from_data(each) for each in answer["secrets"]), answer["figures"]
    else:
        secrets = () if "clean" in name else COURSE_SECRETS
    scenes = PaintedWorld(secrets).sample(PER_CLASS * 16, seed=SEED)
    cues = [cue(each, figures) for each in secrets if hasattr(each, "factor")]
    return load_classifier(name if name in SHIPPED else path), cues, scenes


def cue(secret: Any, figures: dict[str, Any]) -> dict[str, Any]:
    """A planted cue, and the largest share of answers that an intervention on it turns."""
    words = secret.factor if isinstance(secret.value, bool) else f"{secret.factor} {secret.value}"
    turned = [
        value["value"] for what, value in figures.items()
        if what.startswith((f"{words} given", f"{words} taken", f"{words} added")) and what.split(": ")[0] != what
        and (any(what.endswith(name) for name in secret.classes) or "taken from" in what)
    ]  # fmt: skip
    return {
        "factor": secret.factor, "value": secret.value, "classes": list(secret.classes),
        "local": secret.factor in LOCAL, "turned": max(turned, default=0.0),
    }  # fmt: skip


def line(each: Any) -> dict[str, Any]:
    """A test as numbers."""
    shares = {"turned": each.turned, "control": each.by_control, "reference": each.by_reference, "moved": each.moved}
    shares["elsewhere"] = each.elsewhere
    return {
        "carrier": each.carrier, "onto": each.onto, "kind": each.kind, "words": each.words,
        "effect": [each.effect.successes, each.effect.total], "opposite": each.opposite, "p": each.p,
        **{what: None if share is None else round(share.value, 3) for what, share in shares.items()},
        "taken": round(each.taken.value, 3), "falls": round(each.falls.value, 3), "pieces": each.pieces,
    }  # fmt: skip


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Recall of the cues that are used, local and larger ones apart, and false alarms of each clean model."""
    from course_utils.utils import proportion

    hits: dict[str, list[bool]] = {"local": [], "global": []}
    alarms: dict[str, list[int]] = {"planted": [], "clean": []}
    for row in rows:
        used = [each for each in row["cues"] if each["turned"] >= USED]
        named = {each["carrier"] for each in row["found"]}
        for each in used:
            hits["local" if each["local"] else "global"] += [name in named for name in each["classes"]]
        own = {name for each in used for name in each["classes"]}
        alarms["planted" if used else "clean"].append(len(named - own))
    return {
        **{f"recall, {kind}": str(proportion(each)) + f" of {len(each)}" for kind, each in hits.items() if each},
        **{f"false alarms, {kind} models": each for kind, each in alarms.items()},
        "seconds, median": sorted(row["seconds"] for row in rows)[len(rows) // 2],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, metavar="DIR", help="of the models' bundles")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some of them, or shipped models")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument(
        "--references", nargs="+", default=[REFERENCE, "none"], help="second networks; none for without"
    )
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="other settings, for development")
    parser.add_argument("--out", type=Path, default=HERE / "shortcuts.json", metavar="FILE")
    options = parser.parse_args()
    overrides = {key: float(value) for key, value in (each.split("=") for each in options.set)}
    rows = json.loads(options.out.read_text("utf-8"))["searches"] if options.out.exists() else []
    done = {(row["model"], row["reference"], json.dumps(row["settings"])) for row in rows}
    names = options.only or sorted(path.stem for path in options.models.glob("*.safetensors"))
    tasks = [
        (name, None if reference == "none" else reference)
        for reference in options.references
        for name in names
        if (name, None if reference == "none" else reference, json.dumps(overrides)) not in done
    ]
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        jobs = [
            pool.submit(search, name, str(options.models), reference, options.device, overrides)
            for name, reference in tasks
        ]
        for job in as_completed(jobs):
            rows.append(row := job.result())
            rows.sort(key=lambda each: (str(each["reference"]), each["model"]))
            unfinished = options.out.with_suffix(".part")
            unfinished.write_text(json.dumps({"searches": rows}, indent=1) + "\n", encoding="utf-8")
            unfinished.replace(options.out)
            print(row["model"], row["reference"], f"{row['seconds']} s:", *(
                f"{each['carrier']}→{each['onto']} {each['kind']} {each['effect'][0] / each['effect'][1]:.2f}"
                for each in row["found"]
            ), flush=True)  # fmt: skip

    for reference in options.references:
        own = [row for row in rows if str(row["reference"]) == reference.replace("none", "None")]
        print(reference, json.dumps(summary(own), indent=1) if own else "nothing yet")


if __name__ == "__main__":
    main()
