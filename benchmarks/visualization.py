"""Our feature visualisation beside lucent 0.1.8, and what a step costs: python benchmarks/visualization.py

The environment is that of benchmarks/README.md, `.venv-bench`. Everybody makes a 64x64 picture of each class of
`pocket` in 128 steps of Adam at 0.05, on Fourier coefficients. The rows take turns; figures are medians over the
rounds. No shims: lucent 0.1.8 with its kornia 0.4.1 runs as it is. It is told `preprocess=False` (the classifier
normalises by itself) and `fixed_image_size=64` (the net takes nothing else; lucent resizes what its transforms leave).
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from course_utils import Classifier, load_classifier
from course_utils.canvas import FourierCanvas
from course_utils.loop import optimize
from course_utils.objectives import Logit
from course_utils.randomness import sample_generators
from course_utils.transforms import jitter, merged, pad, rotate, scale, standard
from course_utils.vision import high_frequency_share, visualize
from course_utils.vision.feature_visualization import STANDARD_PRIORS

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # kornia 0.4.1 calls torch.jit.script
    from lucent.optvis import objectives, param, render

SIZE, BATCHES = 64, (8, 16, 64)
# lucent's standard set (its jitter draws 0 … 7 and 0 … 3 pixels), as far as ours goes: there all pictures of a batch
# share one draw, and the picture lies on a larger grey sheet that is resized at the end, here it is resized at once.
LIKE_LUCENT = [pad(12), jitter(3), rotate(10), scale(0.9, 1.1), jitter(1)]

Seconds = dict[str, list[float]]


def by_lucent(classifier: Classifier, objective: object, batch: int, steps: int) -> Tensor:
    pictures = render.render_vis(
        classifier, objective, lambda: param.image(SIZE, batch=batch), thresholds=(steps,),
        preprocess=False, fixed_image_size=SIZE, show_image=False, progress=False,
    )  # fmt: skip
    return torch.from_numpy(pictures[-1]).permute(0, 3, 1, 2)


def one_at_a_time(classifier: Classifier, steps: int) -> Tensor:
    return torch.cat([by_lucent(classifier, f"labels:{i}", 1, steps) for i in range(len(classifier.classes))])


def in_a_batch(classifier: Classifier, steps: int) -> Tensor:
    classes = range(len(classifier.classes))
    wanted = objectives.Objective.sum([objectives.channel("labels", i, batch=i) for i in classes])
    return by_lucent(classifier, wanted, len(classes), steps)


def frozen(classifier: Classifier, steps: int) -> Tensor:
    return in_a_batch(classifier.requires_grad_(False), steps)


def ours(classifier: Classifier, steps: int, **options) -> Tensor:
    wanted = [f"logits:{name}" for name in classifier.classes]
    return visualize(classifier, wanted, steps=steps, progress=False, **options).images


def ours_like_lucent(classifier: Classifier, steps: int) -> Tensor:
    canvas = FourierCanvas(len(classifier.classes), SIZE)  # in ImageNet's colours
    canvas.amplitudes *= 0.5  # lucent divides its pictures by 4, we by 2
    return ours(classifier, steps, canvas=canvas, transforms=LIKE_LUCENT, priors=())


WAYS: dict[str, Callable[[Classifier, int], Tensor]] = {
    "lucent, one at a time": one_at_a_time,
    "lucent, one batch": in_a_batch,
    "lucent, one batch, weights frozen": frozen,
    "ours, default": ours,
    "ours, like lucent, no prior": ours_like_lucent,
}


def speed_and_quality_table(steps: int, rounds: int) -> None:
    """Pictures a second; the logit that each picture reaches by itself; the share of its energy above half Nyquist."""
    pocket, pictures = load_classifier("pocket"), {}
    seconds: Seconds = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, way in WAYS.items():
            net = copy.deepcopy(pocket)  # lucent leaves its hooks on
            torch.manual_seed(0)
            seconds[name].append(timed(partial(way, net, steps), into=pictures, name=name))
    print(
        "| way | pictures a second | default over this | like lucent over this | logit: mean, least "
        "| energy above half Nyquist |\n|---|---|---|---|---|---|"
    )
    for name in WAYS:
        rate = spread([len(pocket.classes) / each for each in seconds[name]])
        ratios = [spread([b / a for a, b in zip(seconds[mine], seconds[name], strict=True)]) for mine in list(WAYS)[3:]]
        reached = pocket.predict(pictures[name].clamp(0, 1)).logits.diagonal()
        fine = high_frequency_share(pictures[name]).mean().item()
        print(f"| {name} | {rate} | {' | '.join(ratios)} | {reached.mean():.1f}, {reached.min():.1f} | {fine:.1%} |")


def cost_table(name: str, rounds: int, steps: int = 100) -> None:
    """A step of `optimize` with the default recipe over a bare pass, and the parts of it, each over the bare pass too.

    The parts are timed by themselves, forward and backward; an evaluation is one pass in ten.
    """
    classifier, heads = load_classifier(name).requires_grad_(False), None
    for batch in BATCHES:
        work = {
            "bare, ms": bare(classifier, batch),
            "step": whole(classifier, batch, steps),
            **parts(classifier, batch),
        }
        seconds: Seconds = {part: [] for part in work}
        for _ in range(rounds):
            for part, run in work.items():
                repeat = steps if part != "step" else 1
                seconds[part].append(timed(lambda run=run, repeat=repeat: [run() for _ in range(repeat)]) / steps)
        if heads is None:
            heads = " | ".join(work)
            print(f"\n{name}\n\n| pictures | {heads} |\n|---" + "|---" * len(work) + "|")
        plain = seconds.pop("bare, ms")
        ratios = [spread([a / b for a, b in zip(each, plain, strict=True)]) for each in seconds.values()]
        print(f"| {batch} | {statistics.median(plain) * 1000:.1f} | {' | '.join(ratios)} |", flush=True)


def bare(classifier: Classifier, batch: int) -> Callable[[], object]:
    """The passes through the model that no ascent can do without."""
    images, aim = torch.rand(batch, 3, *classifier.size), targets(classifier, batch)[:, None]
    return lambda: there_and_back(lambda x: classifier(x).gather(1, aim), images)


def whole(classifier: Classifier, batch: int, steps: int) -> Callable[[], object]:
    canvas, aim = FourierCanvas(batch, classifier.size), Logit(targets(classifier, batch))
    moves = merged(standard(classifier.size))
    return lambda: optimize(
        classifier, canvas, aim, priors=STANDARD_PRIORS, transforms=moves, steps=steps, progress=False
    )


def parts(classifier: Classifier, batch: int) -> dict[str, Callable[[], object]]:
    canvas, images = FourierCanvas(batch, classifier.size), torch.rand(batch, 3, *classifier.size)
    canvas.spectrum.grad = torch.randn_like(canvas.spectrum)
    adam = torch.optim.Adam(canvas.parameters(), lr=0.05)
    (move,) = merged(standard(classifier.size))
    draws = sample_generators(0, range(batch), "transforms")
    prior = STANDARD_PRIORS[0]

    def evaluation() -> None:
        with torch.no_grad():
            classifier(canvas.render())
            prior(canvas.variable())

    turns = iter(range(10**9))
    return {
        "render": lambda: there_and_back(lambda _: canvas.render(), canvas.spectrum),
        "transforms": lambda: there_and_back(lambda x: move(x, draws), images),
        "prior": lambda: there_and_back(prior, images),
        "Adam": adam.step,
        "evaluation": lambda: evaluation() if next(turns) % 10 == 0 else None,
    }


def there_and_back(way: Callable[[Tensor], Tensor], given: Tensor) -> Tensor:
    """Forward, and the gradient of what was given."""
    x = given if given.requires_grad else given.clone().requires_grad_()
    out = way(x)
    return torch.autograd.grad(out, x, torch.ones_like(out))[0]


def targets(classifier: Classifier, batch: int) -> Tensor:
    return torch.arange(batch) % len(classifier.classes)


def timed(run: Callable[[], object], into: dict | None = None, name: str = "") -> float:
    """Seconds; what the run gives goes `into` a dictionary, where there is one."""
    begin = time.perf_counter()
    result = run()
    passed = time.perf_counter() - begin
    if into is not None:
        into[name] = result
    return passed


def spread(values: list[float]) -> str:
    """The median, and the middle half of all."""
    if len(values) < 2:
        return f"{values[0]:.2f}"
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=128, help="of each picture in the first table")
    parser.add_argument("--rounds", type=int, default=5, help="of each table")
    given = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {given.steps} steps, {given.rounds} rounds\n")
    speed_and_quality_table(given.steps, given.rounds)
    for name in ("pocket", "photo"):
        cost_table(name, given.rounds)
