"""Drawing sentences of the written world: a million words take some seconds."""

from __future__ import annotations

import numpy as np

from course_utils.corpus.grammar import END, Sentences, Table, grammar


def sample_sentences(n: int, *, seed: int = 0) -> list[str]:
    """Draws n sentences, independent of each other, each a text of its own, such as "The shy, tidy girl waved again."

    Args:
        n: at least 1.
        seed: whole number, at least 0.

    Raises:
        ValueError: `n` below 1.
    """
    if n < 1:
        raise ValueError(f"n={n} given, expected at least one sentence.")
    generator = np.random.default_rng([seed, 20_571])
    kinds = grammar()
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
    for slot, varied in zip(kind.slots, kind.varied, strict=True):
        words = np.array(list(slot), dtype=object)
        if words[0] == END:
            continue
        column = generator.choice(words, size=n, p=list(slot.values())) if len(words) > 1 else np.repeat(words, n)
        if varied and len(words) > 1:
            column = _without_repeats(column, columns, words, slot, generator)
        columns.append(column)
    return ["".join(row) for row in zip(*columns, strict=True)]


def _without_repeats(
    column: np.ndarray, columns: list[np.ndarray], words: np.ndarray, slot: Table, generator: np.random.Generator
) -> np.ndarray:
    """The column with every word that its row has already drawn again, which is drawing from what is left."""

    def repeats() -> np.ndarray:
        twice = np.zeros(len(column), dtype=bool)
        for earlier in columns:
            if len(set(earlier)) > 1:
                twice |= np.array([a.strip() == b.strip() for a, b in zip(earlier, column, strict=True)], dtype=bool)
        return np.flatnonzero(twice)

    again = repeats()
    while len(again):
        column[again] = generator.choice(words, size=len(again), p=list(slot.values()))
        again = repeats()
    return column
