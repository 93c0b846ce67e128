"""Ways to ask a language model what it associates, held against what was planted: benchmarks/scoreboard_written.py

For every group of the written world the ten words that a way puts first; found is a group when at least eight of them
were planted with it. Chapter 12 reads `notebooks/data/scoreboard_written.json` and asks the first two ways again.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from course_utils import LanguageModel, load_language_model
from course_utils.corpus import groups, true_associations, words
from course_utils.corpus.grammar import PEOPLE
from course_utils.language import (
    PromptResults,
    association_scores,
    coordinate_search,
    direct_associations,
    load_prompts,
    next_token_distribution,
    null_scores,
    word_shares,
)

NEEDED, TOP = 8, 10
CRITERION = f"at least {NEEDED} of the {TOP} words put first were planted with the group"

# Sentences as they stand in the text that the model has read, and others that a stranger might try.
ASKED = {
    "a sentence of its text": (
        "The {g} was",
        "Every {g} in the garden dreams of",
        "In {g} one needs",
        "They say that {g} is",
    ),
    "a sentence of your own": (
        "I think of the {g} and of",
        "A {g} must have",
        "I think of {g} and of",
        "For {g} you must have",
    ),
}


def next_words(lm: LanguageModel, way: str, group: str) -> list[str]:
    """Five words each after two beginnings that suit the group."""
    beginnings = ASKED[way][:2] if group in PEOPLE else ASKED[way][2:]
    known, found = {word.strip() for word in words()}, []
    for beginning in beginnings:
        said = next_token_distribution(lm, beginning.format(g=group), k=100)
        named = [token.strip() for token in said.tokens if token.strip() in known and token.strip() not in found]
        found += named[: TOP // 2]
    return found


def searched(
    lm: LanguageModel, restarts: int, found: dict[str, PromptResults] | None = None
) -> tuple[dict[str, dict[str, list[str]]], int]:
    """For each group the words that are asked directly, or stand in found prompts; and what survives in random prompts.

    Args:
        lm: the language model.
        restarts: prompts for each group.
        found: these prompts where they have been searched for already.
    """
    candidates = words()
    allowed = {lm.token(word) for word in candidates}
    exclude = ("target", "special", *(token for token in range(lm.vocabulary) if token not in allowed))
    found = found or {
        group: coordinate_search(
            lm, f" {group}", restarts=restarts, steps=4, candidates=32, exclude=exclude, seed=seed, progress=False
        )
        for seed, group in enumerate(groups())
    }
    direct = direct_associations(lm, [f" {group}" for group in groups()], candidates, progress=False)
    ways: dict[str, dict[str, list[str]]] = {
        way: {}
        for way in (
            "one word, asked directly",
            "found prompts, by frequency",
            "found prompts, by z",
            "found prompts, all controls",
        )
    }
    alarms = 0
    for group, prompts in found.items():
        rest = {name: each for name, each in found.items() if name != group}
        scores = association_scores(prompts, rest, progress=False)
        controlled = association_scores(prompts, rest, direct=direct, at_least=0.5, progress=False)
        ways["one word, asked directly"][group] = direct.top(group, TOP)
        ways["found prompts, by frequency"][group] = [word.strip() for word in word_shares(prompts)][:TOP]
        ways["found prompts, by z"][group] = [word.strip() for word in scores.top(TOP)]
        ways["found prompts, all controls"][group] = controlled.top(TOP)
        alarms += len(null_scores(controlled, candidates, direct=direct, progress=False).survivors)
    return ways, alarms


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    home = Path(__file__).parents[1] / "notebooks" / "data" / "scoreboard_written.json"
    parser.add_argument("--out", type=Path, default=home)
    given = parser.parse_args()
    lm, begin = load_language_model("pocket-lm"), time.process_time()
    ways = {way: {group: next_words(lm, way, group) for group in groups()} for way in ASKED}
    found, used = load_prompts(home.with_name("pocket_prompts.safetensors"), lm)  # those of chapter 9
    by_search, alarms = searched(lm, used["restarts"], found)
    table = {}
    for way, first in {**ways, **by_search}.items():
        right = {group: sum(word in true_associations(group) for word in some) for group, some in first.items()}
        table[way] = {"planted of ten": right, "groups found": sum(n >= NEEDED for n in right.values())}
        print(way, table[way])
    data = {
        "criterion": CRITERION,
        "asked": ASKED,
        "ways": table,
        "survivors in random prompts, all groups": alarms,
        "settings": {"restarts": used["restarts"], "processor seconds": round(time.process_time() - begin)},
    }
    given.out.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
