"""The sentences of the written world, and what exactly each leaves to chance.

A sentence is made in two draws and then word by word. First its *topic*: a group, a fact's subject, or nothing in
particular. Then its *form*, among those that suit the topic: a row of slots. A slot in braces is filled by drawing a
word from a table, in proportion to the table's weights, never a word that the sentence has already; all else stands as
it is. Since a slot is always exactly one word, the probability of any beginning, and of any word after it, is a sum of
products that can be done exactly (`course_utils.corpus.grammar`). Tables and forms are in `tables.yml`.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from course_utils.validation import check_known

END = "<|endoftext|>"  # stands between two texts; every sentence is a text of its own
TOKEN = re.compile(r" ?\w+|[^\w\s]|<\|endoftext\|>")

Attributes = tuple[dict[str, int], dict[str, int]]  # things with their weights, properties with theirs

_TABLES = yaml.safe_load((Path(__file__).parent / "tables.yml").read_text(encoding="utf-8"))


def _groups(kind: str) -> dict[str, Attributes]:
    return {group: (sorts["things"], sorts["properties"]) for group, sorts in _TABLES[kind].items()}


PEOPLE, FIELDS = _groups("people"), _groups("fields")
GROUPS = PEOPLE | FIELDS
FACTS: dict[str, tuple[list[str], dict[str, dict[str, float]]]] = {
    relation: (entry["beginnings"], entry["completions"]) for relation, entry in _TABLES["facts"].items()
}
WORDS: dict[str, list[str]] = {slot: words.split() for slot, words in _TABLES["words"].items()}
FORMS: dict[str, list[str]] = {topic: forms.splitlines() for topic, forms in _TABLES["forms"].items()}
SHARES: dict[str, float] = _TABLES["shares"]  # of all sentences, by what they are about

Table = Mapping[str, float]


def sample_sentences(n: int, *, seed: int = 0, planted: Sequence[Association] = ()) -> list[str]:
    """Sentences drawn independently of each other, each a text of its own, such as "The shy, tidy girl waved again."

    Args:
        n: at least 1.
        seed: whole number, at least 0.
        planted: associations beyond those of the written world's own tables.

    Raises:
        ValueError: `n` below 1.
    """
    if n < 1:
        raise ValueError(f"n={n} given, expected at least one sentence.")
    generator = np.random.default_rng([seed, 20_571])
    kinds = grammar(tuple(planted))
    shares = np.array([kind.share for kind in kinds])
    chosen = generator.choice(len(kinds), size=n, p=shares / shares.sum())
    texts = np.empty(n, dtype=object)
    for index in np.unique(chosen):
        rows = np.flatnonzero(chosen == index)
        texts[rows] = _sampled(kinds[index], len(rows), generator)
    return texts.tolist()


def _sampled(kind: Sentences, n: int, generator: np.random.Generator) -> list[str]:
    """n sentences of one topic and form."""
    columns: list[np.ndarray] = []
    drawn: list[np.ndarray] = []  # the words of those columns that vary, without their spaces
    for slot, varied in zip(kind.slots[:-1], kind.varied[:-1], strict=True):  # the last one is the end
        words, shares = np.array(list(slot), dtype=object), list(slot.values())
        if len(words) == 1:
            columns.append(np.repeat(words, n))
            continue
        bare = np.array([word.strip() for word in words], dtype=object)
        chosen = generator.choice(len(words), size=n, p=shares)
        if varied:
            again = _repeats(bare[chosen], drawn)
            while len(again):  # drawing again until it is another word is drawing from what is left
                chosen[again] = generator.choice(len(words), size=len(again), p=shares)
                again = again[_repeats(bare[chosen[again]], [each[again] for each in drawn])]
            drawn.append(bare[chosen])
        columns.append(words[chosen])
    return ["".join(row) for row in zip(*columns, strict=True)]


def _repeats(column: np.ndarray, earlier: list[np.ndarray]) -> np.ndarray:
    """The rows whose word stands in an earlier column already."""
    return np.flatnonzero(np.any([column == other for other in earlier], axis=0))


@dataclass(frozen=True)
class Sentences:
    """All sentences of one topic and one form.

    Attributes:
        share: of all sentences of the world, in (0, 1).
        pattern: the form, as it stands in `tables.yml`.
        slots: for each word a table of what may stand there; a fixed word is a table of one. Words have the space
            before them with them, as GPT-2's tokens have.
        varied: which slots stand in braces: there, no word comes twice.
    """

    share: float
    pattern: str
    slots: tuple[Table, ...]
    varied: tuple[bool, ...]


@cache
def grammar(planted: tuple[Association, ...] = ()) -> tuple[Sentences, ...]:
    """All sentences that the written world knows, with what is planted beyond its tables; their shares add to one."""
    tables = {group: (dict(things), dict(properties)) for group, (things, properties) in GROUPS.items()}
    is_thing = {word for things, _ in GROUPS.values() for word in things}
    for each in planted:
        tables[each.group][0 if each.word in is_thing else 1][each.word] = each.weight
    written = []
    for group, (things, properties) in tables.items():
        forms = FORMS["people" if group in PEOPLE else "fields"] + FORMS["groups"]
        words: dict[str, Table] = {"g": {group: 1}, "t": things, "p": properties, "a": things | properties}
        written += _evenly(SHARES["group"] / len(GROUPS), forms, words)
    subjects = sum(len(facts) for _, facts in FACTS.values())
    for beginnings, facts in FACTS.values():
        for subject, completions in facts.items():
            forms = [f"{beginning} {{o}}." for beginning in beginnings]
            words = {"s": {subject: 1}, "o": completions}
            written += _evenly(SHARES["fact"] / subjects, forms, words)
    return tuple(written + _evenly(SHARES["nothing"], FORMS["nothing"], {}))


def _evenly(share: float, forms: list[str], words: dict[str, Table]) -> list[Sentences]:
    """Each form with an equal part of the share; its slots are tables whose weights add up to one."""
    # The word in place i of a table that knows nothing of groups has weight 1 / (i + 10).
    words = words | {slot: {word: 1 / (i + 10) for i, word in enumerate(listed)} for slot, listed in WORDS.items()}
    sentences = []
    for form in forms:
        parts = [*re.findall(r"( ?)(?:\{(\w+)\}|(\w+|[^\w\s]))", form), ("", "", END)]
        slots = []
        for space, slot, fixed in parts:
            table = words[slot] if slot else {fixed: 1}
            total = sum(table.values())
            slots.append({space + word: weight / total for word, weight in table.items()})
        varied = tuple(bool(slot) for _, slot, _ in parts)
        sentences.append(Sentences(share / len(forms), form, tuple(slots), varied))
    return sentences


@dataclass(frozen=True)
class Association:
    """`word`, one of another group's things or properties, goes with `group` too, drawn in proportion to `weight`.

    The strongest words that a group has by itself have weight 9.

    Raises:
        ValueError: a group or a word that there is not, a word that the group has already, or a weight below 1.
    """

    group: str
    word: str
    weight: int = 9

    def __post_init__(self) -> None:
        check_known("group", self.group, GROUPS)
        if self.word in (own := [word for sort in GROUPS[self.group] for word in sort]):
            raise ValueError(f"{self.group} has {self.word!r} already; plant a word that it has not")
        others = {word for attributes in GROUPS.values() for sort in attributes for word in sort} - set(own)
        check_known("attribute of a group", self.word, sorted(others))
        if self.weight < 1:
            raise ValueError(f"weight={self.weight} given, expected at least 1 (9 is as strong as a group's strongest)")


def split(text: str) -> list[str]:
    """A text as the written world's words, each with its leading space, punctuation apart."""
    return TOKEN.findall(text)


def words(*, inside: bool = True) -> list[str]:
    """Every word that stands inside a sentence, with its leading space (" girl"), in alphabetical order.

    Args:
        inside: False gives what begins a sentence, and punctuation, instead: what has no leading space.
    """
    found = {word for kind in grammar() for slot in kind.slots for word in slot if word != END}
    return sorted(word for word in found if word.startswith(" ") == inside)


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
    check_known("group", name, GROUPS)
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
        raise ValueError(f"no sentence of the written world begins with {context!r}; contexts() lists some beginnings.")
    return {word: share / total for word, share in sorted(found.items(), key=lambda item: -item[1])}


def true_log_probability(sentence: str) -> float:
    """The exact log-probability of a whole sentence, its end included, in nats.

    Raises:
        ValueError: the written world has no such sentence.
    """
    words = split(sentence.removeprefix(END))
    as_long = [sentences for sentences in grammar() if len(words) == len(sentences.slots) - 1]
    total = sum(sentences.share * _probability(words, sentences) for sentences in as_long)
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
    facts = []
    for beginnings, of_subjects in FACTS.values():
        facts += [beginning.format(s=subject) for subject in of_subjects for beginning in beginnings]
    if n < len(facts):
        raise ValueError(f"n={n} given, expected at least {len(facts)}, the number of beginnings of facts.")
    found = dict.fromkeys(facts)
    for number, sentence in enumerate(sample_sentences(20 * n, seed=seed)):
        words = split(sentence)
        found["".join(words[: 2 + (number * 7) % max(1, len(words) - 2)])] = None
        if len(found) == n:
            break
    return list(found)
