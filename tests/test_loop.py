"""The loop: what it promises for every canvas, objective, prior and transform."""

import os
import subprocess
import sys
from contextlib import suppress

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import config
from torch import nn

from course_utils.canvas import Canvas, EpsilonBall
from course_utils.loop import NormalizedStep, SignStep, optimize
from course_utils.objectives import Logit, LogProb, Objective, Term


class Dots(Canvas):
    """The smallest canvas: free numbers, seen as they are."""

    def __init__(self, start):
        super().__init__()
        self.numbers = nn.Parameter(start.clone())

    def render(self):
        return self.numbers.clone()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.relu = nn.Linear(4, 16), nn.ReLU(inplace=True)
        self.norm, self.drop, self.last = nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 3)

    def forward(self, dots):
        return self.last(self.drop(self.norm(self.relu(self.first(dots)))))


class Peak(Objective):
    """Highest, at 0, where the dots equal the centre."""

    def __init__(self, centre):
        self.centre = centre

    def __call__(self, outputs):
        return -(outputs.logits - self.centre).square().sum(1)


class Size(Term):
    def __call__(self, variable):
        return variable.square().sum(1)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net()


@pytest.fixture
def start():
    return torch.randn(6, 4, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def unchecked():
    """Without the tests' run-time type checks: a reader who passes the wrong type sees our own message."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


def adam(parameters):
    return torch.optim.Adam(parameters, lr=0.1)


def too_long(parameters):
    """Steps that jump over the top, back and forth."""
    return SignStep(parameters, lr=0.7)


def evaluate(net, x, objective):
    """An evaluation that shares no code with the loop."""
    mode = net.training
    with torch.no_grad():
        logits = net.eval()(x)
    net.train(mode)
    return logits, logits.log_softmax(1)[:, objective]


# The score goes up, and the best is kept


def test_the_loop_finds_the_top_of_a_hill():
    canvas = Dots(torch.zeros(3, 4))
    result = optimize(nn.Identity(), canvas, Peak(torch.arange(4.0)), steps=200, optimizer=adam)
    torch.testing.assert_close(result.x, torch.arange(4.0).expand(3, 4), atol=0.02, rtol=0)
    assert result.score.max() <= 0 and result.score.min() > -1e-3


def test_a_prior_is_subtracted_and_its_weight_scales_it():
    for weight in (0.0, 0.5, 3.0):
        canvas = Dots(torch.ones(2, 4))
        result = optimize(nn.Identity(), canvas, Peak(2.0), priors=[weight * Size()], steps=300, optimizer=adam)
        # the maximum of −(x − 2)² − w x² lies at 2 / (1 + w)
        torch.testing.assert_close(result.x, torch.full((2, 4), 2 / (1 + weight)), atol=0.02, rtol=0)
        expected = -(result.x - 2).square().sum(1) - weight * result.x.square().sum(1)
        torch.testing.assert_close(result.score, expected)


def test_priors_see_the_canvas_variable_and_not_what_the_model_sees():
    images = torch.full((2, 3, 2, 2), 0.5)
    seen = []

    def note(variable):
        seen.append(variable.detach().clone())
        return 0 * variable.sum((1, 2, 3))

    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    optimize(net, EpsilonBall(images, 0.1), Logit(0), priors=[note], steps=1, optimizer=lambda p: SignStep(p, 0.05))
    assert torch.equal(seen[0], torch.zeros_like(images))  # the perturbation, not the images
    torch.testing.assert_close(seen[-1].abs(), torch.full_like(images, 0.05))


def test_the_best_is_kept_and_not_the_last(start):
    scores = []

    def note(step, x, outputs, score):
        scores.append(score.detach())

    result = optimize(nn.Identity(), Dots(start), Peak(0.3), steps=30, optimizer=too_long, on_step=note)
    scores = torch.stack(scores)
    assert len(scores) == 31  # each step and the end
    assert torch.equal(result.score, scores.amax(0)) and torch.equal(result.best_step, scores.argmax(0))
    assert (result.score > scores[-1]).any()


def test_the_canvas_and_the_result_hold_what_the_numbers_say(net, start):
    canvas = Dots(start)
    result = optimize(net, canvas, LogProb(0), steps=30, optimizer=too_long)
    logits, score = evaluate(net, result.x, 0)
    assert torch.equal(canvas.render(), result.x) and result.canvas is canvas
    torch.testing.assert_close(result.logits, logits)
    torch.testing.assert_close(result.score, score)


class Scripted(Canvas):
    """Shows one row of a script after the other, whatever its gradient."""

    def __init__(self, *rows):
        super().__init__()
        self.script, self.step, self.position = torch.tensor(rows), 0, nn.Parameter(torch.zeros(1, 1))

    def render(self):
        return self.script[self.step] + 1e-3 * self.position  # a gradient, but no influence

    def project(self):
        self.step += 1


def test_with_a_confidence_a_success_outranks_a_higher_score():
    # While the score rises, the answer is class 1, then 0, then 1 again: only the middle is a success.
    script = [0.0, 1.0], [2.0, 1.0], [4.0, 9.0]
    plain = optimize(nn.Identity(), Scripted(*script), Logit(0), steps=2)
    sure = optimize(nn.Identity(), Scripted(*script), Logit(0), steps=2, confidence=Logit(0).confidence)
    assert plain.best_step.tolist() == [2]
    assert sure.best_step.tolist() == [1]


def test_what_is_certain_enough_is_kept_even_if_a_less_certain_success_had_scored_higher():
    script = [5.0, 4.9], [3.0, -3.0], [9.0, 8.9]
    aim = {"confidence": Logit(0).confidence, "stop_at": 0.9}
    result = optimize(nn.Identity(), Scripted(*script), Logit(0), steps=2, **aim)
    assert result.best_step.tolist() == [1]
    assert result.confidence.item() > 0.9


def test_evaluation_is_clean_so_that_a_lucky_transform_does_not_win(net, start):
    def lucky(x, generators):
        return x + torch.stack([30 * torch.randn(4, generator=generator) for generator in generators])

    result = optimize(net, Dots(start), LogProb(0), transforms=[lucky], steps=25, evaluate_every=5, optimizer=adam)
    logits, score = evaluate(net, result.x, 0)
    torch.testing.assert_close(result.score, score)
    torch.testing.assert_close(result.logits, logits)
    assert (result.best_step % 5 == 0).all()
    assert (result.score >= evaluate(net, start, 0)[1] - 1e-6).all()


# One forward pass


@pytest.mark.parametrize(("transforms", "passes"), [((), 12 + 1), ([lambda x, generators: x], 12 + 3 + 1)])
def test_passes_are_not_wasted(net, start, transforms, passes):
    count = []
    handle = net.first.register_forward_hook(lambda *_: count.append(1))
    both = LogProb(0) + 0.1 * Activity("relu") + 0.1 * Activity("norm")
    optimize(net, Dots(start), both, transforms=transforms, steps=12, evaluate_every=5)
    handle.remove()
    assert len(count) == passes


class Activity(Objective):
    def __init__(self, layer):
        self.layers = (layer,)

    def __call__(self, outputs):
        return outputs[self.layers[0]].mean(1)


def test_an_objective_about_a_layer_climbs_that_layer(net, start):
    result = optimize(net, Dots(start), Activity("relu"), steps=30, optimizer=adam)
    before = net.first(start).relu().mean(1)
    assert (result.score > before + 0.1).all()
    torch.testing.assert_close(result.score, net.first(result.x).relu().mean(1))


# Samples are independent


RULES = {
    "adam": adam,
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    "normalized": lambda parameters: NormalizedStep(parameters, 0.1),
}


@given(seed=st.integers(0, 1000), size=st.integers(1, 5), rule=st.sampled_from(sorted(RULES)))
@settings(max_examples=15, deadline=None)
def test_a_sample_does_not_notice_its_neighbours(seed, size, rule):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).double()  # smooth, so rounding stays small
    start, targets = torch.randn(size, 4).double(), torch.randint(3, (size,))
    together = optimize(net, Dots(start), LogProb(targets), steps=5, optimizer=RULES[rule])
    for i in range(size):
        alone = optimize(net, Dots(start[[i]]), LogProb(targets[[i]]), steps=5, optimizer=RULES[rule])
        torch.testing.assert_close(together.x[[i]], alone.x, atol=1e-6, rtol=0)


def test_random_draws_do_not_depend_on_the_size_of_the_batch(net, start):
    def drawn_for(batch, seed):
        draws = []

        def transform(x, generators):
            draws.append(torch.stack([torch.rand(2, generator=generator) for generator in generators]))
            return x

        optimize(net, Dots(start[:batch]), LogProb(0), transforms=[transform], steps=3, seed=seed)
        return torch.stack(draws)

    assert torch.equal(drawn_for(6, seed=1)[:, :4], drawn_for(4, seed=1))
    assert not torch.equal(drawn_for(6, seed=1), drawn_for(6, seed=2))
    assert len(drawn_for(6, seed=1).unique()) == 3 * 6 * 2  # every sample and every step draws anew


def test_random_draws_do_not_change_when_other_samples_leave(net, start):
    def draws_of_the_last(left):
        draws = []

        def transform(x, generators):
            draws.append(torch.rand(2, generator=generators[-1]))
            return x

        optimize(net, Dots(start), LogProb(0), transforms=[transform], steps=8, evaluate_every=2, **left)
        return torch.stack(draws)

    leaving = torch.tensor([1.0, 1, 1, 1, 1, 0])  # all but the last leave at the first evaluation
    left = {"stop_at": 0.5, "confidence": lambda outputs: leaving[outputs.samples]}
    assert torch.equal(draws_of_the_last(left), draws_of_the_last({}))


def test_a_sample_keeps_its_draws_when_it_is_told_its_index(net, start):
    def noisy(x, generators):
        return x + torch.stack([torch.rand(4, generator=generator) for generator in generators])

    noise = {"transforms": [noisy], "steps": 5, "optimizer": adam}
    whole = optimize(net, Dots(start), LogProb(0), **noise)
    part = optimize(net, Dots(start[[5, 2]]), LogProb(0), indices=[5, 2], **noise)
    torch.testing.assert_close(part.x, whole.x[[5, 2]], atol=1e-4, rtol=0)


def test_the_same_call_gives_the_same_bits(net, start):
    def transform(x, generators):
        return x + torch.stack([torch.randn(4, generator=generator) for generator in generators])

    runs = [optimize(net, Dots(start), LogProb(0), transforms=[transform], steps=20, seed=4) for _ in "12"]
    assert torch.equal(runs[0].x, runs[1].x) and torch.equal(runs[0].score, runs[1].score)


# Samples that are done


def test_a_sample_that_is_done_stays_as_it_was_although_momentum_would_move_it(net, start):
    canvas, history, path = Dots(start), {}, []

    def note(step, x, outputs, score):
        path.append(canvas.render().detach())
        for row, sample in enumerate(outputs.samples.tolist()):
            history.setdefault(sample, []).append((x[row], outputs.logits[row].softmax(0)[0].item()))

    result = optimize(net, canvas, LogProb(0), steps=60, optimizer=adam, stop_at=0.7, on_step=note)
    assert (result.confidence >= 0.7).all()
    assert len({len(states) for states in history.values()}) > 1  # they are done at different steps
    for sample, states in history.items():
        x, probability = states[-1]
        assert torch.equal(result.x[sample], x)
        assert probability == pytest.approx(result.confidence[sample].item())
        assert all(earlier < 0.7 for _, earlier in states[:-1])
        assert result.steps[sample] == len(states) - 1
        assert all(torch.equal(later[sample], x) for later in path[len(states) - 1 :])


def test_samples_that_are_done_leave_those_that_go_on_their_own_targets(net, start):
    targets = [0, 1, 2, 0, 1, 2]
    stopped = optimize(net, Dots(start), LogProb(targets), steps=80, optimizer=adam, stop_at=0.6)
    assert (stopped.confidence >= 0.6).all() and stopped.logits.argmax(1).tolist() == targets


def test_stopping_works_with_transforms_and_priors(net, start):
    sizes = []

    def note(x, generators):
        assert len(generators) == len(x)
        sizes.append(len(x))
        return x

    result = optimize(
        net, Dots(start), LogProb(0), transforms=[note], priors=[0.001 * Size()],
        steps=100, optimizer=adam, stop_at=0.7, evaluate_every=3,
    )  # fmt: skip
    assert (result.confidence >= 0.7).all() and sizes == sorted(sizes, reverse=True) and len(sizes) < 100


# The model is left as found


def state_of(model):
    return (
        [module.training for module in model.modules()],
        [weight.requires_grad for weight in model.parameters()],
        [weight.grad for weight in model.parameters()],
        sum(len(module._forward_hooks) for module in model.modules()),
    )


def fail_with(error):
    def on_step(step, *_):
        if step == 2:
            raise error

    return on_step


@pytest.mark.parametrize("error", [None, ZeroDivisionError(), KeyboardInterrupt()])
def test_modes_flags_hooks_and_gradients_are_as_found_also_after_an_error(net, start, error):
    net.train()
    net.norm.eval()
    net.last.bias.requires_grad_(False)
    before, weights = state_of(net), {name: value.clone() for name, value in net.state_dict().items()}
    with suppress(ZeroDivisionError):
        optimize(net, Dots(start), LogProb(0) + Activity("relu"), steps=4, on_step=error and fail_with(error))
    assert state_of(net) == before
    assert all(torch.equal(value, weights[name]) for name, value in net.state_dict().items())


def test_the_model_is_used_in_eval_mode_without_weight_gradients(net, start):
    seen = []
    net.train()
    net.drop.register_forward_hook(lambda module, *_: seen.append((module.training, net.last.weight.requires_grad)))
    optimize(net, Dots(start), LogProb(0), steps=2)
    assert set(seen) == {(False, False)}


def test_an_interrupt_returns_the_best_so_far(net, start):
    result = optimize(net, Dots(start), LogProb(0), steps=50, optimizer=adam, on_step=fail_with(KeyboardInterrupt()))
    assert result.interrupted and "interrupted" in repr(result)
    assert (result.best_step <= 2).all() and result.steps.tolist() == [2] * 6
    torch.testing.assert_close(result.score, evaluate(net, result.x, 0)[1])


def test_an_interrupt_before_anything_was_reached_is_passed_on(net, start):
    def interrupt(outputs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        optimize(net, Dots(start), interrupt, steps=5)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_the_loop_works_where_gradients_are_switched_off(net, start, context):
    expected, canvas = optimize(net, Dots(start), LogProb(0), steps=3), Dots(start)
    with context():
        result = optimize(net, canvas, LogProb(0), steps=3)
    assert torch.equal(result.x, expected.x)


def test_precision_follows_the_canvas_and_the_model(net, start):
    result = optimize(net.double(), Dots(start.double()), LogProb(0), steps=3)
    assert result.x.dtype == result.score.dtype == torch.float64


# Progress


def test_short_work_shows_no_bar_and_long_work_does_if_asked(net, start, capsys):
    optimize(net, Dots(start), LogProb(0), steps=2)
    assert capsys.readouterr().err == ""
    optimize(net, Dots(start), LogProb(0), steps=2, progress=True)
    assert "optimising" in capsys.readouterr().err


def test_tqdm_disable_is_honoured(net, start, capsys, monkeypatch):
    monkeypatch.setattr("course_utils.utils.DELAY", 0)
    optimize(net, Dots(start), LogProb(0), steps=2)
    assert "optimising" in capsys.readouterr().err
    program = (
        "import torch; from course_utils import utils; utils.DELAY = 0\n"
        "list(utils.progress_bar(range(3), 'optimising'))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TQDM_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == ""


def test_importing_the_loop_pulls_in_nothing_heavy():
    program = (
        "import sys; import course_utils.loop, course_utils.vision\n"
        "heavy = {'IPython', 'ipywidgets', 'matplotlib', 'torchvision', 'transformers'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# Bad input


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 0}, "steps=0 given, expected a whole number of at least 1"),
        ({"steps": 1.5}, "steps=1.5 given"),
        ({"evaluate_every": 0}, "evaluate_every=0 given"),
        ({"stop_at": 0.0}, "stop_at=0.0 given"),
        ({"stop_at": 90}, "stop_at=90 given, expected a confidence above 0 and at most 1"),
        ({"stop_at": 0.9, "objective": Activity("relu")}, "has no confidence"),
        ({"objective": Activity("rleu")}, "unknown layer 'rleu': did you mean 'relu'"),
        ({"objective": lambda outputs: outputs.logits.mean()}, r"returned shape \(\), expected \(6,\)"),
        ({"objective": lambda outputs: outputs.logits}, r"returned shape \(6, 3\)"),
        ({"objective": lambda outputs: 1.0}, "returned float"),
        ({"priors": [lambda variable: variable.abs().mean()]}, r"returned shape \(\), expected \(6,\)"),
        ({"objective": LogProb([0, 1])}, "one for all or 6"),
        ({"indices": [1, 2]}, "2 indices given, expected 6"),
    ],
)
def test_impossible_settings_are_refused_in_one_sentence(net, start, options, words, unchecked):
    with pytest.raises(ValueError, match=words):
        optimize(net, Dots(start), **{"objective": LogProb(0), "steps": 3, **options})


@pytest.mark.parametrize("lr", [0, -0.1, float("nan")])
def test_impossible_step_sizes_are_refused(lr):
    with pytest.raises(ValueError, match="expected a step size above 0"):
        SignStep([nn.Parameter(torch.zeros(1))], lr)


def test_a_model_without_gradients_is_named_as_such(start):
    class Sealed(Net):
        @torch.no_grad()
        def forward(self, dots):
            return super().forward(dots)

    with pytest.raises(RuntimeError, match="no gradient flows from the objective back to the canvas"):
        optimize(Sealed(), Dots(start), LogProb(0), priors=[Size()], steps=3)


def test_gradients_that_are_all_zero_are_named_at_once(start):
    with pytest.raises(RuntimeError, match=r"zero at step 0 for every sample \(0, 1, 2, 3, 4, 5\)"):
        optimize(nn.Identity(), Dots(start), lambda outputs: 0 * outputs.logits.sum(1), steps=3)


def test_single_samples_without_gradient_are_named_and_the_others_go_on(start):
    alive = torch.tensor([1.0, 0, 1, 1, 0, 1])
    with pytest.warns(RuntimeWarning, match="zero at step 0 for samples 1, 4"):
        result = optimize(nn.Identity(), Dots(start), lambda outputs: alive * outputs.logits.sum(1), steps=3)
    moved = (result.x != start).any(1)
    assert moved.tolist() == alive.bool().tolist()
    with pytest.warns(RuntimeWarning, match="for samples 31, 34"):
        optimize(
            nn.Identity(),
            Dots(start),
            lambda outputs: alive * outputs.logits.sum(1),
            steps=1,
            indices=range(30, 36),
        )


def test_a_gradient_that_breaks_is_named_with_its_step_and_its_samples(start):
    class Breaking(nn.Module):
        def forward(self, dots):
            return dots.clamp(min=-1e9).sub(threshold).sqrt()

    threshold = torch.full((6, 1), -100.0)
    threshold[2] = start[2].min() - 0.05  # sample 2 crosses into the square root of a negative number
    with pytest.raises(FloatingPointError, match=r"at step [1-9]\d* \(samples 2\)"):
        optimize(Breaking(), Dots(start), lambda outputs: -outputs.logits.sum(1), steps=20)


# Step rules


def test_sign_steps_have_the_same_length_everywhere():
    parameter = nn.Parameter(torch.zeros(2, 3))
    parameter.grad = torch.tensor([[1e-9, -5.0, 0.0], [1.0, 1.0, -1e6]])
    SignStep([parameter], 0.1).step()
    torch.testing.assert_close(parameter.data, torch.tensor([[-0.1, 0.1, 0.0], [-0.1, -0.1, 0.1]]))


@given(scale=st.floats(1e-30, 1e30), lr=st.floats(1e-3, 10))
def test_normalized_steps_have_length_lr_for_each_sample_whatever_its_gradient(scale, lr):
    parameter = nn.Parameter(torch.zeros(3, 2, 4))
    gradient = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(0))
    parameter.grad = gradient * torch.tensor([1.0, scale, 0.0]).reshape(3, 1, 1)
    NormalizedStep([parameter], lr).step()
    lengths = parameter.detach().flatten(1).norm(dim=1)
    torch.testing.assert_close(lengths, torch.tensor([lr, lr, 0.0]), rtol=1e-4, atol=0)
    torch.testing.assert_close(parameter[1] / lr, -gradient[1] / gradient[1].norm(), rtol=1e-3, atol=1e-5)
