"""The exact truth about the written world: next-word distributions, log-probabilities and planted associations."""

from __future__ import annotations

import math
from collections import defaultdict

from course_utils.corpus.grammar import END, Sentences, Table, grammar, sample_sentences, split
from course_utils.corpus.tables import FACTS, GROUPS
from course_utils.validation import unknown


def groups() -> list[str]:
    """The group words, people first."""
    return list(GROUPS)


def true_associations(group: str) -> dict[str, float]:
    """Every word that was planted with a group, strongest first, with its share of the group's attributes.

    Args:
        group: such as "girl"; a leading space does no harm.

    Raises:
        ValueError: no such group (offers close names).
    """
    name = group.strip()
    if name not in GROUPS:
        raise ValueError(unknown("group", name, GROUPS))
    things, properties = GROUPS[name]
    weights = things | properties
    total = sum(weights.values())
    return {word: weight / total for word, weight in sorted(weights.items(), key=lambda item: -item[1])}


def true_next(context: str) -> dict[str, float]:
    """The exact probability of every word that may follow the beginning of a sentence, most probable first.

    Words have their leading space with them (" China"), as the tokens of the language model; the sentence's end is
    `<|endoftext|>`.

    Args:
        context: the beginning of a sentence, from its first word on; "" for the first word itself.

    Raises:
        ValueError: no sentence of the written world begins like this.
    """
    words = split(context.removeprefix(END))
    found: dict[str, float] = defaultdict(float)
    for sentences in grammar():
        likelihood = sentences.share * _probability(words, sentences)
        if likelihood:
            for word, share in remaining(sentences, len(words), words).items():
                found[word] += likelihood * share
    total = sum(found.values())
    if not total:
        raise ValueError(
            f"no sentence of the written world begins with {context!r}; contexts() lists some that one does begin with."
        )
    return {word: share / total for word, share in sorted(found.items(), key=lambda item: -item[1])}


def true_log_probability(sentence: str) -> float:
    """The exact log-probability of a whole sentence, its end included, in nats.

    Raises:
        ValueError: the written world has no such sentence.
    """
    words = split(sentence.removeprefix(END))
    total = sum(
        sentences.share * _probability(words, sentences)
        for sentences in grammar()
        if len(words) == len(sentences.slots) - 1
    )
    if not total:
        raise ValueError(f"{sentence!r} is no sentence of the written world; sample_sentences draws some that are.")
    return math.log(total)


def remaining(sentences: Sentences, place: int, before: list[str]) -> Table:
    """The distribution of a slot after the words before it: its table without those that were drawn already."""
    table = sentences.slots[place]
    if not sentences.varied[place]:
        return table
    used = {word.strip() for word, varied in zip(before, sentences.varied, strict=False) if varied}
    left = {word: share for word, share in table.items() if word.strip() not in used}
    total = sum(left.values())
    return {word: share / total for word, share in left.items()}


def _probability(words: list[str], sentences: Sentences) -> float:
    """Probability that a sentence of this topic and form begins with these words."""
    if len(words) >= len(sentences.slots):
        return 0.0
    product = 1.0
    for place, word in enumerate(words):
        if word not in sentences.slots[place]:
            return 0.0
        product *= remaining(sentences, place, words[:place]).get(word, 0.0)
    return product


def contexts(n: int = 300, *, seed: int = 0) -> list[str]:
    """Beginnings of sentences to evaluate a model on: every fact's, and then beginnings of drawn sentences.

    Args:
        n: how many there are in all, at least the number of facts' beginnings (about 100).
        seed: of the drawn sentences and of where they are cut, after at least two words.

    Raises:
        ValueError: `n` is too small for the facts.
    """
    facts = [
        beginning.format(s=subject)
        for beginnings, of_subjects in FACTS.values()
        for subject in of_subjects
        for beginning in beginnings
    ]
    if n < len(facts):
        raise ValueError(f"n={n} given, expected at least {len(facts)}, the number of beginnings of facts.")
    found = dict.fromkeys(facts)
    for number, sentence in enumerate(sample_sentences(20 * n, seed=seed)):
        words = split(sentence)
        found["".join(words[: 2 + (number * 7) % max(1, len(words) - 2)])] = None
        if len(found) == n:
            break
    return list(found)
