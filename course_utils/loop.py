"""Gradient ascent on what a model sees: the one loop on which the course is built.

Each step the canvas renders what the model sees, one forward pass gives the logits and the layers asked for,
the objective and the priors make one score of them for each sample, and the optimiser moves the canvas up
that score:

    score = objective(outputs) − Σ prior(canvas.variable())        bigger is better, everywhere

Attacks, feature visualisation, prototypes, feature isolation and prompt search differ in canvas, objective,
priors and transforms, and in nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_utils import validation
from course_utils.activations import Outputs, record
from course_utils.canvas import Canvas
from course_utils.canvas.given import NORMS, Norm
from course_utils.utils import progress_bar, sample_generators

OnStep = Callable[[int, Tensor, Outputs, Tensor], object]
ADAM = partial(torch.optim.Adam, lr=0.05, fused=True)  # for canvases whose numbers are of the size of one


@validation.with_checked_kinds
@torch.inference_mode(False)
@torch.enable_grad()
def optimize(
    model: nn.Module,
    canvas: Canvas,
    objective: Callable[[Outputs], Tensor],
    *,
    priors: Sequence[Callable[[Tensor], Tensor]] = (),
    transforms: Sequence[Callable[[Tensor, list[torch.Generator]], Tensor]] = (),
    steps: int,
    optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer] = ADAM,
    seed: int = 0,
    indices: Sequence[int] | None = None,
    on_step: Callable[[int, Tensor, Outputs, Tensor], object] | None = None,
    stop_at: float | None = None,
    confidence: Callable[[Outputs], Tensor] | None = None,
    evaluate_every: int = 10,
    progress: bool | None = None,
) -> Result:
    """Gradient ascent on a canvas: the score of each of its samples grows, and the best of each is kept.

    The batch is many independent optimisations: a sample that is done leaves it and costs nothing more. On a
    CPU the same call gives the same bits; other batch sizes and GPUs agree as far as floating point allows.

    Args:
        model: returns logits, (batch, classes). Used in eval mode without weight gradients, and left as
            found.
        canvas: what is changed, in place; in the end it holds the best.
        objective: outputs -> score, (batch,), bigger is better.
        priors: each maps `canvas.variable()` to a penalty, (batch,), which is subtracted from the score.
        transforms: each maps what the canvas renders, and a list of one random generator a sample, to what
            the model sees.
        steps: at least 1.
        optimizer: makes a `torch.optim` optimiser of the canvas's parameters; one that needs no closure.
        seed: of the transforms' random draws; sample i draws the same whatever the batch's size.
        indices: the samples' numbers where they are part of something larger, for their random draws and for
            messages; 0 … batch - 1 if None.
        on_step: called as on_step(step, x, outputs, score) before each step, and with step == steps after the
            last one; x is what the canvas renders, for the samples `outputs.samples`.
        stop_at: confidence in (0, 1] at which a sample is done.
        confidence: outputs -> confidence in [0, 1], (batch,), 0 where the aim is missed. If None, and
            `stop_at` is given, the objective's own.
        evaluate_every: steps between clean evaluations where there are transforms, or the canvas works from coarse
            to fine; else each step is one.
        progress: True shows a bar, False none, None one for work of over a second.

    Returns:
        The best state of each sample among those evaluated cleanly (without transforms; the last one always
        is): first by whether the aim is reached, where a confidence says so, then by score. After an
        interrupt: the best so far.

    Raises:
        ValueError: steps, stop_at or evaluate_every out of range; a score or penalty that is not one number a
            sample.
        RuntimeError: no gradient reaches the canvas; a `ZeroGradientError` if all are zero at the first step.
        FloatingPointError: a score or gradient that is not finite.

    Source: objectives, parameterisations and transforms as in lucid (Olah et al. 2017); the projection after
    each step as in Madry et al. 2018. Neither ranks by clean evaluations nor lets samples finish one by one.
    """
    validation.check_settings(stop_at=stop_at, steps=steps, evaluate_every=evaluate_every)
    if stop_at is not None and confidence is None:
        confidence = getattr(objective, "confidence", None)
        if confidence is None:
            raise ValueError(f"stop_at given, but {objective!r} has no confidence: give optimize a confidence=….")
    forward = record(model, getattr(objective, "layers", ()))
    parameters, batch = list(canvas.parameters()), len(canvas)
    rule, taken = optimizer(parameters), torch.zeros(batch, dtype=torch.long)
    names = range(batch) if indices is None else indices
    if len(names) != batch:
        raise ValueError(f"{len(names)} indices given, expected {batch}: one for each sample.")
    generators = sample_generators(seed, names, "transforms") if transforms else []
    active = torch.arange(batch, device=parameters[0].device)  # the samples that are not done: only they are computed
    best, scale = Best(), validation.gradient_scale(model)
    apart = bool(transforms) or canvas.coarse_to_fine  # whether a step sees something else than what the canvas is

    def evaluate(transforms: Sequence[Callable[..., Tensor]] = ()) -> tuple[Tensor, Outputs, Tensor]:
        with validation.full_precision():
            rendered = canvas.render()
            variable = canvas.variable(rendered.clone()) if priors else rendered  # a clone: models may work in place
            x = seen = rendered if len(active) == batch else rendered[active]
            for transform in transforms:
                seen = transform(seen, [generators[i] for i in active.tolist()])
        outputs = forward(seen, samples=active, batch=batch)  # under the autocast that is around, if any
        with validation.full_precision():
            score = validation.one_each(objective(outputs), len(active), objective)
            validation.check_flow(score)
            for prior in priors:
                score = score - validation.one_each(prior(variable), batch, prior)[active]
        return x.detach(), outputs, score

    @torch.no_grad()
    def update(step: int, outputs: Outputs, score: Tensor) -> Tensor | slice:
        """After a clean evaluation: keep the best, and let go of those that are done; positions of those that stay."""
        nonlocal active
        sure = (
            validation.one_each(confidence(outputs), len(active), confidence) if confidence else torch.zeros_like(score)
        )
        done = None if stop_at is None else sure >= stop_at
        now = {f"parameter {i}": each if len(active) == batch else each[active] for i, each in enumerate(parameters)}
        best.update(active, score, sure, done, logits=outputs.logits, best_step=torch.full_like(active, step), **now)
        if done is None:
            return slice(None)
        staying = (~done).nonzero().squeeze(1)
        active = active[staying]
        return staying

    @torch.no_grad()
    def restore(samples: Tensor | slice) -> None:
        for i, parameter in enumerate(parameters):
            parameter[samples] = best.rows[f"parameter {i}"][samples]

    def evaluate_cleanly(step: int) -> None:
        canvas.advance(1)
        with torch.no_grad():
            x, outputs, score = evaluate()
        update(step, outputs, score)
        if on_step and step == steps:
            on_step(step, x, outputs, score)

    interrupted = False
    with validation.as_found(model):
        try:
            for step in progress_bar(range(steps), "optimising", progress=progress):
                if apart and step % evaluate_every == 0:
                    evaluate_cleanly(step)
                    if not len(active):
                        break
                canvas.advance(step / steps)
                x, outputs, score = evaluate(transforms)
                rising = score
                if not apart:  # then this pass is a clean evaluation, and costs nothing more
                    rising = score[update(step, outputs, score)]
                if on_step:
                    on_step(step, x, outputs, score)
                if not len(active):
                    break
                rule.zero_grad()
                (-scale * rising.sum()).backward()  # `inputs=` would be refused by reentrant checkpoints
                for parameter in parameters if scale != 1 else ():
                    if parameter.grad is not None:
                        parameter.grad /= scale
                with validation.float16_said(model):
                    validation.check_gradients(parameters, rising, step, active, names)
                rule.step()
                canvas.project()
                if len(active) < batch:  # momentum must not move samples that are done
                    done = torch.ones(batch, dtype=torch.bool, device=active.device)
                    done[active] = False
                    restore(done)
                taken[active.cpu()] += 1
            else:
                evaluate_cleanly(steps)
        except KeyboardInterrupt:
            if not best.rows:
                raise
            interrupted = True
        rule.zero_grad()
        restore(slice(None))
        canvas.advance(1)
        x = canvas.render().detach()
    numbers = {name: best.rows[name] for name in ("score", "logits", "best_step")}
    return Result(x, canvas, taken, interrupted, **numbers, confidence=best.rows["confidence"] if confidence else None)


@dataclass(frozen=True, eq=False)
class Result:
    """The best state of each sample, and the numbers of the clean evaluation that found it.

    Attributes:
        x: what the canvas renders, (batch, …).
        canvas: the canvas itself, holding the best.
        steps: gradient steps that each sample took, (batch,).
        interrupted: whether the run was cut short by Ctrl-C or the notebook's stop button.
        score: objective minus penalties, (batch,).
        confidence: in [0, 1], 0 where the aim is missed, (batch,); None where nothing says what the aim is.
        logits: of the model, (batch, classes).
        best_step: the step before which the best was seen, (batch,); the run's `steps` if after the last.
    """

    x: Float[Tensor, "batch ..."]
    canvas: Canvas
    steps: Int[Tensor, "batch"]
    interrupted: bool
    score: Float[Tensor, "batch"]
    logits: Float[Tensor, "batch classes"]
    best_step: Int[Tensor, "batch"]
    confidence: Float[Tensor, "batch"] | None = None

    def __repr__(self) -> str:
        count = len(self.score)
        reached = "" if self.confidence is None else f", aim reached by {int((self.confidence > 0).sum())}"
        return (
            f"Result of {count} sample{'s' * (count != 1)}{reached}, median score {self.score.median():.4g}, "
            f"up to {self.steps.max()} steps{', interrupted' * self.interrupted}"
        )


class Best:
    """The best state of each sample, of all that were evaluated.

    A sample that reaches its aim (confidence above 0) ranks above all that miss it, else the score decides:
    the score alone could drop a success, since pushing a label down further may let it win again.

    Attributes:
        rows: the best by name, one row a sample; empty until something was evaluated.
    """

    def __init__(self) -> None:
        self.rows: dict[str, Tensor] = {}

    @torch.no_grad()
    def update(
        self,
        samples: Int[Tensor, "some"],
        score: Float[Tensor, "some"],
        confidence: Float[Tensor, "some"],
        final: Bool[Tensor, "some"] | None = None,
        **state: Float[Tensor, "some ..."] | Int[Tensor, "some ..."],
    ) -> None:
        """Keep what is better than before of some samples; all of them come the first time.

        Args:
            samples: which these are.
            final: the samples of which this state is kept even if it is not better.
            state: what is kept beside score and confidence, by name.
        """
        better = torch.ones_like(score, dtype=torch.bool)
        if self.rows:
            before, had = self.rows["score"][samples], self.rows["confidence"][samples] > 0
            reached = confidence > 0
            better = (reached & ~had) | ((reached == had) & (score > before))
        if final is not None:
            better |= final
        chosen = better.nonzero().squeeze(1)
        where = samples[chosen]
        rows = {name: each[chosen] for name, each in {"score": score, "confidence": confidence, **state}.items()}
        # A new dictionary, assigned at once: an interrupt finds all of the old one or all of the new one.
        if self.rows and len(where) < len(self.rows["score"]):
            rows = {name: self.rows[name].index_put((where,), new) for name, new in rows.items()}
        self.rows = rows


class SteepestStep(torch.optim.Optimizer):
    """Moves each sample by `lr` in a norm, along the change of length one that follows its gradient best.

    Args:
        params: the samples along their first axis.
        lr: the step's length.
        norm: `SignStep` and `NormalizedStep` have theirs.

    Raises:
        ValueError: a step of no length.
    """

    norm: Norm

    def __init__(self, params: Iterable[Tensor], lr: float, norm: Norm | None = None) -> None:
        if not 0 < lr < 1e9:
            raise ValueError(f"lr={lr} given, expected a step size above 0, such as lr=2/255.")
        super().__init__(params, {"lr": lr})
        self.norm = norm or self.norm

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient by one step."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.sub_(self.norm.normalise(parameter.grad), alpha=group["lr"])


class SignStep(SteepestStep):
    """Moves every number by `lr` along the sign of its gradient: steepest ascent in the Linf norm.

    Source: Goodfellow et al. 2015 (fast gradient sign method); Madry et al. 2018 (its iteration).
    """

    norm = NORMS["linf"]


class NormalizedStep(SteepestStep):
    """Moves every sample by `lr` in the L2 norm along its gradient; a sample whose gradient is zero stays.

    Source: Madry et al. 2018, section 4 (steepest ascent in the L2 norm).
    """

    norm = NORMS["l2"]


class AnnealedAdam(torch.optim.Adam):
    """Adam whose step size rises for ten steps and then falls along a cosine, to a twentieth at the end of the run.

    Source: Loshchilov & Hutter 2017 (cosine annealing).
    """

    WARM_UP, LAST = 10, 0.05

    def __init__(self, params: Any, lr: float, steps: int) -> None:
        super().__init__(params, lr=lr, fused=True)
        self.peak, self.steps, self.taken = lr, steps, 0

    def step(self, closure: Any = None) -> Any:
        along = 0.5 * (1 + math.cos(math.pi * self.taken / self.steps))
        for group in self.param_groups:
            group["lr"] = self.peak * (self.LAST + (1 - self.LAST) * along) * min(1, (self.taken + 1) / self.WARM_UP)
        self.taken += 1
        return super().step(closure)


__all__ = ["AnnealedAdam", "Best", "NormalizedStep", "Result", "SignStep", "SteepestStep", "optimize"]
