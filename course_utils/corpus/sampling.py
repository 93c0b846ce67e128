"""Drawing sentences of the written world: a million words take some seconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from course_utils.corpus.grammar import Sentences, grammar
from course_utils.corpus.planting import Association


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
