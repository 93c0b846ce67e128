"""Word clouds, each beside the plot that says what its sizes are worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from course_utils.language.prompt_table import Prompts, as_words, prompt_table
from course_utils.language.word_scores import WordScores
from course_utils.proportions import Proportion, proportion


def word_cloud(
    prompts: Prompts | WordScores | Mapping[str, float],
    *,
    most: int = 40,
    seed: int = 0,
    title: str | None = None,
    alt: str | None = None,
) -> Any:
    """A word cloud with bars beside it.

    A cloud is quickly taken in and hard to read: neither the size of a font nor the area of a word is judged well
    (Maurits, Boers & Knevel 2022), long words look more important than short ones, and nothing says what is chance. So
    the words are never drawn alone. A word's area grows with its number. What the number is depends on what is given:

    - scores of associations: words with z above 0, sized by z, in colour where they survive the correction for many
      words, grey where not; beside them their odds ratios with intervals;
    - prompts: words sized by the number of prompts that contain them; beside them these shares with intervals;
    - a table of weights by word: sized by weight; beside them the weights.

    Args:
        prompts: scores of `association_scores` or `text_associations`, prompts in the forms that the first takes, or
            weights above 0 by word.
        most: how many words to draw; those that find no room are left out.
        seed: of where the words go; the same seed gives the same picture.
        title: the finding, in a sentence; one that states the numbers by default.
        alt: what the figure shows, for readers who cannot see it; by default a list of the words and their numbers.

    Returns:
        A `course_utils.show.Picture`.

    Raises:
        TypeError: something else, or a weight that is no number.
        ValueError: nothing to draw: no words, or none with a weight above 0.
    """
    from course_utils.show.associations import cloud_of_scores, cloud_of_shares, cloud_of_weights  # they draw

    if most < 1:
        raise ValueError(f"most={most} given, expected at least one word.")
    how: dict[str, Any] = {"most": most, "seed": seed, "title": title, "alt": alt}
    if isinstance(prompts, WordScores):
        if not (prompts.z > 0).any():
            raise ValueError(_nothing("no word has a z above 0", "compare with prompts for other targets"))
        return cloud_of_scores(prompts, **how)
    if isinstance(prompts, Mapping):
        return cloud_of_weights(_weights(prompts), **how)
    return cloud_of_shares(word_shares(prompts), target=getattr(prompts, "target", None), **how)


def word_shares(prompts: Prompts) -> dict[str, Proportion]:
    """The share of prompts that contain each word, with its interval, the most frequent first.

    Args:
        prompts: a result of `optimize_prompts`, or a list of texts or lists of tokens.

    Raises:
        TypeError, ValueError: no prompts (`association_scores`).
    """
    table = prompt_table([as_words(prompts)])
    counts = dict(zip(table.words, table.contains.sum(0).tolist(), strict=True))
    order = sorted(counts, key=lambda word: -counts[word])
    return {word: proportion(counts[word], len(table.source)) for word in order}


def _weights(weights: Mapping[str, float]) -> dict[str, float]:
    for word, weight in weights.items():
        if not isinstance(weight, int | float):
            raise TypeError(f"the weight of {word!r} is {type(weight).__name__}, expected a number.")
    positive = {str(word).strip(): float(weight) for word, weight in weights.items() if weight > 0}
    if not positive:
        raise ValueError(_nothing(f"none of the {len(weights)} words given has a weight above 0", "give some that do"))
    return dict(sorted(positive.items(), key=lambda entry: -entry[1]))


def _nothing(why: str, what_to_do: str) -> str:
    return f"there is nothing to draw a word cloud of: {why}; {what_to_do}."
