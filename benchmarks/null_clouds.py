"""Clouds of nothing: python benchmarks/null_clouds.py pocket-lm (or books-lm)

How many words survive in word clouds where there is nothing to find, and how many of the planted where there is?
Twenty null clouds of each kind (of random weights one for each target):

    random prompts    words drawn at random in place of those that a search found
    other targets     prompts that were found for other targets, as if they had been found for this one
    random weights    the same search, scores and controls on a model whose weights were shuffled

each with a bar on the prompts' probability, and with as many top prompts in its place (on random weights no prompt
reaches the bar, and a cloud without prompts is empty for the wrong reason). Searches are kept in --folder as they
finish, so that a run that was cut off goes on. About fifteen minutes on one core for pocket-lm, thirty for books-lm.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from course_utils import LanguageModel, load_language_model
from course_utils.corpus import groups, true_associations, words
from course_utils.language import (
    AssociationScores,
    DirectAssociations,
    PromptResults,
    association_scores,
    book_associations,
    coordinate_search,
    direct_associations,
    load_prompts,
    random_search,
    save_prompts,
)
from course_utils.models.randomized import shuffled
from course_utils.utils import spearman

CLOUDS = 20
SEEDS = (10, 11)  # of the shuffled models that are searched; the controls draw others
MORE = (10, 11, 12, 13)  # of those that are only asked
POCKET = {"length": 3, "restarts": 192, "steps": 4, "candidates": 32}
EMPTY = 96  # restarts on shuffled weights, for pocket-lm
BOOKS = {"length": 3, "restarts": 24, "steps": 2, "candidates": 32}
Found = dict[str, PromptResults]


def searched(
    search: Callable[..., PromptResults], lm: LanguageModel, targets: Sequence[str], vocabulary: Sequence[str],
    settings: dict, folder: Path,
) -> Found:  # fmt: skip
    """Prompts of some words for every target, each from the folder if it is there; another seed for each target."""
    allowed = {lm.token(f" {word}") for word in vocabulary}
    exclude = ("target", *(token for token in range(lm.vocabulary) if token not in allowed))
    found = {}
    for seed, name in enumerate(targets):
        path, begin = folder / f"{name}.safetensors", time.perf_counter()
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            one = search(lm, f" {name}", exclude=exclude, seed=seed, progress=False, **settings)
            print(f"{folder.name} {time.perf_counter() - begin:.0f} s: {one}", flush=True)
            save_prompts(path, {name: one}, settings)
        found |= load_prompts(path, lm)[0]
    return found


@dataclass(frozen=True)
class Asked:
    """A model with what was found in it, and what its words do alone."""

    lm: LanguageModel
    found: Found
    direct: DirectAssociations
    vocabulary: Sequence[str]

    def scores(self, target: str, prompts: Any = None, rest: Any = None, **options: Any) -> AssociationScores | None:
        """Scores of a target's prompts, or of others in their place; None where no prompt reaches the bar."""
        rest = [each for name, each in self.found.items() if name != target] if rest is None else rest
        settings = {"shuffles": 199, "leave_out": list(self.found), "progress": False, "target": target} | options
        try:
            return association_scores(self.found[target] if prompts is None else prompts, rest, **settings)
        except ValueError as error:
            if "reaches at_least" in str(error) or "no word" in str(error):
                return None
            raise

    def survivors(self, target: str, bar: float, **sets: Any) -> dict[str, list[str]]:
        """Words that survive the permutations alone, the direct question alone, and all controls."""
        counted, all_three = (self.scores(target, at_least=bar, direct=d, **sets) for d in (None, self.direct))
        return {
            "permutations alone": counted.survivors if counted else [],
            "asked directly": self.direct.survivors(target),
            "all controls": all_three.survivors if all_three else [],
        }


Cloud = dict[str, list[str]]  # the words that survive, by the way to decide
Clouds = dict[str, dict[str, list[Cloud]]]  # by bar and kind


def null_clouds(asked: Asked, bars: dict[str, float]) -> Clouds:
    """Survivors of twenty clouds of random prompts, and of twenty of the prompts for other targets."""
    targets = list(asked.found)
    allowed = {asked.lm.token(f" {word}") for word in asked.vocabulary}
    exclude = ("target", *(token for token in range(asked.lm.vocabulary) if token not in allowed))
    rows: Clouds = {name: {"random prompts": [], "other targets": []} for name in bars}
    for number, target in enumerate(targets[each % len(targets)] for each in range(CLOUDS)):
        size = len(asked.found[target])
        drawn = {
            name: random_search(
                asked.lm, f" {name}", passes=size, top=size, exclude=exclude, seed=1000 * number + place, progress=False
            )
            for place, name in enumerate(targets)
        }
        rest = [each for name, each in drawn.items() if name != target]
        for name, bar in bars.items():
            rows[name]["random prompts"].append(asked.survivors(target, bar, prompts=drawn[target], rest=rest))
            working = {
                other: each.rows((each.probability >= bar).nonzero()[:, 0].tolist())
                for other, each in asked.found.items()
            }
            others = [row for other, each in working.items() if other != target for row in each.pieces]
            random.Random(number).shuffle(others)
            sides = {"prompts": others[: len(working[target])], "rest": others[len(working[target]) :]}
            if all(sides.values()):
                rows[name]["other targets"].append(asked.survivors(target, 0.0, **sides))
    return rows


def of_random_weights(empty: Sequence[Asked], bars: dict[str, float]) -> Clouds:
    """Survivors of at most twenty clouds that the same search finds in models with shuffled weights."""
    clouds = [(each, target) for each in empty for target in each.found][:CLOUDS]
    return {
        name: {"random weights": [each.survivors(target, bar) for each, target in clouds]} for name, bar in bars.items()
    }


def asked_of_nothing(lm: LanguageModel, targets: Sequence[str], vocabulary: Sequence[str]) -> dict[str, float]:
    """Words that pass the control of random weights, which every survivor has to, where there is nothing to find."""
    spelt, counts = [f" {word}" for word in vocabulary], []
    for seed in MORE:
        asked = direct_associations(shuffled(lm, seed=seed), [f" {t}" for t in targets], spelt, progress=False)
        counts += [len(asked.survivors(target)) for target in targets]
    return {"survivors": sum(counts), "clouds with any": sum(map(bool, counts)), "clouds": len(counts)}


def planted(asked: Asked, bar: float) -> dict[str, float]:
    """How much of what was planted comes to light, asked directly and by search and all controls; means over groups."""
    rows = []
    for target in asked.found:
        truth = set(true_associations(target))
        scores = asked.scores(target, at_least=bar, direct=asked.direct)
        counted = asked.scores(target, at_least=bar)
        if scores is None or counted is None:
            continue
        row = {}
        lists = {"directly": asked.direct.top(target, 1000), "counted": counted.words, "all controls": scores.words}
        for name, listed in lists.items():
            row[f"{name}: precision@10"] = sum(word in truth for word in listed[:10]) / 10
            row[f"{name}: planted among the first"] = sum(word in truth for word in listed[: len(truth)]) / len(truth)
        survive = {
            "directly": asked.direct.survivors(target), "counted": counted.survivors, "all controls": scores.survivors,
        }  # fmt: skip
        for name, words_left in survive.items():
            row[f"{name}: planted that survive"] = len(truth & set(words_left)) / len(truth)
            row[f"{name}: survivors not planted"] = len(set(words_left) - truth)
        rows.append(row)
    return {name: round(sum(row[name] for row in rows) / len(rows), 3) for name in rows[0]}


def with_books(asked: Asked) -> dict[str, float]:
    """Rank correlations with what stands before each target in the books, over the words that prompts have."""
    books, rows = book_associations(), []
    for target in asked.found:
        scores, text = asked.scores(target, direct=asked.direct), books.scores(target)
        alone = asked.direct.scores(target)
        both = [word for word in text.words if word in alone]
        place = {word: row for row, word in enumerate(text.words)}
        theirs = text.z[[place[word] for word in both]]
        every = spearman(torch.tensor([[alone[word] for word in both]]), theirs[None]).item()
        have = [row for row, word in enumerate(scores.words) if word in place]
        theirs = text.z[[place[scores.words[row]] for row in have]][None]
        found = {"directly": scores.effect[have][None], "counted": scores.z[have][None]}
        found["both"] = sum(each.argsort(1).argsort(1).float() for each in found.values())
        survive, listed = set(text.survivors), scores.survivors
        share = sum(word in survive for word in listed) / max(1, len(listed))
        row = {f"{name}, words of prompts": spearman(each, theirs).item() for name, each in found.items()}
        rows.append({"directly, all words": every, **row, "survivors": len(listed), "of them in the books": share})
    return {name: round(sum(row[name] for row in rows) / len(rows), 3) for name in rows[0]}


def summary(rows: Clouds) -> dict[str, dict[str, dict[str, dict[str, int]]]]:
    """For each bar, kind of cloud and way to decide: survivors, and clouds with any, of how many."""
    return {
        bar: {
            kind: {
                way: {
                    "survivors": sum(len(cloud[way]) for cloud in clouds),
                    "clouds with any": sum(bool(cloud[way]) for cloud in clouds),
                    "clouds": len(clouds),
                }
                for way in clouds[0]
            }
            for kind, clouds in by_kind.items()
            if clouds
        }
        for bar, by_kind in rows.items()
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=("pocket-lm", "books-lm"))
    parser.add_argument("--folder", type=Path, required=True, help="for the prompts that were found")
    home = Path(__file__).parents[1] / "notebooks" / "data" / "null_clouds.json"  # chapter 9 shows it
    parser.add_argument("--out", type=Path, default=home)
    given = parser.parse_args()
    torch.set_num_threads(1)
    lm = load_language_model(given.model)
    pocket = given.model == "pocket-lm"
    targets = list(groups()) if pocket else book_associations().targets
    listed = [word.strip() for word in words()] if pocket else book_associations().words
    vocabulary = [word for word in listed if len(lm.tokens(f" {word}")) == 1]
    settings, bar = (POCKET, 0.5) if pocket else (BOOKS, 0.01)
    bars = {f"bar {bar:g}": bar, "as many top prompts": 0.0}

    def looked_at(name: str, model: LanguageModel) -> Asked:
        fewer = settings if model is lm else settings | {"restarts": min(settings["restarts"], EMPTY)}
        found = searched(coordinate_search, model, targets, vocabulary, fewer, given.folder / given.model / name)
        spelt, wanted = [f" {word}" for word in vocabulary], [f" {target}" for target in targets]
        return Asked(model, found, direct_associations(model, wanted, spelt, progress=False), vocabulary)

    def keep(clouds: Clouds) -> None:
        for name, by_kind in summary(clouds).items():
            result.setdefault(name, {}).setdefault("null clouds", {}).update(by_kind)
        kept = json.loads(given.out.read_text(encoding="utf-8")) if given.out.exists() else {}
        given.out.write_text(json.dumps(kept | {given.model: result}, indent=1) + "\n", encoding="utf-8")

    asked = looked_at(given.model, lm)
    stated = settings | {"restarts on shuffled weights": min(settings["restarts"], EMPTY)}
    result: dict[str, Any] = {"settings": stated, "critical effect": round(asked.direct.critical, 2)}
    result["asked directly of shuffled weights"] = asked_of_nothing(lm, targets, vocabulary)
    if pocket:
        result |= {name: {"planted": planted(asked, least)} for name, least in bars.items()}
    else:
        result["with the books"] = with_books(asked)
    keep(null_clouds(asked, bars))
    print(json.dumps(result, indent=1), flush=True)
    keep(of_random_weights([looked_at(f"shuffled-{seed}", shuffled(lm, seed=seed)) for seed in SEEDS], bars))
    print(json.dumps(result, indent=1))
