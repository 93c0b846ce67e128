"""Clouds of SmolLM2 with all controls: python benchmarks/smollm2_clouds.py --folder FOLDER

Prompts of three words for girl, boy, science and art, by coordinate search in the model and in a copy with shuffled
weights, and what each word does alone. Words are those of the books of books-lm that are one token of the model's. A
round gives each target four prompts in each model; what is found is kept in --folder round by round, so that a run
that was cut off goes on, and the rounds that are complete are written to book/computed, where chapter 9 reads them,
together with the survivors of null clouds (benchmarks/null_clouds.py). An hour on one core for 16 rounds.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path
from typing import Any

import torch
from null_clouds import Asked, Clouds, Found, null_clouds, of_random_weights, summary

from course_utils import LanguageModel, load_language_model
from course_utils.language import (
    DirectAssociations,
    PromptResults,
    book_associations,
    coordinate_search,
    direct_associations,
    is_offensive,
)
from course_utils.language.search import target_log_probability
from course_utils.language.targets import as_target
from course_utils.models.randomized import shuffled

TARGETS = ("girl", "boy", "science", "art")
SETTINGS = {"length": 3, "restarts": 4, "starts": 64, "steps": 10, "candidates": 24}
ROUNDS = 16
MODELS = ("trained", "shuffled")
EMPTY = 10  # the seed of the copy that is searched; the controls draw others
BARS = {"bar 0.01": 0.01, "as many top prompts": 0.0}
OUT = Path(__file__).resolve().parents[1] / "book" / "computed" / "smollm2_clouds.json"


def single_words(lm: LanguageModel) -> list[str]:
    """The words of the books that are one token of the model's."""
    return [word for word in book_associations().words if len(lm.tokens(f" {word}")) == 1]


def search(models: dict[str, LanguageModel], exclude: tuple[str | int, ...], kept: Path, until: float) -> list[dict]:
    """Rounds of prompts, those in the file first; each target and round has a seed of its own."""
    done = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()] if kept.exists() else []
    known = {(row["round"], row["model"], row["target"]) for row in done}
    for number in range(ROUNDS):
        for name, lm in models.items():
            for place, target in enumerate(TARGETS):
                if (number, name, target) in known or time.time() > until:
                    continue
                seed, begin = 100 * place + number, time.perf_counter()
                found = coordinate_search(lm, f" {target}", exclude=exclude, seed=seed, progress=False, **SETTINGS)
                row = {"round": number, "model": name, "target": target, "ids": found.token_ids.tolist()}
                done.append(row | {"probability": found.probability.tolist()})
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(done[-1]) + "\n")
                print(f"{number} {name} {time.perf_counter() - begin:.0f} s: {found}", flush=True)
    return done


def complete(done: list[dict], lm: LanguageModel) -> dict[str, Found]:
    """The prompts of the rounds that every target has in both models."""
    last = min(sum(row["model"] == name and row["target"] == t for row in done) for name in MODELS for t in TARGETS)
    found: dict[str, Found] = {name: {} for name in MODELS}
    for name in MODELS:
        for target in TARGETS:
            rows = sorted((r for r in done if (r["model"], r["target"]) == (name, target)), key=lambda r: r["round"])
            ids = torch.tensor([each for row in rows[:last] for each in row["ids"]])
            reached = torch.tensor([each for row in rows[:last] for each in row["probability"]])
            wanted = as_target(lm, f" {target}")
            found[name][target] = PromptResults.of_tokens(
                lm, ids, reached.log(), wanted, interrupted=False, forward_passes=0, backward_passes=0
            )
    return found


def asked(lm: LanguageModel, words: list[str], path: Path) -> DirectAssociations:
    """What each word does alone, from the file if it is there."""
    if not path.exists():
        targets, spelt = [f" {each}" for each in TARGETS], [f" {word}" for word in words]
        direct_associations(lm, targets, spelt, controls=2, progress=False).save(path)
    return DirectAssociations.load(path)


def prompts_of(found: PromptResults) -> list[tuple[str, float]]:
    """Prompts with their probabilities, in the order in which they were found, without words that are not shown."""
    rows = zip(found.text, found.probability.tolist(), strict=True)
    return [(text.strip(), float(f"{p:.3g}")) for text, p in rows if not is_offensive(text)]


def in_template(lm: LanguageModel, found: Found) -> dict[str, list[float]]:
    """The probability of each target after its prompts where these are the user's message in the chat template."""
    chat, told = lm.with_template("chat"), {}
    for target, prompts in found.items():
        inside = target_log_probability(chat, prompts.token_ids, f" {target}").exp()
        rows = zip(prompts.text, inside.tolist(), strict=True)
        told[target] = [float(f"{p:.3g}") for text, p in rows if not is_offensive(text)]
    return told


def random_in_template(lm: LanguageModel, words: list[str], count: int = 32) -> dict[str, list[float]]:
    """The same after prompts of three random words, the control of `in_template`."""
    ids, generator = torch.tensor([lm.token(f" {word}") for word in words]), torch.Generator().manual_seed(0)
    prompts = ids[torch.randint(len(ids), (count, SETTINGS["length"]), generator=generator)]
    chat = lm.with_template("chat")
    after = {target: target_log_probability(chat, prompts, f" {target}").exp().tolist() for target in TARGETS}
    return {target: [float(f"{p:.3g}") for p in reached] for target, reached in after.items()}


@torch.no_grad()
def interventions(asked: Asked, first: int = 6, trials: int = 30) -> dict[str, dict[str, dict[str, float]]]:
    """Mean change of a target's log-probability when a word replaces a random one of random prompts, as in chapter 9.

    Of each target's strongest words in its prompts, and of as many words drawn at random.
    """
    lm, tokens = asked.lm, torch.tensor(sorted(asked.lm.token(f" {word}") for word in asked.vocabulary))
    generator = torch.Generator().manual_seed(0)
    prompts = tokens[torch.randint(len(tokens), (trials, 3), generator=generator)]
    position, draw = torch.randint(3, (trials,), generator=generator), random.Random(0)
    shown = sorted(word for word in asked.vocabulary if not is_offensive(word))
    changes: dict[str, dict[str, dict[str, float]]] = {}
    for target in TARGETS:
        answer, scores = lm.token(f" {target}"), asked.scores(target)
        before = lm.logits(prompts).log_softmax(1)[:, answer]
        strongest = [word for word in scores.words if not is_offensive(word)][:first]
        kinds = {"strongest": strongest, "random": draw.sample(shown, first)}
        changes[target] = {kind: {} for kind in kinds}
        for kind, listed in kinds.items():
            for word in listed:
                changed = prompts.clone()
                changed[torch.arange(trials), position] = lm.token(f" {word}")
                after = lm.logits(changed).log_softmax(1)[:, answer]
                changes[target][kind][word] = round((after - before).mean().item(), 3)
    return changes


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="for the prompts as they come")
    parser.add_argument("--minutes", type=float, default=600.0, help="begin no search after so many")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.folder.mkdir(parents=True, exist_ok=True)
    lm = load_language_model("smollm2-135m")
    models = dict(zip(MODELS, (lm, shuffled(lm, seed=EMPTY)), strict=True))
    words = single_words(lm)
    allowed = {lm.token(f" {word}") for word in words}
    exclude = ("target", *(token for token in range(lm.vocabulary) if token not in allowed))
    done = search(models, exclude, given.folder / "found.jsonl", time.time() + 60 * given.minutes)
    found = complete(done, lm)
    kept: dict[str, Any] = {}

    def keep(**parts: Any) -> None:
        kept.update(parts)
        given.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")

    settings = SETTINGS | {"prompts": len(found["trained"]["girl"]), "words": len(words), "shuffled with": EMPTY}
    keep(settings=settings, prompts={name: {t: prompts_of(each) for t, each in found[name].items()} for name in MODELS})
    keep(**{"in the template": in_template(lm, found["trained"])})
    keep(**{"random in the template": random_in_template(lm, words)})
    clouds: Clouds = {bar: {} for bar in BARS}
    changes = {}
    for name, each in models.items():
        about = Asked(each, found[name], asked(each, words, given.folder / f"asked_{name}.json"), words)
        if each is lm:
            about.direct.save(given.out.with_name("smollm2_asked.json"))
        changes[name] = interventions(about)
        keep(interventions=changes)
        parts = null_clouds(about, BARS) if each is lm else of_random_weights([about], BARS)
        for bar, least in BARS.items():
            here = {"found": [about.survivors(target, least) for target in TARGETS]} if each is lm else {}
            clouds[bar] |= here | parts[bar]
        keep(survivors=summary(clouds))
    print(json.dumps(kept["survivors"], indent=1))
