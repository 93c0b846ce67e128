"""What a text itself connects with a word: the words that stand before it, scored as prompts are scored.

A prompt of three tokens is something after which a model says the target. A text has such things too: the three words
before each place where the target stands. So they are counted and scored as if they were prompts, by the statistics of
`association_scores`, and what a model associates can be held against what it has read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from math import floor
from pathlib import Path

import torch
from jaxtyping import Bool
from torch import Tensor

from course_utils.language.log_odds import largest_by_chance
from course_utils.language.text_table import TextAssociations
from course_utils.progress import progress_bar
from course_utils.randomness import sample_generators

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")  # letters, with an apostrophe inside
BOOKS = Path(__file__).parent / "data"
BEFORE = (3, 20)  # of which tables are shipped


def book_associations(before: int = 3) -> TextAssociations:
    """What the books that `books-lm` has read connect with sixteen words; counted beforehand, by `text_associations`.

    Args:
        before: how many words before the target count: 3, as many as a prompt has, or 20.

    Raises:
        ValueError: another number.
    """
    if before not in BEFORE:
        raise ValueError(f"before={before} given, expected {' or '.join(map(str, BEFORE))}: others are not shipped.")
    return TextAssociations.load(BOOKS / f"books_before_{before}.safetensors")


def text_associations(
    paragraphs: Iterable[str],
    targets: Sequence[str],
    words: Sequence[str],
    *,
    before: int = 3,
    most: int = 4000,
    shuffles: int = 199,
    level: float = 0.95,
    seed: int = 0,
    progress: bool | None = None,
) -> TextAssociations:
    """How much more often each word stands shortly before a target than before the other targets, in a text.

    For each place where a target stands, the words before it in the same paragraph count, each once, as the words of a
    prompt do; the background are the places of the other targets. Scores and correction are those of
    `association_scores`. Upper and lower case are different words, as they are different tokens.

    Args:
        paragraphs: the text.
        targets: at least two words.
        words: that are counted; targets among them are left out.
        before: how many words before the target count, at least 1.
        most: places of each target that count, drawn at random where there are more: the background shall not consist
            of the most frequent target.
        shuffles: random deals behind the correction for many words.
        level: of the intervals and of the correction.
        seed: of the draws and deals.

    Raises:
        ValueError: settings out of range, fewer than two targets, or a target that the text does not have.
    """
    if before < 1 or most < 1 or len(targets) < 2:
        raise ValueError(f"{before=}, {most=}, {len(targets)} targets given, expected at least 1, 1 and 2.")
    kept = [word for word in dict.fromkeys(words) if word not in set(targets)]
    places = words_before(paragraphs, targets, before)
    absent = [target for target in targets if not places[target]]
    if absent:
        raise ValueError(f"the text does not have the target {absent[0]!r}; choose targets that stand in it.")
    drawn = [_drawn(places[target], most, generator) for target, generator in zip(
        targets, sample_generators(seed, range(len(targets)), "places"), strict=True)]  # fmt: skip
    contains = torch.cat([_contains(some, kept) for some in drawn])
    source = torch.repeat_interleave(torch.arange(len(drawn)), torch.tensor([len(some) for some in drawn]))
    counts = torch.stack([contains[source == i].sum(0) for i in range(len(drawn))])
    critical = [
        _critical(contains, source == i, shuffles, level, seed)
        for i in progress_bar(range(len(drawn)), "targets", progress=progress)
    ]
    return TextAssociations(
        targets=list(targets), words=kept, counts=counts, places=torch.tensor([len(some) for some in drawn]),
        found=torch.tensor([len(places[target]) for target in targets]), critical=torch.tensor(critical),
        level=level, before=before,
    )  # fmt: skip


def words_before(paragraphs: Iterable[str], targets: Sequence[str], before: int) -> dict[str, list[list[str]]]:
    """For each target, the up to `before` words before each place where it stands in a paragraph."""
    places: dict[str, list[list[str]]] = {target: [] for target in targets}
    for paragraph in paragraphs:
        spelt = WORD.findall(paragraph)
        for i, word in enumerate(spelt):
            if word in places:
                places[word].append(spelt[max(0, i - before) : i])
    return places


def _drawn(places: list[list[str]], most: int, generator: torch.Generator) -> list[list[str]]:
    order = torch.randperm(len(places), generator=generator)[:most].sort().values
    return [places[i] for i in order.tolist()]


def _contains(places: list[list[str]], words: Sequence[str]) -> Bool[Tensor, "places words"]:
    column = {word: number for number, word in enumerate(words)}
    contains = torch.zeros(len(places), len(words), dtype=torch.bool)
    for row, place in enumerate(places):
        contains[row, [column[word] for word in place if word in column]] = True
    return contains


def _critical(contains: Tensor, here: Bool[Tensor, "places"], shuffles: int, level: float, seed: int) -> float:
    """The |z| that the luckiest word beats in so few of the deals as `level` says."""
    prior = float(contains[here].sum())
    largest = largest_by_chance(contains, here, prior, shuffles, seed=seed, progress=False)
    return float(largest.sort(descending=True).values[floor((1 - level) * (1 + shuffles) + 1e-9) - 1])


def share_a_stem(word: str, target: str) -> bool:
    """Whether a word begins with the target, or contains it or is contained in it where the shorter has over 3 letters.

    For `art` that leaves out artists and articles; such words say how a target is spelt, not what it goes with.
    """
    shorter, longer = sorted((word, target), key=len)
    return word.startswith(target) or (len(shorter) > 3 and shorter in longer)
