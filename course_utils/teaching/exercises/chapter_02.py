"""The exercises of chapter 2, tricking a classifier.

The references are what the chapter explains, in the order of reading: each is the next piece of a targeted
projected gradient descent (Madry et al. 2018), and `my_attack` puts them together. They are what `solution`
shows, so they contain nothing else.
"""

import copy
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from course_utils.models.classifier import Classifier
from course_utils.teaching.exercises.checks import Compared, a_small_case, gradient_of, tensor_like, untouched
from course_utils.teaching.exercises.exercise import Exercise, Mistake, instead


def input_gradient(classifier, images, targets):
    """Return the gradient, by `images`, of the cross-entropy toward `targets`
    summed over the batch.

    Why: Training asks how the loss changes with the weights. An attack asks the same about the pixels: this
    gradient is all that it needs to know of the classifier.

    Hint: A tensor gets a gradient only if it asks for one before the forward pass. Let a copy of the images ask,
    not the caller's tensor: `images.clone().requires_grad_()`.

    Hint: The loss is `F.cross_entropy` of `classifier(images)` and `targets`. By default it averages over the
    batch; with `reduction="sum"` the gradient of an image does not depend on the others.

    Hint: `torch.autograd.grad(loss, images)` returns a tuple with one gradient. After `loss.backward()` the same
    gradient is in `images.grad`.
    """
    images = images.clone().requires_grad_()
    loss = F.cross_entropy(classifier(images), targets, reduction="sum")
    return torch.autograd.grad(loss, images)[0]


def targeted_step(images, gradient, alpha):
    """Return `images` after one step of `alpha` along the gradient's sign,
    toward the target.

    Why: The sign decides everything: one way leads to the target, the other away from it.

    Hint: The gradient points to where the loss toward the target grows. Do you want it to grow?

    Hint: Only the gradient's sign is used, so that each pixel moves equally far: `gradient.sign()`.

    Hint: New images = images, minus alpha times the sign. Write `images - …`; `images -= …` would change the
    caller's tensor.
    """
    return images - alpha * gradient.sign()


def project(perturbed, images, eps):
    """Return `perturbed`, each pixel moved to within `eps` of `images` and
    into [0, 1].

    Why: Without a limit any image becomes any other. The limit has two parts: at most eps from the original, and
    still an image.

    Hint: A pixel may lie between its original value minus eps and its original value plus eps. And where may any
    pixel of any image lie?

    Hint: `clamp` takes tensors as limits too, one for each pixel: `perturbed.clamp(min=…, max=…)`.

    Hint: First clamp `perturbed` between `images - eps` and `images + eps`, then the result between 0 and 1.
    """
    nearby = perturbed.clamp(min=images - eps, max=images + eps)
    return nearby.clamp(0, 1)


def my_attack(classifier, images, targets, eps, steps):
    """Return `images`, changed in `steps` steps by at most `eps` a pixel, so
    that they pass for `targets`.

    Why: A gradient holds only nearby, so one large step misses. Many small ones, each corrected, arrive: projected
    gradient descent.

    Hint: You have the three pieces: gradient, step, projection. In which order do they repeat, and what goes into
    the next round?

    Hint: Two things stay apart: `images` never change, since the ball is around them; `adversarial` starts there
    and moves. Take the gradient at `adversarial`, project around `images`.

    Hint: Choose alpha so that all the steps together reach further than eps, as `2.5 * eps / steps` does: the
    projection sees to the rest.
    """
    alpha = 2.5 * eps / steps
    adversarial = images.clone()
    for _ in range(steps):
        gradient = input_gradient(classifier, adversarial, targets)
        adversarial = targeted_step(adversarial, gradient, alpha)
        adversarial = project(adversarial, images, eps)
    return adversarial


def robust_step(classifier, images, labels, optimizer, eps, steps):
    """Update the weights once, on `images` attacked away from `labels`, and
    return the loss on what the attack found.

    Why: Adversarial training is ordinary training on the worst images within eps: first the images move up the loss,
    then the weights move down.

    Hint: The first half is your attack, but away from the right answer: the gradient is that toward `labels`, and
    the step goes up, with plus.

    Hint: The second half is training as you know it, on what the attack found: `optimizer.zero_grad()`, the loss
    (the mean over the batch), `loss.backward()`, `optimizer.step()`.

    Hint: If your attack uses `.backward()`, it leaves gradients at the weights, too. They must be gone before the
    second half.
    """
    adversarial = images.clone()
    for _ in range(steps):
        gradient = input_gradient(classifier, adversarial, labels)
        adversarial = targeted_step(adversarial, -gradient, 2.5 * eps / steps)
        adversarial = project(adversarial, images, eps)
    optimizer.zero_grad()
    loss = F.cross_entropy(classifier(adversarial), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def steps_to_check() -> Iterator[tuple[Tensor, Tensor, float]]:
    """Arguments of a step: no image is near 0 or 1, where a clamp would count, and some pixels have no gradient."""
    images = 0.25 + 0.5 * a_small_case()[1]
    gradient = torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    gradient[:, :, 0] = 0
    for alpha in (2 / 255, 0.05):
        yield images, gradient, alpha


def projections_to_check() -> Iterator[tuple[Tensor, Tensor, float]]:
    """Arguments of a projection: pixels outside the ball, outside [0, 1], outside both, and inside."""
    images = a_small_case()[1]
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(2))
    for eps in (8 / 255, 0.1):
        yield images + 0.2 * noise, images, eps


def largest(change: Tensor) -> str:
    """The largest change of a pixel, as text."""
    return f"{float(change.abs().max()):.3g}"


def check_my_attack(function: Callable, exercise: Exercise) -> None:
    """A result inside the ball and [0, 1]; `steps` gradients, each taken where the attack then is; success."""
    for eps, steps in ((0.1, 10), (0.03, 4)):
        _check_attack(function, exercise, eps, steps)


def _check_attack(function: Callable, exercise: Exercise, eps: float, steps: int) -> None:
    classifier, images, targets = a_small_case()
    visited: list[Tensor] = []
    recorded = classifier.module.register_forward_pre_hook(lambda _, x: visited.append(x[0].detach().clone()))
    with untouched(classifier=classifier, images=images), recorded:
        result = tensor_like(function(classifier, images, targets, eps, steps), images)
    _require_allowed(result, images, eps)
    asked = sum(map(len, visited)) / len(images)  # an attack may take its images one by one
    whole = all(here.shape == images.shape for here in visited)
    if asked < steps:
        times = {0: "not at all", 1: "only once"}.get(int(asked), f"{asked:g} times")
        raise Mistake(f"with steps={steps} the classifier is asked {times}: take a new gradient in each step.")
    if whole and all(torch.equal(image, visited[0]) for image in visited[1:]):
        raise Mistake("every step starts from the original images again: go on from where the last step ended.")
    if whole and any(float((here - images).abs().max()) > eps + 1e-5 for here in visited):
        raise Mistake("some steps end outside the ball: project after every step, not only after the last.")
    expected = exercise.reference(classifier, images, targets, eps, steps)
    before, after, best = (-F.cross_entropy(classifier(x), targets).item() for x in (images, result, expected))
    if after < before:
        raise Mistake(
            "the target has become less probable: your steps go up the loss. Step against its gradient, with minus."
        )
    if whole:
        _require_own_gradients(classifier, targets, [*visited, result])
    if after - before < 0.8 * (best - before):
        raise Mistake(
            f"the target's log-probability rises by {after - before:.2f}, expected about {best - before:.2f}: do the "
            "steps go along the gradient's sign, toward `targets`, and together further than eps (alpha = 2.5 · eps / "
            "steps)?"
        )


def _require_allowed(result: Tensor, images: Tensor, eps: float) -> None:
    distance = float((result - images).abs().max())
    if distance == 0:
        raise Mistake("the images come back unchanged: does the next round start from the step's result?")
    if distance > eps + 1e-5 and float(result.abs().max()) <= eps + 1e-5:
        raise Mistake("this is the perturbation: add it to `images` and return the image.")
    if distance > eps + 1e-5:
        raise Mistake(
            f"with eps={eps:.3g} some pixels end {distance:.3g} away from `images`: project after every "
            "step, around the original images."
        )
    if float(result.min()) < -1e-6 or float(result.max()) > 1 + 1e-6:
        raise Mistake("some pixels are below 0 or above 1, where no image is: clamp to [0, 1] besides the ball.")


def _require_own_gradients(classifier: Classifier, targets: Tensor, path: list[Tensor]) -> None:
    """Steps along each moment's gradient, not along the sum of all so far: told where the two differ in sign."""
    gradients = torch.stack([input_gradient(classifier, here, targets) for here in path[:-1]])
    last, total, moved = gradients.sign(), gradients.cumsum(0).sign(), -torch.stack(path).diff(dim=0).sign()
    telling = (total != last) & (moved != 0)
    with_sum, with_last = (int((moved == direction)[telling].sum()) for direction in (total, last))
    if with_sum > 20 * max(with_last, 1):
        raise Mistake(
            "your steps follow the sum of all gradients so far: `.grad` adds up from step to step. Set it "
            "to None before each backward pass, or use `torch.autograd.grad`."
        )


def check_robust_step(function: Callable, exercise: Exercise) -> None:
    """Weights moved once, by the gradient at images that an attack made worse within the ball, and the loss there."""
    eps, rate, steps = 0.05, 0.1, 5
    classifier, images, _ = a_small_case()
    labels = classifier(images).argmax(1)
    old, worst = copy.deepcopy(classifier), AWAY(classifier, images, labels, eps, steps)
    optimizer, visited, updates = torch.optim.SGD(classifier.parameters(), lr=rate), list[Tensor](), list[int]()
    optimizer.register_step_post_hook(lambda *_: updates.append(len(visited)))
    recorded = classifier.module.register_forward_pre_hook(lambda _, x: visited.append(x[0].detach().clone()))
    with untouched(images=images, labels=labels), recorded:
        result = function(classifier, images, labels, optimizer, eps, steps)
    weights, before = (parameters_to_vector(each.parameters()) for each in (classifier, old))
    if not visited or torch.equal(weights, before):
        raise Mistake("the weights stay as they were: after the attack comes one `optimizer.step()`.")
    if len(updates) > 1:
        raise Mistake(f"the weights are updated {len(updates)} times: attack first, in all `steps`, then update once.")
    seen, asked = torch.cat(visited)[-len(images) :], sum(map(len, visited)) / len(images)
    if torch.equal(seen, images):
        raise Mistake("the weights learn from the images as they were: train on what the attack found.")
    _require_allowed(seen, images, eps)
    clean, found, most = (F.cross_entropy(old(x), labels) for x in (images, seen, worst))
    if found < clean:
        raise Mistake("your attack makes the images easier: away from the label is up the loss, with plus.")
    if asked < steps + 1 or found - clean < 0.8 * (most - clean):
        raise Mistake(
            "the attack could do more: take a new gradient in each of the `steps`, alpha = 2.5 · eps / steps, and "
            "clamp after the gradient, not before, since a pixel that is clamped has none."
        )
    step = rate * parameters_to_vector(torch.autograd.grad(found, list(old.parameters())))
    message = next(
        (said for factor, said in STEPS_DOWN.items() if torch.allclose(weights, before - factor * step, atol=1e-5)),
        "this is not one step down the mean loss at the attacked images alone: set the gradients that the attack "
        "left to zero first, `optimizer.zero_grad()`.",
    )
    if message:
        raise Mistake(message)
    if isinstance(result, Tensor) and result.numel() != 1:
        raise Mistake(f"a tensor of the shape {tuple(result.shape)} came back, expected the loss, one number.")
    if not isinstance(result, float | Tensor) or abs(float(result) - found.item()) > 1e-3:
        raise Mistake(f"{result!r} came back, expected the loss at the attacked images before the update, {found:.3f}.")


# The step of the weights in units of the right one, and what to say of it.
STEPS_DOWN = {
    1: "",
    -1: "the weights go up the loss: the attack climbs, the update goes down, without a minus before the loss.",
    4: "the loss is the sum over the batch, so that a larger batch makes a larger step: take the mean.",
}
AWAY = instead(my_attack, {"gradient, alpha": "-gradient, alpha"})  # up the loss, away from the target


INPUT_GRADIENT = Compared(
    id="02-input-gradient",
    title="The gradient of the image",
    minutes=8,
    difficulty=2,
    reference=input_gradient,
    cases=lambda: [a_small_case()],
    otherwise="this is not the gradient of the summed cross-entropy: is the loss "
    '`F.cross_entropy(classifier(images), targets, reduction="sum")`, and the gradient the one by the '
    "images?",
    wrong={
        "each image's gradient is divided by the size of the batch, so it depends on the number of other images: "
        'take `reduction="sum"`, by default cross-entropy averages.': lambda c, x, y: input_gradient(c, x, y) / len(x),
        "the sign is the other way round: this is the gradient of the target's log-probability, and the "
        "cross-entropy is its negative.": lambda c, x, y: -input_gradient(c, x, y),
        "this is the gradient toward the class that the classifier says already: use `targets`.": (
            lambda c, x, y: input_gradient(c, x, c(x).argmax(1))
        ),
        "this is the gradient's sign already: return the gradient, the step will take its sign.": (
            lambda c, x, y: input_gradient(c, x, y).sign()
        ),
        "this is the gradient of the target's logit: take the cross-entropy, which lowers the other classes too.": (
            lambda c, x, y: gradient_of(lambda at: c(at).gather(1, y[:, None]).sum(), x)
        ),
        "all zeros: the loss that you differentiate does not depend on the images.": lambda c, x, y: 0 * x,
    },
)


TARGETED_STEP = Compared(
    id="02-targeted-step",
    title="One targeted step",
    minutes=5,
    difficulty=1,
    reference=targeted_step,
    cases=steps_to_check,
    otherwise=lambda stepped, right, images, gradient, alpha: (
        f"with alpha={alpha:.3g} your step moves pixels by up to {largest(stepped - images)}, expected "
        "each pixel to move by alpha, against its gradient's sign."
    ),
    wrong={
        "with plus, this step raises the loss and leads away from the target: step against the gradient, with "
        "minus.": lambda x, g, alpha: x + alpha * g.sign(),
        "the gradient's sign is missing: without it the step's length depends on how steep the loss is.": (
            lambda x, g, alpha: x - alpha * g
        ),
        "with plus, this step leads away from the target; and the gradient's sign is missing.": (
            lambda x, g, alpha: x + alpha * g
        ),
        "`alpha` is missing: this step moves each pixel by 1, over its whole range.": lambda x, g, _: x - g.sign(),
        "this is the step alone: return the images after it.": lambda x, g, alpha: -alpha * g.sign(),
        "this is the step alone, with the wrong sign: return the images after it, with minus.": {"images - ": ""},
        "nothing has changed: subtract `alpha` times the gradient's sign.": lambda x, g, alpha: x,
        "pixels without a gradient move: use `gradient.sign()`, which is 0 there.": (
            lambda x, g, alpha: x - alpha * torch.where(g > 0, 1.0, -1.0)
        ),
    },
)


PROJECT = Compared(
    id="02-project",
    title="Back into the ball",
    minutes=5,
    difficulty=2,
    reference=project,
    cases=projections_to_check,
    otherwise=lambda projected, right, perturbed, images, eps: (
        f"with eps={eps:.3g} your pixels are up to {largest(projected - images)} from `images` and run "
        f"from {projected.min():.3g} to {projected.max():.3g}; expected the point nearest to "
        "`perturbed` that is within eps and in [0, 1]."
    ),
    wrong={
        "pixels are within eps, but some are below 0 or above 1, where no image is: clamp to [0, 1] too.": (
            lambda p, x, eps: p.clamp(x - eps, x + eps)
        ),
        "this clips the pixels themselves to ±eps, around zero: it is their distance from `images` that "
        "must stay within eps.": {"images": "0 * images", ".clamp(0, 1)": ("", ".clamp(0, 1)")},
        "pixels are in [0, 1], but some are further than eps from `images`: clamp to the ball too.": (
            lambda p, x, eps: p.clamp(0, 1)
        ),
        "this is the perturbation: add it to `images` and return the image.": lambda p, x, e: (p - x).clamp(-e, e),
        "the two are mixed up: `perturbed` moves to within eps of `images`, not the other way round.": (
            lambda p, x, eps: project(x, p, eps)
        ),
        "nothing has changed: pixels are further than eps away, and outside [0, 1].": lambda p, x, eps: p,
        "these are the images without a change: keep as much of it as the ball allows.": lambda p, x, eps: x,
    },
)


MY_ATTACK = Exercise(
    id="02-my-attack",
    title="The whole attack",
    minutes=12,
    difficulty=3,
    reference=my_attack,
    check=check_my_attack,
    wrong={
        "project after every step": {"project(adversarial, images, eps)": "adversarial.clamp(0, 1)"},
        "your steps go up the loss": AWAY,
        "around the original images": {"project(adversarial, images": "project(adversarial, adversarial"},
        "not only after the last": {"    adversarial = project": "adversarial = project"},
        "clamp to [0, 1] besides the ball": {"project(": "torch.clamp(", "images, eps": "images - eps, images + eps"},
        "together further than eps": (
            {"2.5 *": "0.25 *"},
            {"targeted_step(adversarial, gradient, alpha)": "adversarial - alpha * gradient"},
        ),
        "this is the perturbation": {"return adversarial": "return adversarial - images"},
        "the images come back unchanged": {"return adversarial": "return images"},
    },
)


ROBUST_STEP = Exercise(
    id="02-robust-step",
    title="Adversarial training",
    minutes=15,
    difficulty=3,
    reference=robust_step,
    check=check_robust_step,
    wrong={
        "the weights learn from the images as they were": {"classifier(adversarial)": "classifier(images)"},
        "set the gradients that the attack left to zero first": {
            "optimizer.zero_grad()": "F.cross_entropy(classifier(adversarial), labels).backward()"
        },
        "your attack makes the images easier": {"-gradient": "gradient"},
        "the weights stay as they were": lambda c, x, y, optimizer, eps, steps: 0.0,
        "project after every step": {"(adversarial)": "((adversarial + 0.2).clamp(0, 1))"},
        "take a new gradient in each of the `steps`": {"range(steps)": "range(1)", "2.5 * eps / steps": "eps"},
        "attack first, in all `steps`, then update once": {"images, eps)": "images, eps); optimizer.step()"},
        "take the mean": {"adversarial), labels": 'adversarial), labels, reduction="sum"'},
        "the weights go up the loss": {"loss.backward()": "(-loss).backward()"},
        "expected the loss, one number": {"return loss.item()": "return adversarial"},
    },
)
