"""Corpus statistics: the words that stand before a target in a text, scored as the words of prompts are scored.

A prompt of three tokens is something after which a model says the target. A text has such things too: the three words
before each place where the target stands. So they are counted and scored as if they were prompts, by the statistics of
`association_scores`, and what a model associates can be compared with what it has read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.language.associations import AssociationScores
from course_utils.language.vocabulary import one_contains_the_other
from course_utils.language.word_scores import WordScores, check_correction, prompt_table, ranked, scored
from course_utils.utils import progress_bar, read_saved, sample_generators, spearman, write_saved
from course_utils.validation import check_known

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")  # letters, with an apostrophe inside
BOOKS = Path(__file__).parent / "data"
BEFORE = (3, 20)  # of which tables are shipped


def book_associations(before: int = 3) -> TextAssociations:
    """Associations of sixteen words in the books that `books-lm` has read, counted beforehand by `text_associations`.

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
    """Associations in a text: how much more often each word stands shortly before a target than before the others.

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
        shuffles: random permutations behind the correction for many words.
        level: of the intervals and of the correction.
        seed: of the draws and permutations.

    Raises:
        ValueError: settings out of range, fewer than two targets, or a target that the text does not have.
    """
    check_correction(level, shuffles)
    if before < 1 or most < 1 or len(set(targets)) < 2:
        raise ValueError(f"{before=}, {most=}, {len(set(targets))} targets given, expected at least 1, 1 and 2.")
    places = words_before(paragraphs, targets, before)
    absent = [target for target in targets if not places[target]]
    if absent:
        raise ValueError(f"the text does not have the target {absent[0]!r}; choose targets that stand in it.")
    counted = [word for word in dict.fromkeys(words) if word not in set(targets)]
    if len(counted) < 2:
        raise ValueError(f"{len(counted)} words given that are no target, expected at least 2.")
    drawn = []
    for target, generator in zip(targets, sample_generators(seed, range(len(targets)), "places"), strict=True):
        rows = torch.randperm(len(places[target]), generator=generator)[:most].sort().values
        drawn.append([places[target][row] for row in rows.tolist()])
    table = prompt_table(drawn, counted)
    counts, critical = [], []
    for number in progress_bar(range(len(drawn)), "targets", progress=progress):
        counts.append(table.contains[table.source == number].sum(0))
        _, scores = scored(table, number, prior=None, level=level, shuffles=shuffles, seed=seed, progress=False)
        critical.append(scores["critical"])
    return TextAssociations(
        targets=list(targets), words=counted, counts=torch.stack(counts), places=table.source.bincount(),
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


def share_a_stem(word: str, target: str) -> bool:
    """Whether a word begins with the target, or one contains the other and the shorter has over 3 letters.

    For `art` that leaves out artists and articles; such words say how a target is spelt, not what it goes with.
    """
    return word.startswith(target) or one_contains_the_other(word, target)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class TextScores(WordScores):
    """Words of a text with how strongly they are associated with a target; `counts` are places of the target."""

    counted_in: ClassVar[str] = "places"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class TextAssociations:
    """Counts of the words that stand shortly before each target in a text.

    Attributes:
        targets: the words that are asked about.
        words: that were counted before them.
        counts: counted places of each target with the word among the `before` words before it.
        places: counted places of each target.
        found: all places of each target in the text.
        critical: for each target the |z| above which a word survives the correction for many words.
        level: confidence level of that correction.
        before: how many words before the target count.
    """

    targets: list[str]
    words: list[str]
    counts: Int[Tensor, "targets words"]
    places: Int[Tensor, "targets"]
    found: Int[Tensor, "targets"]
    critical: Float[Tensor, "targets"]
    level: float
    before: int

    def scores(self, target: str) -> TextScores:
        """The words' association with one target, against the other targets, the strongest first.

        Raises:
            ValueError: a target that was not counted (offers close ones).
        """
        target = target.strip()
        check_known("target", target, self.targets)
        row = self.targets.index(target)
        here, elsewhere = self.counts[row], self.counts.sum(0) - self.counts[row]
        _, scores = ranked(self.words, here, elsewhere, float(here.sum()))
        return TextScores(**scores, critical=float(self.critical[row]), level=self.level, target=target)

    def save(self, path: Path) -> None:
        """Writes the table as safetensors: no count is larger than a 16-bit number holds."""
        tensors = {"counts": self.counts.to(torch.uint16)}
        tensors |= {name: getattr(self, name).contiguous() for name in ("places", "found", "critical")}
        about = {name: getattr(self, name) for name in ("targets", "words", "level", "before")}
        write_saved(path, "text_associations", about, tensors)

    @classmethod
    def load(cls, path: Path) -> TextAssociations:
        """Reads what `save` has written.

        Raises:
            FileNotFoundError: no such file.
            ValueError: another file, or a damaged one.
        """
        about, tensors = read_saved(path, "text_associations", "TextAssociations.save", "table of associations")
        return cls(**(about | tensors | {"counts": tensors["counts"].long()}))

    def __repr__(self) -> str:
        return (
            f"TextAssociations: {len(self.words):,} words in the {self.before} words before {len(self.targets)} "
            f"targets ({', '.join(self.targets)}), {int(self.places.sum()):,} places"
        )


FEWEST = 5  # words that both have: fewer have no order worth a number


def compare_with_text(
    scores: AssociationScores, text: WordScores, *, resamples: int = 500, seed: int = 0
) -> TextAgreement:
    """Agreement of a model's associations with a text's: rank correlation of the scores, and the words in both.

    The interval is a bootstrap over restarts, as in `score_against`: every target's prompts are drawn anew, with
    replacement, and scored again. Drawn prompts have fewer different words, which takes the drawn correlations toward
    0; so the interval is centred on the correlation itself, with the drawn ones' standard deviation. It says how much
    depends on these restarts; the text is taken as it is.

    Args:
        scores: of the prompts found for a target, against prompts for other targets.
        text: of the words that stand before the same target in a text (`text_associations`); or, as a control, before
            another one.
        resamples: of the bootstrap, at least 2.
        seed: of the bootstrap.

    Raises:
        ValueError: too few words in common, or too few resamples.
    """
    if resamples < 2:
        raise ValueError(f"resamples={resamples} given, expected at least 2.")
    place = {word: row for row, word in enumerate(text.words)}
    mine = [column for column, word in enumerate(scores.words) if word in place]
    if len(mine) < FEWEST:
        raise ValueError(f"prompts and text have {len(mine)} words in common, expected at least {FEWEST}.")
    theirs = text.z[[place[scores.words[column]] for column in mine]]
    drawn = scores.table.resampled_z(scores.prior, resamples, seed=seed, progress=False)[:, mine]
    value = spearman(scores.z[mine][None], theirs[None]).item()
    spread = spearman(drawn, theirs.expand(len(drawn), -1)).std().item()
    survives = set(text.survivors)
    return TextAgreement(
        target=text.target,
        correlation=value,
        interval=(max(-1.0, value - 1.96 * spread), min(1.0, value + 1.96 * spread)),
        words=len(mine),
        both=[word for word in scores.survivors if word in survives],
        model_only=[word for word in scores.survivors if word in place and word not in survives],
        text_only=[word for word in text.survivors if word not in set(scores.survivors)],
        chance=float((theirs > text.critical).float().mean()),
    )


@dataclass(frozen=True, repr=False)
class TextAgreement:
    """A model's associations beside a text's.

    Attributes:
        target: what the words are associated with.
        correlation: Spearman's, of the z of all words that both have.
        interval: its 95 % interval, over restarts of the search.
        words: how many words both have.
        both: words that survive the correction in the prompts and in the text, the model's strongest first.
        model_only: words that survive in the prompts alone.
        text_only: words that survive in the text alone, the text's strongest first.
        chance: the share of all words in the prompts that survive in the text.
    """

    target: str | None
    correlation: float
    interval: tuple[float, float]
    words: int
    both: list[str]
    model_only: list[str]
    text_only: list[str]
    chance: float

    @property
    def share(self) -> float:
        """The share of the model's surviving words that survive in the text too; 0 if none survives."""
        return len(self.both) / max(1, len(self.both) + len(self.model_only))

    def __repr__(self) -> str:
        low, high = self.interval
        found = len(self.both) + len(self.model_only)
        return (
            f"{self.target}: rank correlation {self.correlation:+.2f} [{low:+.2f}, {high:+.2f}] over {self.words} "
            f"words; {len(self.both)} of {found} surviving words survive in the text "
            f"({100 * self.chance:.0f} % by chance)"
        )
