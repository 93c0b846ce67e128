"""A table of words by targets, counted in a text: small enough to be shipped where the text is not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from course_utils.language.log_odds import log_odds
from course_utils.language.word_scores import WordScores
from course_utils.messages import unknown


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class TextScores(WordScores):
    """Words of a text with how strongly they are associated with a target; `counts` are places of the target."""

    counted_in: ClassVar[str] = "places"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class TextAssociations:
    """How often each word stands shortly before each target in a text.

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
        if target not in self.targets:
            raise ValueError(unknown("target", target, self.targets))
        row = self.targets.index(target)
        here, elsewhere = self.counts[row], self.counts.sum(0) - self.counts[row]
        prior = float(here.sum())
        scores = log_odds(here.float(), elsewhere.float(), prior)
        order = scores.z.argsort(descending=True, stable=True)
        return TextScores(
            words=[self.words[column] for column in order.tolist()],
            z=scores.z[order],
            log_odds=scores.value[order],
            deviation=scores.deviation[order],
            counts=here[order],
            background_counts=elsewhere[order],
            critical=float(self.critical[row]),
            level=self.level,
            prior=prior,
            target=target,
        )

    def save(self, path: Path) -> None:
        """Writes the table as safetensors: no count is larger than a 16-bit number holds."""
        tensors = {"counts": self.counts.to(torch.uint16)}
        tensors |= {name: getattr(self, name).contiguous() for name in ("places", "found", "critical")}
        about = {name: getattr(self, name) for name in ("targets", "words", "level", "before")}
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, path, metadata={"text_associations": json.dumps(about, separators=(",", ":"))})

    @classmethod
    def load(cls, path: Path) -> TextAssociations:
        """Reads what `save` has written.

        Raises:
            FileNotFoundError: no such file.
            ValueError: another file, or a damaged one.
        """
        if not path.exists():
            raise FileNotFoundError(f"there is no table of associations {path}; TextAssociations.save writes one.")
        try:
            with safe_open(path, "pt") as file:
                about = json.loads((file.metadata() or {})["text_associations"])
                kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, KeyError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} was not written by TextAssociations.save, or is damaged ({error!r}).") from None
        return cls(**about, **(kept | {"counts": kept["counts"].long()}))

    def __repr__(self) -> str:
        return (
            f"TextAssociations: {len(self.words):,} words in the {self.before} words before {len(self.targets)} "
            f"targets ({', '.join(self.targets)}), {int(self.places.sum()):,} places"
        )
