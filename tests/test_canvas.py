"""Canvases: pictures that stay in their epsilon ball and in [0, 1]."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import config

from course_utils.canvas import EpsilonBall, random_start
from course_utils.randomness import sample_generators

ROUNDING = 1e-6  # of float32 numbers in [0, 1], and of their norms
NORMS = st.sampled_from(["linf", "l2"])


@pytest.fixture
def unchecked():
    """Without the tests' run-time type checks: a reader who passes the wrong type sees our own message."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


def pictures(seed, batch=3, size=4):
    return torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(seed))


def size_of(change, norm):
    return change.flatten(1).abs().amax(1) if norm == "linf" else change.flatten(1).norm(dim=1)


@given(norm=NORMS, eps=st.floats(0, 1), reach=st.floats(0, 100), seed=st.integers(0, 1000))
def test_whatever_a_step_does_projection_leads_into_the_ball_and_into_the_unit_range(norm, eps, reach, seed):
    images = pictures(seed)
    canvas = EpsilonBall(images, eps, norm)
    with torch.no_grad():
        canvas.perturbed += reach * torch.randn(images.shape, generator=torch.Generator().manual_seed(seed + 1))
    canvas.project()
    assert canvas.render().min() >= 0 and canvas.render().max() <= 1
    assert size_of(canvas.render() - images, norm).max() <= eps + ROUNDING


@given(norm=NORMS, eps=st.floats(0.01, 1), seed=st.integers(0, 1000))
def test_projection_leaves_alone_what_is_inside(norm, eps, seed):
    images = pictures(seed)
    nearby = images + 0.9 * (random_start(images, eps, norm, sample_generators(seed, range(3), "test")) - images)
    nearby = nearby.clamp(0, 1)
    torch.testing.assert_close(EpsilonBall(images, eps, norm, start=nearby).render(), nearby)


def test_an_l2_ball_may_be_larger_than_one_and_shortens_a_change_without_turning_it():
    images, change = torch.full((1, 3, 4, 4), 0.5), torch.linspace(-0.5, 0.5, 48).reshape(1, 3, 4, 4)
    canvas = EpsilonBall(images, 1.5, "l2", start=images + change)
    torch.testing.assert_close(canvas.variable(), change * 1.5 / change.norm())
    torch.testing.assert_close(EpsilonBall(images, 3.0, "l2", start=images + change).variable(), change)


def test_a_ball_of_radius_zero_holds_the_picture_alone():
    images = pictures(0)
    for norm in ("linf", "l2"):
        assert torch.equal(EpsilonBall(images, 0, norm, start=pictures(1)).render(), images)


def test_the_variable_that_priors_see_is_the_perturbation():
    images = torch.full((2, 3, 4, 4), 0.5)
    assert torch.equal(EpsilonBall(images, 0.25).variable(), torch.zeros_like(images))
    torch.testing.assert_close(EpsilonBall(images, 0.25, start=images + 0.1).variable(), torch.full_like(images, 0.1))


def test_rendering_gives_no_access_to_the_canvas():
    canvas = EpsilonBall(pictures(0), 0.1)
    canvas.render().detach().zero_()
    assert torch.equal(canvas.render(), pictures(0))


def test_the_given_pictures_are_not_changed():
    images = pictures(0)
    canvas = EpsilonBall(images, 0.1)
    with torch.no_grad():
        canvas.perturbed += 1
    canvas.project()
    assert torch.equal(images, pictures(0))


@given(norm=NORMS, eps=st.floats(0, 1), seed=st.integers(0, 100))
def test_random_starts_are_in_the_ball(norm, eps, seed):
    images = pictures(seed)
    start = random_start(images, eps, norm, sample_generators(seed, range(3), "start"))
    assert size_of(start - images, norm).max() <= eps + ROUNDING


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_picture_starts_at_the_same_point_whatever_stands_beside_it(norm):
    images = pictures(0, batch=5)
    together = random_start(images, 0.5, norm, sample_generators(7, range(5), "start"))
    alone = random_start(images[3:4], 0.5, norm, sample_generators(7, [3], "start"))
    assert torch.equal(alone, together[3:4])
    assert not torch.equal(together[0] - images[0], together[1] - images[1])
    assert not torch.equal(random_start(images, 0.5, norm, sample_generators(8, range(5), "start")), together)


def test_random_starts_fill_the_l2_ball_evenly():
    images = torch.full((4000, 3, 1, 1), 0.5)  # three dimensions: half the radius holds an eighth of the ball
    change = random_start(images, 0.4, "l2", sample_generators(0, range(4000), "start")) - images
    inner = (size_of(change, "l2") < 0.2).float().mean().item()
    assert inner == pytest.approx(1 / 8, abs=4 * math.sqrt(1 / 8 * 7 / 8 / 4000))
    assert change.flatten(1).mean(0).abs().max() < 4 * 0.4 / math.sqrt(5 * 4000)  # no direction is preferred


def test_random_starts_fill_the_linf_ball_evenly():
    images = torch.full((1000, 3, 1, 1), 0.5)
    change = (random_start(images, 0.4, "linf", sample_generators(0, range(1000), "start")) - images).flatten()
    counts = torch.histc(change, bins=4, min=-0.4, max=0.4) / 3000
    assert counts.tolist() == pytest.approx([0.25] * 4, abs=4 * math.sqrt(0.25 * 0.75 / 3000))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"eps": -0.1}, ValueError, "expected a radius of at least 0"),
        ({"eps": math.nan}, ValueError, "expected a radius of at least 0"),
        ({"eps": math.inf, "norm": "l2"}, ValueError, "expected a radius of at least 0"),
        ({"eps": 8}, ValueError, "eps=8/255, not eps=8"),
        ({"eps": 0.1, "norm": "l1"}, ValueError, "expected 'linf'"),
        ({"eps": 0.1, "images": 255 * pictures(0)}, ValueError, r"expected \[0, 1\]"),
        ({"eps": 0.1, "images": pictures(0) - 0.5}, ValueError, r"expected \[0, 1\]"),
        ({"eps": 0.1, "images": pictures(0) * math.nan}, ValueError, r"expected \[0, 1\]"),
        ({"eps": 0.1, "images": pictures(0)[:0]}, ValueError, "at least one picture"),
        ({"eps": 0.1, "images": (255 * pictures(0)).byte()}, TypeError, r"images.float\(\) / 255"),
        ({"eps": 0.1, "start": pictures(0)[:2]}, ValueError, "expected that of images"),
    ],
)
def test_impossible_balls_are_refused_in_one_sentence(arguments, error, words, unchecked):
    with pytest.raises(error, match=words):
        EpsilonBall(**{"images": pictures(0), **arguments})


@pytest.mark.parametrize("seed", [-1, 0.5, None])
def test_an_impossible_seed_is_refused(seed, unchecked):
    with pytest.raises(ValueError, match="whole number of at least 0"):
        sample_generators(seed, range(3), "start")
