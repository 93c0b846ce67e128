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
    association_scores,
    next_token_distribution,
    null_scores,
    optimize_prompts,
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


def searched(lm: LanguageModel, restarts: int) -> tuple[dict[str, dict[str, list[str]]], int]:
    """For each group the words of found prompts, by frequency and by z; and what survives in random prompts."""
    candidates = words()
    allowed = {lm.token(word) for word in candidates}
    others = [token for token in range(lm.vocabulary) if token not in allowed]
    exclude = ("target", "special", *others)
    found = {
        group: optimize_prompts(
            lm, f" {group}", length=3, restarts=restarts, steps=40, exclude=exclude, learning_rate=1.0,
            distance_weight=0.3, progress=False,
        )
        for group in groups()
    }  # fmt: skip
    ways: dict[str, dict[str, list[str]]] = {"found prompts, by frequency": {}, "found prompts, by z": {}}
    alarms = 0
    for group, prompts in found.items():
        rest = {name: each for name, each in found.items() if name != group}
        scores = association_scores(prompts, rest, progress=False)
        ways["found prompts, by frequency"][group] = [word.strip() for word in word_shares(prompts)][:TOP]
        ways["found prompts, by z"][group] = [word.strip() for word in scores.top(TOP)]
        alarms += len(null_scores(scores, candidates, progress=False).survivors)
    return ways, alarms


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--restarts", type=int, default=96, help="prompts for each group")
    home = Path(__file__).parents[1] / "notebooks" / "data" / "scoreboard_written.json"
    parser.add_argument("--out", type=Path, default=home)
    given = parser.parse_args()
    lm, begin = load_language_model("pocket-lm"), time.process_time()
    ways = {way: {group: next_words(lm, way, group) for group in groups()} for way in ASKED}
    by_search, alarms = searched(lm, given.restarts)
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
        "settings": {"restarts": given.restarts, "processor seconds": round(time.process_time() - begin)},
    }
    given.out.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
