"""What the check of chapter 9's correction for many words looks at."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.learning.checks_09 import require_one_a_word
from course_utils.learning.properties import inputs_untouched, require_equal

WORDS, SHUFFLES = 8, 49


def check_corrected(function: Callable, reference: Callable) -> None:
    """Words from nothing to clear, some of them less frequent than elsewhere (z below 0), and one tie."""
    generator = torch.Generator().manual_seed(0)
    shuffled = torch.randn(SHUFFLES, WORDS, generator=generator)
    shuffled[:, 0] *= 1.5  # words differ in how far luck takes them
    luckiest = shuffled.abs().amax(1).sort().values
    z = torch.tensor([0.1, -2.6, 2.2, 6.0, -7.0, -1.4, float(luckiest[30]), float(luckiest[44])])
    with inputs_untouched(z=z, shuffled=shuffled):
        result = require_one_a_word(function(z, shuffled), WORDS)
    right = reference(z, shuffled)
    word = int((result - right).abs().argmax())
    reached = int((luckiest >= z[word].abs()).sum())
    require_equal(
        result,
        right,
        _mistakes(z, shuffled),
        f"|z| = {z[word].abs():.2f} is reached by the luckiest word of {reached} in {SHUFFLES} shuffles, so p is "
        f"{right[word]:.3f}; your function says {result[word]:.3f}.",
    )


def _mistakes(z: Tensor, shuffled: Tensor) -> list[tuple[Tensor, str]]:
    size, both = z.abs(), shuffled.abs()
    luckiest = both.amax(1)[:, None]
    number = len(shuffled)
    right = (1 + (luckiest >= size).sum(0)) / (1 + number)
    own = (both >= size).sum(0)
    signed = (shuffled.amax(1)[:, None] >= z).sum(0)
    half = (shuffled.amax(1)[:, None] >= size).sum(0)
    alone = "each word is compared with its own shuffles: compare it with the largest of all words, `amax(dim=1)`."
    one_side = "words that are less frequent than elsewhere (z below 0) are remarkable, too: take `.abs()` of both."
    return [
        ((luckiest >= size).sum(0) / number, "p would be 0 for some words: the real order is a shuffle, too, add 1."),
        ((1 + (luckiest >= size).sum(0)) / number, "one is added to the count but not to the number of shuffles."),
        ((luckiest >= size).sum(0) / (1 + number), "one is added to the number of shuffles but not to the count."),
        (
            (1 + (luckiest > size).sum(0)) / (1 + number),
            "`>=`: a shuffle that is just as large counts against the word.",
        ),
        ((1 + own) / (1 + number), alone),
        (own / number, alone),
        (
            ((1 + own) / (1 + number) * len(z)).clamp(max=1),
            "this corrects each word's own p (Bonferroni): use the largest |z|.",
        ),
        ((1 + signed) / (1 + number), one_side),
        (signed / number, one_side),
        ((1 + half) / (1 + number), "the largest z of a shuffle may be a negative one: `shuffled.abs()` first."),
        ((1 + (luckiest >= z).sum(0)) / (1 + number), one_side),
        (1 - right, "this is the share of shuffles that the word beats: p is the share that beat the word."),
        ((luckiest < size).sum(0) / number, "this is the share of shuffles that the word beats: p is the rest."),
        (1.0 + (luckiest >= size).sum(0), "these are numbers of shuffles: divide by how many there are."),
        (
            (1 + (both.mean(1)[:, None] >= size).sum(0)) / (1 + number),
            "each word is compared with the mean word of a shuffle: take the largest, `amax`.",
        ),
    ]
