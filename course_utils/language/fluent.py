"""Feature visualisation for language models: fluent text that excites a unit most, or makes a target most probable.

What excites a neuron of a language model can be searched for as in images, token by token. Left alone, the search
finds strings that nobody would write, as pixels left alone become noise. The remedy is the same: a second goal. Here it
is a low surprise, and since nobody knows how much fluency the activation is worth, a whole population is searched for
at once, each member at another rate of exchange. What comes out is a front: for every surprise the strongest text, and
from each text to the next a little fluency is given up for a little more of the unit.

`top_sentences` stands beside it: the sentences of a corpus that excite the unit most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.activations import Outputs, record
from course_utils.figures.style import PALETTE, DescribedFigure, new_axes, render, styled
from course_utils.language.prompt_results import SHOWN, Search, as_probability, readable, written
from course_utils.language.search import Typed, drawn_swaps
from course_utils.language.targets import FromEmbeddings, PromptObjective, check_length
from course_utils.language.vocabulary import Exclude, allowed_tokens
from course_utils.models.language_model import LanguageModel
from course_utils.objectives import Objective, parse
from course_utils.utils import progress_bar, run_chunks, sample_generators
from course_utils.validation import check_settings

DRAWN = 4  # random prompts for each member of the population, from which the search begins
LABELLED = 4  # texts beside the points of a front


@torch.inference_mode(False)
def fluent_prompts(
    lm: LanguageModel,
    objective: str | int | Sequence[int] | Objective,
    *,
    length: int = 8,
    population: int = 8,
    children: int = 16,
    steps: int = 60,
    weights: tuple[float, float] = (0.1, 10.0),
    top_k: int = 256,
    position: int = -1,
    surprise_model: LanguageModel | None = None,
    exclude: Exclude = ("target", "special"),
    seed: int = 0,
    progress: bool | None = None,
) -> FluentPrompts:
    """Texts along the Pareto front of an objective against surprise, found by evolutionary prompt optimisation (EPO).

    Every member of the population maximises score − weight · surprise at a weight of its own. In each step a gradient
    proposes swaps of single tokens for each member; all children are evaluated, and every weight takes the best of all
    members and children, whosever child it is. The front is that of all texts that were evaluated.

    Args:
        lm: the language model.
        objective: what is maximised: text that is to follow (`" girl"`) or its token ids; a unit, as a channel of a
            layer (`"model.layers.12:37"`) or of what goes into a layer (`"model.layers.12.mlp.down_proj.input:37"`, a
            neuron of an MLP); or an objective of `course_utils.objectives`, such as `Direction(layer, vector)`.
        length: tokens of a text.
        population: weights that are searched for together, at least 2.
        children: texts tried in a step, for each member.
        steps: of the search.
        weights: lowest and highest, above 0. At weight 1 a standard deviation of surprise counts as much as one of the
            score, both over random texts.
        top_k: swaps at each place from which the children are drawn.
        position: the token at which a unit is read: the last if -1.
        surprise_model: under which surprise is measured, with the same tokenizer; `lm` itself if None.
        exclude: as of `optimize_prompts`.
        seed: of all draws.
        progress: True shows a bar, False none, None one for work of over a second.

    Returns:
        The front. Texts that the tokenizer does not turn back into the same tokens are left out. After Ctrl-C the front
        so far.

    Raises:
        ValueError: a layer, unit or position that does not exist (offers close names), a population of one, a surprise
            model with another tokenizer, settings out of range; otherwise as `optimize_prompts`.

    Source: Thompson et al. 2024 (EPO, "fluent dreaming"). Different here: weights are in units of the deviations over
    random texts, what a token does to its own surprise counts exactly, and there are no restarts.
    """
    check_settings(population=population, children=children, steps=steps, top_k=top_k)
    lm.check_embeddings()
    if population < 2:
        raise ValueError("population=1 given, expected at least 2: a front needs texts at several weights of surprise.")
    low, high = weights
    if not 0 < low < high < math.inf:
        raise ValueError(f"weights={weights!r} given, expected two numbers above 0, the lower first: (0.1, 10).")
    aim = PromptObjective(lm, objective, position=position, surprise_model=surprise_model)
    check_length(lm, length, aim.target)
    least = 2 - bool(len(lm.prefix))
    if length < least or not -length <= position < length:
        raise ValueError(f"length={length}, position={position} given, expected at least {least} tokens, and one.")
    text = aim.target.text if aim.target else ""
    tokens = allowed_tokens(lm, exclude, target=text).nonzero().squeeze(1)
    (generator,) = sample_generators(seed, [0], "fluent prompts")
    typed = Typed(lm)
    drawn = tokens[torch.randint(len(tokens), (DRAWN * population, length), generator=generator).to(tokens.device)]
    score, surprise = aim(drawn)
    start, front, backward, interrupted = (score, surprise), _front(typed, drawn, score, surprise), 0, False
    exchange = score.std() / surprise.std().clamp_min(1e-6)
    rates = exchange * torch.logspace(math.log10(low), math.log10(high), population, device=lm.device)
    rows = _best_at(typed, drawn, score, surprise, rates)
    members = drawn[rows], score[rows], surprise[rows]
    try:
        for _ in progress_bar(range(steps), "searching", progress=progress):
            proposed = aim.swap_scores(members[0], rates)[:, :, tokens]
            backward += population
            tried = drawn_swaps(members[0], proposed, tokens, [generator] * population, count=children, top_k=top_k)
            tried = tried.flatten(0, 1).unique(dim=0)
            ids, score, surprise = map(torch.cat, zip(members, (tried, *aim(tried)), strict=True))
            rows = _best_at(typed, ids, score, surprise, rates)
            members = ids[rows], score[rows], surprise[rows]
            front = _front(typed, *map(torch.cat, zip(front, (ids, score, surprise), strict=True)))
    except KeyboardInterrupt:
        interrupted = True
    ids, score, surprise = front
    return FluentPrompts(
        **written(lm, ids),
        objective=aim.name, measure="activation" if aim.target is None else "log-probability",
        score=score, surprise=surprise, random_score=start[0], random_surprise=start[1],
        forward_passes=aim.passes, backward_passes=backward, interrupted=interrupted,
    )  # fmt: skip


def _best_at(typed: Typed, ids: Tensor, score: Tensor, surprise: Tensor, rates: Tensor) -> Int[Tensor, "rates"]:
    """The best text at each weight, of those that can be typed; the best of all where none can."""
    rows = []
    for rate in rates:
        order = (score - rate * surprise).argsort(descending=True).tolist()
        rows.append(next((row for row in order if typed(ids[row])), order[0]))
    return torch.tensor(rows, device=ids.device)


def _front(typed: Typed, ids: Tensor, score: Tensor, surprise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The texts that no other beats in both score and surprise, the least surprising first."""
    kept, best = [], -math.inf
    for row in sorted(range(len(ids)), key=lambda row: (surprise[row].item(), -score[row].item())):
        if score[row] > best and typed(ids[row]):
            best = score[row].item()
            kept.append(row)
    return ids[kept], score[kept], surprise[kept]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class FluentPrompts(Search):
    """The Pareto front of an objective against surprise: one row a text, the least surprising first.

    Attributes:
        token_ids: the texts.
        text: decoded.
        pieces: token by token.
        score: the activation of the unit, or the log-probability of the target; it grows along the front.
        surprise: mean cross-entropy of the text's tokens, in nats; it grows along the front too.
        objective: what was maximised.
        measure: `"activation"` or `"log-probability"`.
        random_score, random_surprise: of the random texts from which the search began.
        forward_passes: texts that went forward through a model.
        backward_passes: texts whose gradient was taken.
        interrupted: whether Ctrl-C or the notebook's stop button cut the search short.
    """

    score: Float[Tensor, "texts"]
    objective: str
    measure: str
    random_score: Float[Tensor, "random"]
    random_surprise: Float[Tensor, "random"]

    def best(self, *, surprise: float = math.inf) -> str:
        """The text with the highest score among those of at most this surprise.

        Raises:
            ValueError: none is as fluent as that (says how fluent the first is).
        """
        fit = (self.surprise <= surprise).nonzero().squeeze(1)
        if not len(fit):
            raise ValueError(f"no text of a surprise ≤ {surprise:g}: the least surprising has {self.surprise[0]:.2f}.")
        return self.text[int(fit[-1])]

    def __repr__(self) -> str:
        if not len(self):
            return f"FluentPrompts: no text for {self.objective!r} that can be typed, {self.passes:,} passes"
        ends = [f"{self.text[row]!r} ({self._said(row)}, surprise {self.surprise[row]:.1f})" for row in (0, -1)]
        return (
            f"FluentPrompts: {len(self)} texts for {self.objective!r}, from {ends[0]} to {ends[1]}; random texts "
            f"{self._measured(self.random_score.median().item())}; {self.passes:,} passes"
            f"{'; interrupted' * self.interrupted}"
        )

    def _repr_html_(self) -> str:
        rows = _spread(len(self), SHOWN)
        measured = [(self._measured(self.score[row].item()), f"{self.surprise[row]:.1f}") for row in rows]
        shown = [(self.pieces[row], True, each) for row, each in zip(rows, measured, strict=True)]
        name = "probability" if self.measure == "log-probability" else self.measure
        return render("prompts.html", line=repr(self), names=[name, "surprise"], rows=shown)

    @styled
    def plot(self) -> DescribedFigure:
        """The front as a curve: score over surprise, with some of its texts."""
        figure, axes = new_axes(4.6)
        white: Any = {"color": "white", "markeredgecolor": PALETTE[1], "markersize": 4}
        axes.plot(self.random_surprise.tolist(), self.random_score.tolist(), "o", label="random texts", **white)
        surprise, score = self.surprise.tolist(), self.score.tolist()
        axes.step(surprise, score, where="post", color=PALETTE[0])
        axes.plot(surprise, score, "o", color=PALETTE[0], label="the front")
        middle = sum(axes.get_xlim()) / 2
        rows = _spread(len(self), LABELLED)
        for number, row in enumerate(rows):  # above and below the curve in turn, so that they do not overlap
            left = surprise[row] < middle
            axes.annotate(
                readable(self.pieces[row]), (surprise[row], score[row]), fontsize="small", textcoords="offset points",
                xytext=(6 if left else -6, (5, -14)[number % 2]), ha="left" if left else "right", parse_math=False,
            )  # fmt: skip
        axes.set(xlabel="surprise, nats a token", ylabel=self.measure)
        axes.set_title(f"{self.objective}: the stronger, the less fluent", loc="left", wrap=True, parse_math=False)
        axes.legend(loc="best")
        listed = "; ".join(f"{self.text[row]!r} {self._said(row)}, surprise {surprise[row]:.1f}" for row in rows)
        return DescribedFigure(figure, alt=f"Front of {self.measure} against surprise for {self.objective}: {listed}.")

    def _said(self, row: int) -> str:
        name = "probability" if self.measure == "log-probability" else self.measure
        return f"{name} {self._measured(self.score[row].item())}"

    def _measured(self, score: float) -> str:
        return as_probability(math.exp(score)) if self.measure == "log-probability" else f"{score:.2f}"


def _spread(count: int, most: int) -> list[int]:
    """At most so many of `count` rows, evenly, first and last among them."""
    return torch.linspace(0, count - 1, min(count, most)).round().long().tolist() if count else []


# ------------------------------------------------------------------ the sentences of a corpus


@dataclass(frozen=True, eq=False, repr=False)
class TopSentences:
    """The sentences of a corpus that excite a unit most, strongest first.

    Attributes:
        sentences: the texts.
        score: the unit's activation at the token where it is strongest.
        at: that token's place in the sentence.
        pieces: the sentences token by token.
        median: of the strongest activations of all sentences of the corpus.
        unit: what was read.
        of: how many sentences the corpus has.
    """

    sentences: list[str]
    score: Float[Tensor, "sentences"]
    at: Int[Tensor, "sentences"]
    pieces: list[list[str]]
    median: float
    unit: str
    of: int

    def __repr__(self) -> str:
        first = f"{self.sentences[0]!r} at {self.pieces[0][self.at[0]]!r} ({self.score[0]:.2f})"
        return f"TopSentences for {self.unit!r}: {first}; median of {self.of:,} sentences {self.median:.2f}"

    def _repr_html_(self) -> str:
        rows = [
            ("".join(row[:at]), row[at], "".join(row[at + 1 :]), f"{score:.2f}")
            for row, at, score in zip(self.pieces, self.at.tolist(), self.score.tolist(), strict=True)
        ]
        return render("sentences.html", line=repr(self), rows=rows)


@torch.no_grad()
def top_sentences(
    lm: LanguageModel,
    unit: str | Objective,
    sentences: Sequence[str],
    *,
    k: int = 8,
    batch_size: int = 32,
    progress: bool | None = None,
) -> TopSentences:
    """The sentences that excite a unit most, each by the token at which it is strongest.

    Args:
        lm: the language model.
        unit: as of `fluent_prompts`: a channel of a layer, or an objective that reads layers alone.
        sentences: the corpus; what is longer than the context is cut off.
        k: sentences that are returned, at most.
        batch_size: sentences that the model reads at once.
        progress: True shows a bar, False none, None one for work of over a second.

    Returns:
        The strongest. A sentence's first token does not count where nothing stands before it: many models keep extreme
        activations there, whatever it is.

    Raises:
        ValueError: no sentences, one of them empty, a layer or unit that does not exist (offers close names), or a text
            where a unit belongs.
    """
    check_settings(k=k, batch_size=batch_size)
    aim = parse(unit) if isinstance(unit, str) else unit
    if not aim.layers:
        raise ValueError(f"unit={unit!r} reads no layer, expected one such as 'model.layers.12:37'.")
    if not len(sentences) or not all(each.strip() for each in sentences):
        raise ValueError(f"{len(sentences)} sentences given, expected at least one, and none of them empty.")
    start, most = len(lm.prefix), lm.context - len(lm.prefix)
    rows = [lm.tokens(each)[:most] for each in sentences]
    forward = record(_LastPlace(lm), aim.layers)
    order = sorted(range(len(rows)), key=lambda row: len(rows[row]))  # little is padded where lengths are alike

    def read(part: Sequence[int], *, progress: bool | None) -> list[tuple[float, int, int]]:
        longest = max(len(rows[row]) for row in part)
        # Filled up on the right: a causal model does not look there.
        ids = torch.tensor([rows[row] + [0] * (longest - len(rows[row])) for row in part], device=lm.device)
        layers = {name: each[:, start:].flatten(0, 1) for name, each in forward(ids).layers.items()}
        nothing = torch.empty(ids.numel(), 0, device=lm.device)
        score = aim(Outputs(nothing, layers, lm.model, None, ids.numel())).view(ids.shape)
        found = []
        for row, values in zip(part, score, strict=True):
            first = 1 if not start and len(rows[row]) > 1 else 0
            value, at = values[first : len(rows[row])].max(0)
            found.append((value.item(), first + int(at), row))
        return found

    chunks = [order[first : first + batch_size] for first in range(0, len(order), batch_size)]
    parts, _ = run_chunks(read, chunks, "reading", progress=progress)
    every = sorted((each for part in parts for each in part), reverse=True)
    best = every[:k]
    return TopSentences(
        sentences=[sentences[row] for _, _, row in best],
        score=torch.tensor([value for value, _, _ in best]),
        at=torch.tensor([at for _, at, _ in best]),
        pieces=[[lm.piece(token) for token in rows[row]] for _, _, row in best],
        median=every[len(every) // 2][0],
        unit=unit if isinstance(unit, str) else repr(unit),
        of=len(every),
    )


class _LastPlace(FromEmbeddings):
    """A language model that takes token ids, for the layers on the way."""

    def forward(self, ids: Tensor) -> Tensor:
        return self.along(ids)[:, -1]
