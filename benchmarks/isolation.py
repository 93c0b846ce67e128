"""Isolation beside gradients, Integrated Gradients, Grad-CAM and occlusion: python benchmarks/isolation.py

300 painted scenes for each net whose answer hangs on a part: it falls when that part, and nothing else, is taken off.
The exact mask of the part is the truth. Every method, ours too, gets what suits it best: the question (the class, or
the class and not the one that it becomes), the options below, the smoothing of its maps and the threshold of the IoU
are chosen on 40 other scenes, for each score by itself. Intervals are bootstrapped over scenes (95 %).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.stats import bootstrap, spearmanr
from torch import Tensor

from course_utils import Classifier, load_classifier
from course_utils.models.randomized import cascade, randomized
from course_utils.vision import attributions
from course_utils.vision.attributions import smoothed
from course_utils.vision.isolation import LEARNING_RATE, SMALL, STEPS, VARIATION, isolate_features
from course_utils.vision.measures import (
    KnownCauses,
    intersection_over_union,
    known_causes,
    pointing_game,
    relevance_mass,
)

CHOOSING, MEASURING = 1, 2  # seeds of the scenes
SMOOTHINGS = (0.0, 1.0, 2.0, 3.0, 4.0)
THRESHOLDS = tuple(i / 10 for i in range(1, 10))
WIDTHS = (0.1, 0.2, 0.3, 0.4)  # of the blob in the centre, as shares of the picture

SIGNS = [{"sign": "absolute"}, {"sign": "positive"}]
METHODS: dict[str, tuple[Callable, list[dict]]] = {
    "ours": (isolate_features, [{}]),
    "gradients": (attributions.gradients, SIGNS),
    "Integrated Gradients": (
        attributions.integrated_gradients,
        [{"baseline": base, **sign} for base in ("mean", "blur") for sign in SIGNS],
    ),
    "Grad-CAM": (attributions.grad_cam, [{"layer": layer} for layer in ("layer1", "layer2", "layer3")]),
    "occlusion": (
        attributions.occlusion,
        [{"baseline": base, "window": side} for base in ("mean", "blur") for side in (8, 16)],
    ),
}
FILLS = [{"fill": "blur"}, {"fill": "mean"}, {"fill": "noise"}, {"game": "preservation"}]

Scores = dict[str, Callable[[Tensor, Tensor], Tensor]]
POINTING, MASS = "pointing game", "relevance mass"


def methods(options: dict[str, list[dict]] | None = None) -> Iterator[tuple[str, dict, Callable]]:
    """Every method with each of its options and both questions: name, setting, and what gives maps."""
    for name, (method, choices) in METHODS.items():
        for choice in choices:
            for versus in (False, True):
                setting = {**choice, "versus": versus}
                if options is None or setting in options[name]:
                    yield name, setting, partial(maps_of, method, choice, versus)
    for width in WIDTHS:
        if options is None or {"width": width} in options["blob in the centre"]:
            yield "blob in the centre", {"width": width}, partial(blob, width)


def maps_of(method: Callable, choice: dict, versus: bool, classifier: Classifier, scenes: KnownCauses) -> Tensor:
    against = scenes.versus if versus else None
    return method(classifier, scenes.images, scenes.targets, versus=against, progress=False, **choice).maps


def blob(width: float, classifier: Classifier, scenes: KnownCauses) -> Tensor:
    """The same for every picture: a Gaussian in the middle."""
    along = torch.linspace(-0.5, 0.5, scenes.truth.shape[1])
    return torch.exp(-(along[:, None] ** 2 + along**2) / (2 * width**2)).expand_as(scenes.truth)


def settings_of(maps: Tensor, truth: Tensor) -> Iterator[tuple[str, dict, Tensor]]:
    """A score by name, with which smoothing and threshold, and its value for each picture."""
    for sigma in SMOOTHINGS:
        soft = smoothed(maps, sigma)
        yield POINTING, {"smoothing": sigma}, pointing_game(soft, truth)
        yield MASS, {"smoothing": sigma}, relevance_mass(soft, truth)
        for threshold in THRESHOLDS:
            how = {"smoothing": sigma, "threshold": threshold}
            yield "IoU", how, intersection_over_union(soft, truth, threshold)


def choose(classifier: Classifier, scenes: KnownCauses) -> dict[str, dict[str, dict]]:
    """For each method and score the setting with the best mean."""
    best: dict[str, dict[str, tuple[float, dict]]] = {}
    for name, setting, method in methods():
        for score, how, values in settings_of(method(classifier, scenes), scenes.truth):
            had = best.setdefault(name, {}).get(score)
            if had is None or values.mean().item() > had[0]:
                best[name][score] = (values.mean().item(), {**setting, **how})
    return {name: {score: setting for score, (_, setting) in each.items()} for name, each in best.items()}


def measure(classifier: Classifier, scenes: KnownCauses, chosen: dict) -> tuple[dict, dict]:
    """For each method and score its value for each picture, with the settings chosen; and seconds a picture."""
    own = {
        name: [{k: v for k, v in s.items() if k not in ("smoothing", "threshold")} for s in each.values()]
        for name, each in chosen.items()
    }
    values: dict[str, dict[str, Tensor]] = {}
    seconds: dict[str, float] = {}
    for name, setting, method in methods(own):
        begin = time.perf_counter()
        maps = method(classifier, scenes)
        seconds[name] = max(seconds.get(name, 0.0), (time.perf_counter() - begin) / len(scenes))
        for score, how, found in settings_of(maps, scenes.truth):
            if {**setting, **how} == chosen[name][score]:
                values.setdefault(name, {})[score] = found
    return values, seconds


def compare(name: str, each: int, choose_each: int) -> dict:
    """The table of one net, printed; and all of it as data."""
    classifier = load_classifier(name)
    chosen = choose(classifier, known_causes(classifier, choose_each, seed=CHOOSING))
    scenes = known_causes(classifier, each, seed=MEASURING)
    values, seconds = measure(classifier, scenes, chosen)
    berries = torch.tensor([part == "berries" for part in scenes.parts])
    print(
        f"\n{name}, {len(scenes)} scenes\n\n| method | {POINTING} | {MASS} | IoU | ms a picture |\n"
        "|---|---|---|---|---|"
    )
    data = {}
    for method, scores in values.items():
        row = {score: interval(found) for score, found in scores.items()}
        parts = {s: [v[rows].mean().item() for rows in (berries, ~berries)] for s, v in scores.items()}
        cells = " | ".join(f"{shown(row[s])} ({parts[s][0]:.2f}, {parts[s][1]:.2f})" for s in (POINTING, MASS, "IoU"))
        print(f"| {method} | {cells} | {1000 * seconds[method]:.0f} |", flush=True)
        data[method] = {"settings": chosen[method], "scores": row, "berries, tag": parts, "seconds": seconds[method]}
    print("\nours minus the best of the others, scene by scene:")
    for score in (POINTING, MASS, "IoU"):
        rival = max((m for m in values if m != "ours"), key=lambda m: values[m][score].mean().item())
        gain = interval(values["ours"][score] - values[rival][score])
        data["ours"].setdefault("gain", {})[score] = {"over": rival, **gain}
        print(f"  {score}: {shown(gain)} over {rival}")
    return data


def compare_fillings(name: str, each: int) -> dict:
    """What fills the hidden part, and the other game: raw masks, IoU at half of the maximum.

    Medians of the area, and of the class's probability with the mask's part alone and without it; the share of scenes
    in which that falls below one half.
    """
    classifier = load_classifier(name)
    scenes = known_causes(classifier, each, seed=MEASURING)
    print(
        f"\n{name}, {len(scenes)} scenes, without smoothing\n\n"
        f"| choice | {POINTING} | {MASS} | IoU | area | kept | removed | falls |\n|---|---|---|---|---|---|---|---|"
    )
    data = {}
    for choice in FILLS:
        result = isolate_features(classifier, scenes.images, scenes.targets, progress=False, **choice)
        found = {
            POINTING: pointing_game(result.masks, scenes.truth),
            MASS: relevance_mass(result.masks, scenes.truth),
            "IoU": intersection_over_union(result.masks, scenes.truth),
        }
        row = {score: interval(each) for score, each in found.items()}
        falls = (result.removed < 0.5).float().mean().item()
        numbers = [*(each.median().item() for each in (result.area, result.kept, result.removed)), falls]
        label = ", ".join(choice.values())
        print(f"| {label} | {' | '.join(map(shown, row.values()))} | {' | '.join(f'{each:.1%}' for each in numbers)} |")
        data[label] = {**row, **dict(zip(("area", "kept", "removed", "falls"), numbers, strict=True))}
    return data


def sanity(name: str, each: int) -> dict:
    """Rank correlation of the masks with the trained net's as weights are drawn anew from the head down.

    Every net is asked about what it says itself, so that the game is deletion for all.
    """
    classifier = load_classifier(name)
    scenes = known_causes(classifier, each, seed=MEASURING)
    trained, again = (isolate_features(classifier, scenes.images, seed=s, progress=False).masks for s in (0, 1))
    others = trained.roll(len(scenes) // 8, 0)  # other scenes, mostly of the same kind
    rows = {"nothing, another seed": again, "nothing, another picture's mask": others}
    for layers in cascade(classifier):
        rows[" + ".join(layers)] = isolate_features(randomized(classifier, layers), scenes.images, progress=False).masks
    print(f"\n{name}, {len(scenes)} scenes\n\n| drawn anew | rank correlation | {MASS} |\n|---|---|---|")
    data = {}
    for label, masks in rows.items():
        like = interval(torch.tensor([rank_correlation(a, b) for a, b in zip(trained, masks, strict=True)]))
        mass = interval(relevance_mass(masks, scenes.truth))
        print(f"| {label} | {shown(like)} | {shown(mass)} |", flush=True)
        data[label] = {"rank correlation": like, MASS: mass}
    return data


def rank_correlation(one: Tensor, other: Tensor) -> float:
    """Spearman's, exact; 0 where a mask is the same everywhere."""
    flat = [each.flatten().numpy() for each in (one, other)]
    return float(spearmanr(*flat).statistic) if all(np.ptp(each) > 0 for each in flat) else 0.0


def interval(values: Tensor) -> dict[str, float]:
    """The mean, and its bootstrapped 95 % interval."""
    sample = values.double().numpy()
    if np.ptp(sample) == 0:
        return {"mean": float(sample[0]), "low": float(sample[0]), "high": float(sample[0])}
    found = bootstrap((sample,), np.mean, n_resamples=2000, method="percentile", rng=0).confidence_interval
    return {"mean": float(sample.mean()), "low": float(found.low), "high": float(found.high)}


def shown(found: dict[str, float]) -> str:
    return f"{found['mean']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=300, help="of each net, in the first table")
    parser.add_argument("--choosing", type=int, default=40, help="other scenes, on which settings are chosen")
    parser.add_argument("--fewer", type=int, default=40, help="of the same scenes, in the other tables")
    parser.add_argument("--nets", nargs="+", default=["pocket", "pocket-robust"], help="classifiers to measure")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"), help="where figures go")
    given = parser.parse_args()
    ours = {"steps": STEPS, "area": SMALL.area_weight, "variation": VARIATION, "learning rate": LEARNING_RATE}
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; ours: {ours}")
    print("In brackets the intervals; in parentheses the means of the scenes with berries and with the tag.")
    figures: dict = {"settings": ours, "scenes": given.scenes, "seeds": [CHOOSING, MEASURING]}
    for net in given.nets:
        figures[net] = {
            "methods": compare(net, given.scenes // 4, given.choosing // 4),
            "fillings": compare_fillings(net, given.fewer // 4),
            "randomized": sanity(net, given.fewer // 4),
        }
        given.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")  # after each net, in case
