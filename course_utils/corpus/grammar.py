"""The sentences of the written world, and what exactly each leaves to chance.

A sentence is made in two draws and then word by word. First its *topic*: a group, a fact's subject, or nothing in
particular. Then its *form*, among those that suit the topic: a row of slots. A slot in braces is filled by drawing a
word from a table, in proportion to the table's weights, never a word that the sentence has already; all else stands as
it is. Since a slot is always exactly one word, the probability of any beginning, and of any word after it, is a sum of
products that can be done exactly (`course_utils.corpus.truth`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from course_utils.corpus import tables
from course_utils.corpus.planting import Association, with_planted

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
