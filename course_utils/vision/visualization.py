"""What feature visualisation gives back, and the film of how it got there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.activations import Outputs

OnStep = Callable[[int, Tensor, Outputs, Tensor], object]


@dataclass(frozen=True, eq=False, repr=False)
class Visualization:
    """Pictures, and how strongly what they were made for answers to them; one row a picture.

    Attributes:
        images: in [0, 1].
        activation: of each picture's objective, without transforms and without penalties.
        objectives: what each picture was made for, in words.
        dead: numbers of the pictures whose units no start woke: they say nothing about them.
        frames: pictures on the way, (frames, batch, channels, height, width); empty unless asked for.
        frame_steps: the steps before which the frames were taken.
        interrupted: whether Ctrl-C or the notebook's stop button cut it short.
    """

    images: Float[Tensor, "batch channels height width"]
    activation: Float[Tensor, "batch"]
    objectives: list[str]
    dead: list[int]
    frames: Tensor
    frame_steps: list[int]
    interrupted: bool

    def plot(self, *, columns: int | None = None, titles: Sequence[str] | None = None) -> Any:
        """A contact sheet, each picture under what it was made for and the activation that it reaches."""
        from course_utils.show.figures import show_images  # here, because it imports matplotlib

        if titles is None:
            titles = [f"{n} ({a:.3g})" for n, a in zip(self.objectives, self.activation.tolist(), strict=True)]
        named = ", ".join(dict.fromkeys(self.objectives[:12])) + (" and more" if len(self) > 12 else "")
        return show_images(self.images, titles, columns=columns, alt=f"What answers most to {named}.")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        low, high = (value.item() for value in self.activation.aminmax())
        dead = f", {len(self.dead)} dead" if self.dead else ""
        cut = "; interrupted" if self.interrupted else ""
        pictures = f"{len(self)} picture{'s' * (len(self) != 1)}"
        return f"Visualization of {pictures}, activation {low:.3g} to {high:.3g}{dead}{cut}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.plot()._repr_html_()}"


class Film:
    """Keeps pictures at some steps of a run, chunk by chunk.

    Args:
        frames: how many, spread evenly from the start to the end; or the steps before which.
        steps: of the run.

    Raises:
        ValueError: fewer than 0 frames, or a step outside the run.
    """

    def __init__(self, frames: int | Sequence[int], steps: int) -> None:
        if isinstance(frames, int):
            if frames < 0:
                raise ValueError(f"frames={frames} given, expected at least 0.")
            frames = torch.linspace(0, steps, frames).round().int().unique().tolist() if frames else []
        if any(not 0 <= step <= steps for step in frames):
            raise ValueError(f"frames before steps {list(frames)} asked for, but the run has steps 0 to {steps}.")
        self._taken: dict[int, list[Tensor]] = {step: [] for step in frames}
        self._chunks = 0

    def and_(self, on_step: OnStep | None) -> OnStep:
        """A function for `optimize` that keeps the frames, and calls the reader's own."""

        also = on_step or (lambda *_: None)

        def both(step: int, x: Tensor, outputs: Outputs, score: Tensor) -> None:
            if step in self._taken:
                self._taken[step].append(x.detach().cpu().clone())
            also(step, x, outputs, score)

        return both

    def finish(self, images: Tensor) -> None:
        """A chunk is done; at the steps that it never took, because none of its pictures could move, it stood still."""
        self._chunks += 1
        for chunks in self._taken.values():
            if len(chunks) < self._chunks:
                chunks.append(images.detach().cpu().clone())

    def frames(self, pictures: int) -> tuple[Tensor, list[int]]:
        """(frames, pictures, channels, height, width), and their steps; of an interrupted run those that all have."""
        taken = {step: torch.cat(chunks) for step, chunks in self._taken.items() if chunks}
        whole = {step: frame for step, frame in taken.items() if len(frame) == pictures}
        return torch.stack(list(whole.values())) if whole else torch.empty(0), list(whole)
