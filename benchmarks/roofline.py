"""What a step of each method costs over the passes that it cannot do without: python benchmarks/roofline.py

The floor is one forward and one backward pass through the net for the same pictures. Beside it stands what the machine
could do at best: the floating-point operations of a step at the rate of a product of large matrices. Whole calls of the
public functions are timed, start-up and clean evaluations included, and divided by their number of steps; the parts of
a step are timed by themselves, forward and backward, to say where the rest goes.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from functools import partial

import torch
from measure import Row, clock, run, side_by_side
from step_parts import parts, there_and_back
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode

from course_utils import Classifier, load_classifier, load_language_model
from course_utils.language import optimize_prompts
from course_utils.language.targets import FromEmbeddings
from course_utils.vision import class_means, generate_prototypes, isolate_features, targeted_attack, visualize
from course_utils.vision.layer_table import stages
from course_utils.vision.reference import ClassMeans

BARE, STEPS, PROMPTS, SIDE = "bare passes", 40, 128, 1024
CASES = {"pocket-8": 3, "pocket-64": 3, "photo-8": 3, "photo-64": 2, "pocket-lm": 5}  # net, pictures; rounds
Way = Callable[[int], object]  # of the number of steps


def compare(given: Namespace) -> list[Row]:
    peak, steps, rows = matrix_rate(), 6 if given.quick else STEPS, []
    for case in given.parts or (["pocket-8", "pocket-lm"] if given.quick else CASES):
        rounds = 1 if given.quick else CASES[case]
        if case == "pocket-lm":
            ways, also, name = prompt_ways(), {}, f"pocket-lm, {PROMPTS} prompts"
        else:
            net, batch = load_classifier(case.partition("-")[0]).requires_grad_(False), int(case.partition("-")[2])
            means = some_means(net)
            ways, also, name = methods(net, batch, means), parts(net, batch, means), f"{net.name}, {batch} pictures"
        rows += costs(name, ways, also, peak, rounds=rounds, steps=steps)
    return rows


def costs(
    case: str,
    ways: dict[str, Way],
    also: dict[str, Callable[[int], object]],
    peak: float,
    *,
    rounds: int,
    steps: int,
) -> list[Row]:
    """Rows of whole methods, with their operations, and of the parts of a step."""
    whole: dict[str, Callable[[object], object]] = {name: lambda _, way=way: way(steps) for name, way in ways.items()}
    small = {f"part: {name}": lambda _, part=part: [part(step) for step in range(steps)] for name, part in also.items()}
    rows = side_by_side(case, {**whole, **small}, rounds=rounds, per=steps, against=BARE, warm_up=rounds > 3)
    bare = flops(ways[BARE], 1)
    for row in rows:
        if row["way"] in ways and "error" not in row:
            count = bare if row["way"] == BARE else flops(ways[row["way"]], steps)
            row["quality"] = {
                "GFLOP a step": count / 1e9,
                "operations over bare": count / bare,
                "of the machine's rate": count / row["seconds"]["median"] / peak,
            }
            if row["way"] == BARE:
                row["quality"]["GFLOP/s of a matrix product"] = peak / 1e9
    return rows


def methods(net: Classifier, batch: int, means: ClassMeans) -> dict[str, Way]:
    """Each method for so many pictures, as a function of the number of steps."""
    images = torch.rand(batch, 3, *net.size, generator=torch.Generator().manual_seed(0))
    names = [net.classes[i % len(net.classes)] for i in range(batch)]
    least = net.predict(images).logits.argmin(1)
    aim = net.targets(names, batch)[:, None]
    quiet = {"batch_size": batch, "progress": False}
    wanted = [f"logits:{name}" for name in names]
    return {
        BARE: lambda steps: [there_and_back(lambda x: net(x).gather(1, aim), images) for _ in range(steps)],
        "attack": lambda steps: targeted_attack(net, images, least, steps=steps, **quiet),
        "feature visualisation": lambda steps: visualize(net, wanted, steps=steps, **quiet),
        "prototypes without images": lambda steps: generate_prototypes(net, names, steps=steps, **quiet),
        "prototypes with images": lambda steps: generate_prototypes(net, names, reference=means, steps=steps, **quiet),
        "feature isolation": lambda steps: isolate_features(net, images, steps=steps, **quiet),
    }


def prompt_ways() -> dict[str, Way]:
    lm = load_language_model("pocket-lm")
    lm.model.requires_grad_(False)
    forward = FromEmbeddings(lm)
    vectors = lm.embeddings[torch.randint(lm.vocabulary, (PROMPTS, 3), generator=torch.Generator().manual_seed(0))]
    search = partial(optimize_prompts, lm, " girl", restarts=PROMPTS, progress=False)
    return {
        BARE: lambda steps: [there_and_back(lambda x: forward(x)[:, :1], vectors) for _ in range(steps)],
        "prompt search": lambda steps: search(steps=steps),
        "prompt search without a pull": lambda steps: search(steps=steps, distance_weight=0.0),
    }


def some_means(net: Classifier) -> ClassMeans:
    """Class means of noise: what is matched costs the same whatever it shows."""
    labels = torch.arange(5 * len(net.classes)) % len(net.classes)
    images = torch.rand(len(labels), 3, *net.size, generator=torch.Generator().manual_seed(1))
    return class_means(net, (images, labels), stages(net), progress=False)


def flops(way: Way, steps: int) -> float:
    """Floating-point operations a step, as PyTorch counts them: products of matrices and convolutions."""
    with FlopCounterMode(display=False) as counter:
        way(steps)
    return counter.get_total_flops() / steps


def matrix_rate() -> float:
    """Floating-point operations a second in a product of two large matrices of float32, at best."""
    a, b = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    timer = Timer("a @ b", globals={"a": a, "b": b}, timer=clock, num_threads=torch.get_num_threads())
    taken = timer.blocked_autorange(min_run_time=2)
    return 2 * SIDE**3 / min(taken.times)


if __name__ == "__main__":
    run(compare, time="time a step", ratio="over bare passes")
