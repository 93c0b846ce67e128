"""Associations of a target, asked for directly: how probable is it after one word alone?

A word's effect is measured against the same model with shuffled weights, which has learned nothing. Words that do
something only together with others are found by a search for prompts (`course_utils.language.associations`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.figures.style import render
from course_utils.language.targets import Scorer, as_target
from course_utils.models.language_model import LanguageModel
from course_utils.models.randomized import shuffled
from course_utils.utils import expanded, progress_bar
from course_utils.validation import unknown

LISTED = 8  # words of each target in a table


@torch.no_grad()
def direct_associations(
    lm: LanguageModel,
    targets: Sequence[str],
    words: Sequence[str],
    *,
    controls: int = 2,
    level: float = 0.95,
    seed: int = 0,
    progress: bool | None = None,
) -> DirectAssociations:
    """Associations asked for directly: by how much each word, alone as a prompt, raises each target's log-probability.

    Each word is one prompt, and one pass answers for all targets. The log-probabilities are centred: over the targets,
    since some words raise all of them, and over the words, since some targets are more probable than others. Of a
    thousand words one does most, whatever the model has learned: as a control the same is asked of copies with
    shuffled weights, where every target gives a cloud of words that mean nothing.

    Args:
        lm: the language model.
        targets: at least two texts of one or several tokens, mostly with a leading space (`" girl"`).
        words: at least two texts as they stand in a prompt (`" doll"`); those that are a target are left out.
        controls: copies with shuffled weights, at least 1.
        level: 1 minus the share of control clouds in which any word at all may exceed the critical effect.
        seed: of the copies.
        progress: as `optimize_prompts`.

    Raises:
        ValueError: fewer than two targets or words, settings out of range, a target or word without a token.
    """
    if controls < 1 or not 0 < level < 1:
        raise ValueError(f"{controls=} and {level=} given, expected at least 1 copy and a level between 0 and 1.")
    names = [str(target).strip() for target in targets]
    asked = list(dict.fromkeys(word for word in words if word.strip().casefold() not in {n.casefold() for n in names}))
    if len(set(names)) < 2 or len(asked) < 2:
        raise ValueError(f"{len(set(names))} targets and {len(asked)} other words given, expected at least 2 of each.")
    models = [lm] + [shuffled(lm, seed=seed + number) for number in range(controls)]
    reached = [_log_probability(m, targets, asked) for m in progress_bar(models, "asking", progress=progress)]
    highest = torch.cat([_centred(each).amax(0) for each in reached[1:]])
    exceeded = floor((1 - level) * (1 + len(highest)) + 1e-9)  # by chance, in at most so many clouds
    return DirectAssociations(
        words=[word.strip() for word in asked], targets=names, log_probability=reached[0], effect=_centred(reached[0]),
        null=highest, critical=float(highest.sort(descending=True).values[max(0, exceeded - 1)]), level=level,
        forward_passes=len(models) * len(asked),
    )  # fmt: skip


def _log_probability(lm: LanguageModel, targets: Sequence[str], words: Sequence[str]) -> Float[Tensor, "words targets"]:
    """The log-probability of each target after each word."""
    wanted, encoded = [as_target(lm, target) for target in targets], [lm.tokens(word) for word in words]
    single = torch.tensor([int(each.ids[0]) for each in wanted], device=lm.device)
    scorers = {column: Scorer(lm, each) for column, each in enumerate(wanted) if len(each.ids) > 1}
    at_once, found = Scorer(lm, wanted[0]).batch, torch.zeros(len(words), len(wanted))
    for length in sorted({len(ids) for ids in encoded}):
        rows = torch.tensor([row for row, ids in enumerate(encoded) if len(ids) == length])
        for part in rows.split(at_once):
            prompts = torch.tensor([encoded[row] for row in part.tolist()], device=lm.device)
            found[part] = lm.logits(prompts).log_softmax(1)[:, single].cpu()
            for column, scorer in scorers.items():
                found[part, column] = scorer(prompts).cpu()
    return found


def _centred(log_probability: Float[Tensor, "words targets"]) -> Float[Tensor, "words targets"]:
    over_targets = log_probability - log_probability.mean(1, keepdim=True)
    return over_targets - over_targets.mean(0)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class DirectAssociations:
    """Words with what each, alone as a prompt, does to the log-probability of several targets.

    Attributes:
        words: without the spaces around them.
        targets: likewise.
        log_probability: of the target after the word, in nats.
        effect: the same, centred over targets and over words: nats by which the word favours the target.
        null: the largest effect of any word in each control cloud.
        critical: the effect that any word exceeds in at most 1 - `level` of the control clouds.
        level: as given.
        forward_passes: prompts that went through the model and its copies.
    """

    words: list[str]
    targets: list[str]
    log_probability: Float[Tensor, "words targets"]
    effect: Float[Tensor, "words targets"]
    null: Float[Tensor, "clouds"]
    critical: float
    level: float
    forward_passes: int

    def scores(self, target: str) -> dict[str, float]:
        """Each word's effect on a target, in nats, the strongest first.

        Raises:
            ValueError: a target that was not asked about (offers close ones).
        """
        if target.strip() not in self.targets:
            raise ValueError(unknown("target", target, self.targets))
        effect = self.effect[:, self.targets.index(target.strip())]
        return {self.words[row]: effect[row].item() for row in effect.argsort(descending=True).tolist()}

    def top(self, target: str, n: int = 10) -> list[str]:
        """The `n` words with the largest effect on a target."""
        return list(self.scores(target))[:n]

    def survivors(self, target: str) -> list[str]:
        """The words whose effect on a target exceeds what shuffled weights reach, the strongest first."""
        return [word for word, effect in self.scores(target).items() if effect > self.critical]

    def save(self, path: str | Path) -> None:
        """Writes it as JSON, effects to a hundredth of a nat."""
        about = {name: getattr(self, name) for name in ("words", "targets", "critical", "level", "forward_passes")}
        numbers = {name: getattr(self, name).double() for name in ("log_probability", "effect", "null")}
        rounded = {name: [round(x, 2) for x in each.flatten().tolist()] for name, each in numbers.items()}
        expanded(path).write_text(json.dumps(about | rounded) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> DirectAssociations:
        """Reads what `save` wrote.

        Raises:
            ValueError: another file.
        """
        try:
            about = json.loads(expanded(path).read_text(encoding="utf-8"))
            shape = (len(about["words"]), len(about["targets"]))
            for name in ("log_probability", "effect"):
                about[name] = torch.tensor(about[name]).reshape(shape)
            return cls(**about | {"null": torch.tensor(about["null"])})
        except (json.JSONDecodeError, KeyError, TypeError, RuntimeError) as error:
            raise ValueError(f"{path} was not written by DirectAssociations.save, or is damaged ({error!r}).") from None

    def __repr__(self) -> str:
        found = [f"{target} {len(self.survivors(target))}" for target in self.targets[:5]]
        return (
            f"direct associations: {len(self.words):,} words asked about {len(self.targets)} targets; above what "
            f"shuffled weights reach ({self.critical:.1f} nats): {', '.join(found)}{' …' * (len(self.targets) > 5)}"
        )

    def _repr_html_(self) -> str:
        rows = []
        for target in self.targets:
            words = list(self.scores(target).items())[:LISTED]
            listed = [(effect > self.critical, f"{word} {effect:+.1f}") for word, effect in words]
            rows.append([[(False, target)], listed, [(False, str(len(self.survivors(target))))]])
        names = ["target", "the words that favour it most, in nats (bold: above shuffled weights)", "above"]
        return render("words.html", line=repr(self), names=names, rows=rows)
