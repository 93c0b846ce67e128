"""Attacks stay in their ball, do what they say, and never less than the libraries that people use."""

import foolbox
import pytest
import torch
import torchattacks
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import config
from torch import nn
from torch.nn.functional import cross_entropy

from course_utils.models import load_classifier
from course_utils.models.classifier import Classifier
from course_utils.vision import targeted_attack, untargeted_attack
from course_utils.world import PaintedWorld

ROUNDING = 1e-6
CLASSES = ("left", "right", "top", "bottom", "dark")
EPS = 0.04  # about half of the test classifier's images withstand it


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.1), nn.Linear(16 * 9, len(CLASSES)))

    def forward(self, images):
        return self.head(self.features(images))


def pictures(n, seed):
    """Noise that is brighter in one half, or nowhere: a task with a known answer."""
    generator = torch.Generator().manual_seed(seed)
    images = 0.1 + 0.5 * torch.rand(n, 3, 12, 12, generator=generator)
    labels = torch.randint(len(CLASSES), (n,), generator=generator)
    halves = (slice(None), slice(0, 6)), (slice(None), slice(6, 12)), (slice(0, 6),), (slice(6, 12),)
    for image, label in zip(images, labels.tolist(), strict=True):
        if label < 4:
            image[(slice(None), *halves[label])] += 0.12
    return images, labels


@pytest.fixture(scope="module")
def classifier():
    torch.manual_seed(0)
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for step in range(80):
        images, labels = pictures(64, seed=1000 + step)
        loss = cross_entropy(net((images - 0.4) / 0.2), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return Classifier(net, classes=CLASSES, size=12, mean=(0.4,) * 3, std=(0.2,) * 3, name="halves").eval()


@pytest.fixture(scope="module")
def task(classifier):
    """Images that the classifier gets right, their labels, and for each a target of another class."""
    images, labels = pictures(80, seed=1)
    right = classifier(images).argmax(1) == labels
    assert right.float().mean() > 0.85
    return images[right], labels[right], (labels[right] + 1) % len(CLASSES)


@pytest.fixture
def unchecked():
    """Without the tests' run-time type checks: a reader who passes the wrong type sees our own message."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


def size_of(change, norm):
    return change.flatten(1).abs().amax(1) if norm == "linf" else change.flatten(1).norm(dim=1)


def says(classifier, images):
    with torch.no_grad():
        return classifier(images).argmax(1)


# What an attack is


def test_a_targeted_attack_turns_images_into_the_target(classifier, task):
    images, _, targets = task
    result = targeted_attack(classifier, images, targets, eps=0.2)
    assert result.success.float().mean() > 0.95
    assert result.predicted == [CLASSES[i] for i in says(classifier, result.images)]
    assert (says(classifier, result.images) == targets)[result.success].all()
    assert result.confidence[result.success].median() > 0.95


def test_an_untargeted_attack_turns_images_into_anything_else(classifier, task):
    images, labels, _ = task
    result = untargeted_attack(classifier, images, labels, eps=0.2)
    assert result.success.float().mean() > 0.95
    assert torch.equal(result.success, says(classifier, result.images) != labels)


@given(eps=st.floats(0, 1), norm=st.sampled_from(["linf", "l2"]), targeted=st.booleans(), steps=st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_attacked_images_are_in_their_ball_and_in_the_unit_range(classifier, task, eps, norm, targeted, steps):
    images, labels, targets = (part[:4] for part in task)
    attack, wanted = (targeted_attack, targets) if targeted else (untargeted_attack, labels)
    result = attack(classifier, images, wanted, eps=eps, norm=norm, steps=steps, restarts=2)
    assert result.images.min() >= 0 and result.images.max() <= 1
    assert size_of(result.images - images, norm).max() <= eps + ROUNDING
    torch.testing.assert_close(result.linf, size_of(result.images - images, "linf"))
    torch.testing.assert_close(result.l2, size_of(result.images - images, "l2"))


def test_one_step_is_the_fast_gradient_sign_method(classifier, task):
    images, _, targets = task
    x = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropy(classifier(x), targets, reduction="sum"), x)
    expected = (images - EPS * gradient.sign()).clamp(0, 1)
    result = targeted_attack(classifier, images, targets, eps=EPS, steps=1)
    moved = result.linf > 0  # an image that the step made worse is kept as it was
    assert moved.float().mean() > 0.9
    torch.testing.assert_close(result.images[moved], expected[moved])


def test_one_l2_step_goes_along_the_gradient(classifier, task):
    images, labels, _ = task
    x = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropy(classifier(x), labels, reduction="sum"), x)
    direction = gradient / gradient.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)
    result = untargeted_attack(classifier, images, labels, eps=0.5, norm="l2", steps=1, step_size=0.3)
    moved = result.l2 > 0
    assert moved.float().mean() > 0.9
    torch.testing.assert_close(result.images[moved], (images + 0.3 * direction).clamp(0, 1)[moved])


def test_a_larger_ball_never_tricks_fewer(classifier, task):
    images, _, targets = task
    counts = [int(targeted_attack(classifier, images, targets, eps=eps).success.sum()) for eps in (0, 0.02, 0.05, 0.2)]
    assert counts == sorted(counts) and counts[0] == 0 and counts[-1] > counts[1]


# Against the libraries that people use


@pytest.mark.parametrize("steps", [1, 5, 20])
@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_we_trick_no_fewer_than_torchattacks(classifier, task, norm, steps, targeted):
    images, labels, targets = task
    eps = EPS if norm == "linf" else 10 * EPS
    kind = torchattacks.PGD if norm == "linf" else torchattacks.PGDL2
    theirs = kind(classifier, eps=eps, alpha=2.5 * eps / steps, steps=steps, random_start=False)
    if targeted:
        theirs.set_mode_targeted_by_function(lambda images, labels: labels)
        reached = says(classifier, theirs(images, targets)) == targets
        ours = targeted_attack(classifier, images, targets, eps=eps, norm=norm, steps=steps)
    else:
        reached = says(classifier, theirs(images, labels)) != labels
        ours = untargeted_attack(classifier, images, labels, eps=eps, norm=norm, steps=steps)
    assert 0 < ours.success.float().mean() < 1  # neither too easy nor too hard to compare
    assert ours.success.sum() >= reached.sum()


@pytest.mark.parametrize("steps", [1, 5, 20])
@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_we_trick_no_fewer_than_foolbox(classifier, task, norm, steps, targeted):
    images, labels, targets = task
    eps = EPS if norm == "linf" else 10 * EPS
    kind = foolbox.attacks.LinfPGD if norm == "linf" else foolbox.attacks.L2PGD
    theirs = kind(abs_stepsize=2.5 * eps / steps, steps=steps, random_start=False)
    criterion = foolbox.criteria.TargetedMisclassification(targets) if targeted else labels
    with torch.enable_grad():
        model = foolbox.PyTorchModel(classifier, bounds=(0, 1), device="cpu")
        _, _, reached = theirs(model, images, criterion, epsilons=eps)
    attack, wanted = (targeted_attack, targets) if targeted else (untargeted_attack, labels)
    ours = attack(classifier, images, wanted, eps=eps, norm=norm, steps=steps)
    assert 0 < ours.success.float().mean() < 1
    assert ours.success.sum() >= reached.sum()


@pytest.mark.parametrize("targeted", [True, False])
def test_we_trick_the_shipped_model_no_less_than_the_libraries(targeted):
    pocket, scenes = load_classifier("pocket"), PaintedWorld().sample(24, seed=11, classes=["goldfish"])
    wanted, eps, steps = "volcano" if targeted else "goldfish", 10 / 255, 10
    indices, size = pocket.targets(wanted, 24), 2.5 * eps / steps
    torch_pgd = torchattacks.PGD(pocket, eps=eps, alpha=size, steps=steps, random_start=False)
    if targeted:
        torch_pgd.set_mode_targeted_by_function(lambda images, labels: labels)
    answers = says(pocket, torch_pgd(scenes.images, indices))
    fool_pgd = foolbox.attacks.LinfPGD(abs_stepsize=size, steps=steps, random_start=False)
    criterion = foolbox.criteria.TargetedMisclassification(indices) if targeted else indices
    model = foolbox.PyTorchModel(pocket, bounds=(0, 1), device="cpu")
    _, _, fooled = fool_pgd(model, scenes.images, criterion, epsilons=eps)
    ours = (targeted_attack if targeted else untargeted_attack)(pocket, scenes.images, wanted, eps=eps, steps=steps)
    theirs = answers == indices if targeted else answers != indices
    assert ours.success.sum() >= max(theirs.sum(), fooled.sum())
    assert ours.success.any()


def test_we_follow_the_same_path_as_torchattacks(classifier, task):
    images, _, targets = task
    seen = []
    targeted_attack(
        classifier,
        images,
        targets,
        eps=EPS,
        steps=7,
        step_size=0.01,
        on_step=lambda step, x, *_: seen.append(x),
    )
    theirs = torchattacks.PGD(classifier, eps=EPS, alpha=0.01, steps=7, random_start=False)
    theirs.set_mode_targeted_by_function(lambda images, labels: labels)
    torch.testing.assert_close(seen[-1], theirs(images, targets))


# Cost


def test_a_step_costs_one_gradient_and_nothing_else(classifier, task):
    images, _, targets = task
    passes = {"forward": 0, "backward": 0}
    layer = classifier.module.features[0]
    forward = layer.register_forward_hook(lambda *_: passes.update(forward=passes["forward"] + 1))
    backward = layer.register_full_backward_hook(lambda *_: passes.update(backward=passes["backward"] + 1))
    result = targeted_attack(classifier, images, targets, eps=EPS, steps=9)
    forward.remove(), backward.remove()
    assert passes == {"forward": 9 + 2, "backward": 9}  # and a look at the images before and after
    assert result.iterations.tolist() == [9] * len(images)


def test_images_that_are_certain_enough_cost_no_more_and_stay_as_they_are(classifier, task):
    images, _, targets = task
    sizes = []
    result = targeted_attack(
        classifier, images, targets, eps=0.2, stop_at=0.6, on_step=lambda step, x, *_: sizes.append(len(x))
    )
    full = targeted_attack(classifier, images, targets, eps=0.2)
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] < sizes[0]
    assert torch.equal(result.success, full.success)
    assert (result.confidence[result.success] >= 0.6).all()
    assert result.confidence.median() < full.confidence.median()
    assert result.iterations.float().mean() < 10


def test_restarts_go_on_with_what_withstood_and_make_nothing_worse(classifier, task):
    images, _, targets = task
    once = targeted_attack(classifier, images, targets, eps=EPS, steps=3)
    often = targeted_attack(classifier, images, targets, eps=EPS, steps=3, restarts=5)
    assert (often.success | ~once.success).all()
    assert (often.iterations[once.success] == 3).all()
    assert (often.iterations[~often.success] == 15).all()
    wanted = torch.arange(len(images)), targets
    assert (often.after.probabilities[wanted] >= once.after.probabilities[wanted] - ROUNDING).all()


def test_each_restart_starts_elsewhere_in_the_ball(classifier, task):
    images, _, targets = task
    withstands = ~targeted_attack(classifier, images, targets, eps=0.01, steps=1, restarts=4).success
    starts = []

    def note(step, x, *_):
        if step == 0:
            starts.append(x)

    one = images[withstands][:1], targets[withstands][:1]
    targeted_attack(classifier, *one, eps=0.01, steps=1, restarts=4, on_step=note)
    assert torch.equal(starts[0], one[0])
    assert len({start.sum().item() for start in starts}) == 4
    assert all(size_of(start - one[0], "linf") <= 0.01 + ROUNDING for start in starts)


# Reproducible, and independent of the batch


def test_the_same_call_gives_the_same_bits(classifier, task):
    images, _, targets = task
    first, second = (
        targeted_attack(classifier, images, targets, eps=EPS, random_start=True, restarts=2, seed=3) for _ in "12"
    )
    assert torch.equal(first.images, second.images)
    other = targeted_attack(classifier, images, targets, eps=EPS, random_start=True, restarts=2, seed=4)
    assert not torch.equal(first.images, other.images)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_image_starts_at_the_same_point_whatever_stands_beside_it(classifier, task, norm):
    images, _, targets = task
    starts = []

    def note(step, x, *_):
        if step == 0:
            starts.append(x)

    options = {"eps": EPS, "norm": norm, "steps": 1, "random_start": True, "seed": 5, "on_step": note}
    targeted_attack(classifier, images[:8], targets[:8], **options)
    targeted_attack(classifier, images[:5], targets[:5], **options)
    targeted_attack(classifier, images[:8], targets[:8], batch_size=3, **options)
    assert torch.equal(starts[0][:5], starts[1])
    assert torch.equal(starts[0], torch.cat(starts[2:]))
    assert not torch.equal(starts[0], images[:8])


def test_batches_change_nothing_but_rounding(classifier, task):
    images, _, targets = task
    whole = targeted_attack(classifier, images, targets, eps=EPS, steps=5)
    parts = targeted_attack(classifier, images, targets, eps=EPS, steps=5, batch_size=7)
    assert torch.equal(whole.success, parts.success)
    torch.testing.assert_close(whole.after.logits, parts.after.logits, atol=1e-3, rtol=1e-3)


# What comes back


def test_a_radius_of_zero_returns_the_images_as_they_are(classifier, task):
    images, labels, targets = task
    for result in (
        targeted_attack(classifier, images, targets, eps=0),
        untargeted_attack(classifier, images, labels, eps=0, norm="l2", random_start=True, restarts=3),
    ):
        assert torch.equal(result.images, images)
        assert not result.success.any() and not result.iterations.any() and not result.linf.any()


def test_targets_and_labels_may_be_names_or_indices_one_for_all_or_one_each(classifier, task):
    images, _, targets = (part[:6] for part in task)
    by_index = targeted_attack(classifier, images, targets, eps=EPS, steps=3)
    by_name = targeted_attack(classifier, images, [CLASSES[i] for i in targets], eps=EPS, steps=3)
    assert torch.equal(by_index.images, by_name.images) and by_name.wanted == [CLASSES[i] for i in targets]
    dark = targeted_attack(classifier, images, "dark", eps=EPS, steps=3)
    assert torch.equal(dark.images, targeted_attack(classifier, images, 4, eps=EPS, steps=3).images)
    assert dark.wanted == ["dark"] * 6


def test_images_that_are_the_target_already_are_reported_as_such(classifier, task):
    images, labels, _ = task
    result = targeted_attack(classifier, images, "dark", eps=EPS, steps=2)
    assert torch.equal(result.already, labels == CLASSES.index("dark"))
    assert result.success[result.already].all()
    assert f"{int(result.already.sum())} of them before" in repr(result)


def test_a_wrong_label_counts_as_tricked_already(classifier, task):
    images, _, targets = task
    result = untargeted_attack(classifier, images, targets, eps=EPS, steps=2)
    assert result.already.all() and result.success.all()


def test_the_result_prints_as_one_readable_line(classifier, task):
    images, labels, _ = task
    line = str(targeted_attack(classifier, images[labels != 4], "dark", eps=8 / 255, steps=5, restarts=2))
    assert "\n" not in line and line.startswith("targeted attack to dark, linf eps 8/255: ")
    assert f"of {int((labels != 4).sum())} images tricked" in line and "up to 10 gradient steps" in line


def test_the_result_shows_itself_as_a_figure_with_words(classifier, task):
    images, _, targets = (part[:3] for part in task)
    html = targeted_attack(classifier, images, targets, eps=0.2, steps=5)._repr_html_()
    assert html.startswith("<p>targeted attack to ") and "<img " in html and 'alt="' in html


def test_an_interrupt_returns_the_best_so_far(classifier, task):
    images, _, targets = task

    def stop(step, *_):
        if step == 4:
            raise KeyboardInterrupt

    result = targeted_attack(classifier, images, targets, eps=0.2, batch_size=40, restarts=3, on_step=stop)
    assert result.interrupted and "interrupted" in repr(result)
    assert result.iterations.tolist() == [4] * 40 + [0] * (len(images) - 40)
    assert result.success[:40].any() and torch.equal(result.images[40:], images[40:])
    assert len(result.predicted) == len(images)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_attacks_work_where_gradients_are_switched_off(classifier, task, context):
    images, _, targets = (part[:6] for part in task)
    expected = targeted_attack(classifier, images, targets, eps=EPS, steps=3)
    with context():
        result = targeted_attack(classifier, images.clone(), targets, eps=EPS, steps=3)
    assert torch.equal(result.images, expected.images)


def test_device_and_precision_follow_the_classifier(classifier, task):
    images, _, _ = (part[:6] for part in task)
    double = Classifier(Net().double(), classes=CLASSES, size=12)
    result = untargeted_attack(double, images, says(double, images), eps=EPS, steps=3)
    assert result.images.dtype == torch.float64 and result.linf.max() <= EPS + 1e-12


def test_the_images_and_the_classifier_are_left_as_found(classifier, task):
    images, _, targets = (part.clone() for part in task)
    classifier.zero_grad()
    classifier.train()
    classifier.module.features[1].eval()
    classifier.module.head[2].weight.requires_grad_(False)
    state = {name: value.clone() for name, value in classifier.state_dict().items()}
    try:
        targeted_attack(classifier, images, targets, eps=EPS, steps=2, restarts=2)
        assert classifier.training and not classifier.module.features[1].training
        assert [w.requires_grad for w in classifier.module.head[2].parameters()] == [False, True]
        assert all(weight.grad is None for weight in classifier.parameters())
        assert all(torch.equal(value, state[name]) for name, value in classifier.state_dict().items())
        assert torch.equal(images, task[0])
    finally:
        classifier.eval()
        classifier.module.head[2].weight.requires_grad_(True)


# Bad input


@pytest.mark.parametrize("attack", [targeted_attack, untargeted_attack])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"eps": -1 / 255}, "expected a radius of at least 0"),
        ({"eps": 8}, "eps=8/255, not eps=8"),
        ({"eps": float("nan"), "norm": "l2"}, "eps=nan given"),
        ({"norm": "l1"}, "expected 'linf'"),
        ({"steps": 0}, "steps=0 given, expected a whole number of at least 1"),
        ({"steps": 2.5}, "steps=2.5 given"),
        ({"restarts": 0}, "restarts=0 given"),
        ({"batch_size": 0}, "batch_size=0 given"),
        ({"step_size": 0}, "step_size=0 given"),
        ({"step_size": float("inf")}, "step_size=inf given"),
        ({"stop_at": 0}, "stop_at=0 given, expected a confidence above 0"),
        ({"stop_at": 1.5}, "stop_at=1.5 given"),
        ({"seed": -1, "random_start": True}, "seed=-1 given"),
    ],
)
def test_impossible_settings_are_refused_in_one_sentence(classifier, task, attack, options, words, unchecked):
    with pytest.raises(ValueError, match=words):
        attack(classifier, task[0], task[2], **options)


@pytest.mark.parametrize("attack", [targeted_attack, untargeted_attack])
@pytest.mark.parametrize(
    ("wanted", "words"),
    [("drak", "'dark'"), (7, "0 to 4"), ([0, 1], "2 classes"), (["dark"] * 3, "3 classes")],
)
def test_impossible_targets_are_refused_in_one_sentence(classifier, task, attack, wanted, words):
    with pytest.raises(ValueError, match=words):
        attack(classifier, task[0], wanted)


@pytest.mark.parametrize("change", [lambda x: 255 * x, lambda x: x - 0.5, lambda x: x[:0], lambda x: x[..., :8]])
def test_impossible_images_are_refused(classifier, task, change):
    with pytest.raises(ValueError):
        targeted_attack(classifier, change(task[0]), 0)


def test_a_target_that_all_images_are_already_is_refused(classifier, task):
    images, labels, _ = task
    with pytest.raises(ValueError, match="called dark already: choose another target"):
        targeted_attack(classifier, images[labels == 4], "dark")


def test_a_plain_module_is_refused_with_advice(task, unchecked):
    with pytest.raises(TypeError, match="Classifier\\(module, classes="):
        targeted_attack(Net(), task[0], 0)


class Broken(Net):
    """A net whose gradients fail in a given way."""

    def __init__(self, spoil):
        super().__init__()
        self.spoil = spoil

    def forward(self, images):
        return self.spoil(super().forward(images))


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda logits: logits.detach(), RuntimeError, "no gradient flows"),
        (lambda logits: 0 * logits, RuntimeError, "zero at step 0 for every sample"),
        (
            lambda logits: logits.sum(1, keepdim=True).sub(1e9).sqrt() + logits,
            FloatingPointError,
            "NaN.*at step 0",
        ),
    ],
)
def test_a_classifier_without_usable_gradients_is_named_as_such(task, spoil, error, words):
    with pytest.raises(error, match=words):
        untargeted_attack(Classifier(Broken(spoil), classes=CLASSES, size=12), task[0], task[1])


class BlindToBlack(Net):
    """A net that sees nothing of an image that is black altogether."""

    def forward(self, images):
        seen = images.detach().amax((1, 2, 3)) > 0
        return super().forward(images) * seen[:, None]


def test_single_images_without_gradients_are_named_and_the_others_are_attacked(task):
    images, labels, _ = (part[:9].clone() for part in task)
    images[7] = 0
    blind = Classifier(BlindToBlack(), classes=CLASSES, size=12)
    with pytest.warns(RuntimeWarning, match=r"every sample \(7\)"):
        result = untargeted_attack(blind, images, labels, eps=EPS, steps=3, batch_size=1)
    assert (result.iterations > 0).tolist() == [i != 7 for i in range(9)]


def test_a_ball_too_small_for_any_step_leaves_the_images_alone(classifier):
    images, _ = pictures(3, seed=5)
    result = targeted_attack(classifier, images, "left", eps=5e-324, steps=4)
    assert result.images.equal(images) and not result.iterations.any()
