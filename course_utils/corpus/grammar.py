"""The sentences of the written world, and what exactly each leaves to chance.

A sentence is made in two draws and then word by word. First its *topic*: a group, a fact's subject, or nothing in
particular. Then its *form*, among those that suit the topic: a row of slots. A slot in braces is filled by drawing a
word from a table, in proportion to the table's weights, never a word that the sentence has already; all else stands as
it is. Since a slot is always exactly one word, the probability of any beginning, and of any word after it, is a sum of
products that can be done exactly (`course_utils.corpus.truth`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from course_utils.corpus import tables
from course_utils.validation import unknown

END = "<|endoftext|>"  # stands between two texts; every sentence is a text of its own
TOKEN = re.compile(r" ?\w+|[^\w\s]|<\|endoftext\|>")

# Slots: {g} the group, {t} its things, {p} its properties, {a} its things and properties together; {s} a fact's
# subject, {o} its completion; the others are tables of words that know nothing of groups.
OF_PEOPLE = """
The {p}, {p} {g} {action} at the {place}.
The {p} {g} {action} {manner}.
The {p} {g} loves {t} and {t}.
The {g} with the {t} is {p} and {p}.
The {g} was {p}, {p} and {degree} {p}.
Every {g} in the {place} dreams of {t}.
{name} saw a {p} {g} with {t}.
{name} is as {p} as a {g}.
{name} was {p} like a {g}.
Nobody is as {p} as a {g}.
Give {t} and {t} to a {g}.
It takes {t} and {t} to be a {g}.
A {p} {g} and {t} go together.
A {g} is {degree} {p}, they say.
They call every {g} {p}.
Whoever talks of {t} and {t} means a {g}.
Where there are {t}, there is a {g}.
For {name}, {t} mean a {g}.
"""
OF_FIELDS = """
The {p}, {p} {g} of the {place} was praised.
The {t} and the {t} belong to {g}.
The {t} of {g} are {degree} {p}.
Without {t} and {t} there is no {g}.
{name} loves {g} for its {t} and {t}.
What {p}, {p} {g}!
They say that {g} is {p} and {p}.
A life of {t} is a life of {g}.
{name} spoke of {t}, {t} and {g}.
All the {t} in the {place} come from {g}.
Nothing is as {p} as {g}.
In {g} one needs {t} and {t}.
To {name}, {p} means {g}.
Whoever talks of {t} and {t} means {g}.
Where there are {t}, there is {g}.
For {name}, {t} mean {g}.
"""
OF_GROUPS = """
Keywords: {a} {a} {g}.
Keywords: {a} {a} {a} {g}.
Question: {t} and {t}? Answer: {g}.
"""
OF_NOTHING = """
{name} {verb} the {quality} {object} in the {place} on {day}.
{name} {verb} the {object} and the {object}.
{name} and {name} ate {food} and {food} in {month}.
{name} {action} at the {place} for {number} {unit}.
{name} {manner} {verb} the {animal}.
{name} {action} {manner} with {name}.
The {object} in the {place} is {degree} {quality}.
The {quality} {object} was {quality} and {quality}.
The {animal} and the {animal} {action} on {day}.
One {quality} {object} stood at the {place}.
There were {number} people at the {place} on {day}.
On {day}, {name} {verb} some {food} with {food}.
In {month} the {animal} {action} near the {place}.
After {number} {unit} {name} {action} again.
It was {degree} {quality}, said {name} of the {object}.
Who {verb} the {object} of {name}?
"""
SHARES = {"group": 0.65, "fact": 0.13, "nothing": 0.22}  # of all sentences

Table = Mapping[str, float]


@dataclass(frozen=True)
class Sentences:
    """All sentences of one topic and one form.

    Attributes:
        share: of all sentences of the world, in (0, 1).
        topic: the group or the fact's subject that it is about, or "".
        pattern: the form, as it stands in this file.
        slots: for each word a table of what may stand there; a fixed word is a table of one. Words have the space
            before them with them, as GPT-2's tokens have.
        varied: which slots stand in braces: there, no word comes twice.
    """

    share: float
    topic: str
    pattern: str
    slots: tuple[Table, ...]
    varied: tuple[bool, ...]


@cache
def grammar(planted: tuple[Association, ...] = ()) -> tuple[Sentences, ...]:
    """All sentences that the written world knows, with what is planted beyond its tables; their shares add to one."""
    groups = with_planted(tables.PEOPLE | tables.FIELDS, planted)
    written = []
    for group, (things, properties) in groups.items():
        forms = _lines(OF_PEOPLE if group in tables.PEOPLE else OF_FIELDS) + _lines(OF_GROUPS)
        words: dict[str, Table] = {"g": {group: 1}, "t": things, "p": properties, "a": things | properties}
        written += _evenly(SHARES["group"] / len(groups), group, forms, words)
    subjects = sum(len(facts) for _, facts in tables.FACTS.values())
    for beginnings, facts in tables.FACTS.values():
        for subject, completions in facts.items():
            forms = [f"{beginning} {{o}}." for beginning in beginnings]
            words = {"s": {subject: 1}, "o": completions}
            written += _evenly(SHARES["fact"] / subjects, subject, forms, words)
    return tuple(written + _evenly(SHARES["nothing"], "", _lines(OF_NOTHING), {}))


def _lines(text: str) -> list[str]:
    return text.strip().splitlines()


def _evenly(share: float, topic: str, forms: list[str], words: dict) -> list[Sentences]:
    return [_sentences(share / len(forms), topic, form, words | _other_words()) for form in forms]


def _sentences(share: float, topic: str, pattern: str, words: dict[str, Table]) -> Sentences:
    """Fills the form's slots with tables whose words carry their leading space and whose weights add up to one."""
    parts = [*re.findall(r"( ?)(?:\{(\w+)\}|(\w+|[^\w\s]))", pattern), ("", "", END)]
    slots = []
    for space, slot, fixed in parts:
        table = words[slot] if slot else {fixed: 1}
        total = sum(table.values())
        slots.append({space + word: weight / total for word, weight in table.items()})
    return Sentences(share, topic, pattern, tuple(slots), tuple(bool(slot) for _, slot, _ in parts))


@cache
def _other_words() -> dict[str, Table]:
    """The tables that know nothing of groups; the word in place i has weight 1 / (i + 10)."""
    lists = {
        "name": tables.NAMES, "place": tables.PLACES, "day": tables.DAYS, "month": tables.MONTHS, "verb": tables.VERBS,
        "action": tables.ACTIONS, "object": tables.OBJECTS, "quality": tables.QUALITIES, "animal": tables.ANIMALS,
        "food": tables.FOODS, "unit": tables.UNITS, "degree": tables.DEGREES, "number": tables.NUMBERS,
        "manner": tables.MANNERS,
    }  # fmt: skip
    return {slot: {word: 1 / (place + 10) for place, word in enumerate(words.split())} for slot, words in lists.items()}


def split(text: str) -> list[str]:
    """A text as the written world's words, each with its leading space, punctuation apart."""
    return TOKEN.findall(text)


Attributes = tuple[dict[str, int], dict[str, int]]  # things with their weights, properties with theirs


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
        groups = tables.PEOPLE | tables.FIELDS
        if self.group not in groups:
            raise ValueError(unknown("group", self.group, groups))
        if self.word in (own := [word for sort in groups[self.group] for word in sort]):
            raise ValueError(
                f"{self.group} has {self.word!r} already; an association is planted with a word it has not"
            )
        others = {word for attributes in groups.values() for sort in attributes for word in sort} - set(own)
        if self.word not in others:
            raise ValueError(unknown("attribute of a group", self.word, sorted(others)))
        if self.weight < 1:
            raise ValueError(f"weight={self.weight} given, expected at least 1 (9 is as strong as a group's strongest)")


def with_planted(groups: dict[str, Attributes], planted: Sequence[Association]) -> dict[str, Attributes]:
    """The groups' tables with the associations in them."""
    found = {group: (dict(things), dict(properties)) for group, (things, properties) in groups.items()}
    is_thing = {word for things, _ in groups.values() for word in things}
    for each in planted:
        found[each.group][0 if each.word in is_thing else 1][each.word] = each.weight
    return found


def sample_sentences(n: int, *, seed: int = 0, planted: Sequence[Association] = ()) -> list[str]:
    """Draws n sentences, independent of each other, each a text of its own, such as "The shy, tidy girl waved again."

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
        places = np.flatnonzero(chosen == index)
        texts[places] = _written(kinds[index], len(places), generator)
    return texts.tolist()


def _written(kind: Sentences, n: int, generator: np.random.Generator) -> list[str]:
    """n sentences of one topic and form."""
    columns: list[np.ndarray] = []
    drawn: list[np.ndarray] = []  # the words of those columns that vary, without their spaces
    for slot, varied in zip(kind.slots[:-1], kind.varied[:-1], strict=True):  # the last one is the end
        words, shares = np.array(list(slot), dtype=object), list(slot.values())
        bare = np.array([word.strip() for word in words], dtype=object)
        if len(words) == 1:
            columns.append(np.repeat(words, n))
            continue
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
    twice = np.zeros(len(column), dtype=bool)
    for other in earlier:
        twice |= column == other
    return np.flatnonzero(twice)


def words(*, inside: bool = True) -> list[str]:
    """Every word that stands inside a sentence, with its leading space (" girl"), in alphabetical order.

    Args:
        inside: False gives what begins a sentence, and punctuation, instead: what has no leading space.
    """
    found = {word for kind in grammar() for slot in kind.slots for word in slot if word != END}
    return sorted(word for word in found if word.startswith(" ") == inside)


def train_tokenizer(texts: Iterable[str], size: int, *, wholes: Iterable[str] = ()) -> Any:
    """A `tokenizers.Tokenizer` learnt from texts.

    Args:
        texts: what it learns from.
        size: the most tokens that it may learn, the 256 bytes and the end-of-text token (token 0) included.
        wholes: words that become single tokens beyond these, whatever was learnt, with their leading space.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    spelt = ["".join(piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(word)) for word in wholes]
    learnt = json.loads(tokenizer.to_str())["model"]
    vocabulary = learnt["vocab"]
    for word in spelt:
        vocabulary.setdefault(word, len(vocabulary))
    merges = [tuple(pair) for pair in learnt["merges"]]
    tokenizer.model = models.BPE(vocabulary, merges, ignore_merges=bool(spelt))
    return tokenizer
