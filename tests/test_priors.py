"""Priors: penalties, one number an image, whose weights mean the same at every size."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from course_utils.priors import Prior, high_frequency, l1, l2, total_variation

PRIORS = pytest.mark.parametrize("prior", [l1, l2, total_variation, high_frequency], ids=lambda prior: prior.name)


def pictures(seed=0, batch=3, channels=3, height=7, width=10):
    return torch.rand(batch, channels, height, width, generator=torch.Generator().manual_seed(seed))


def by_numpy(prior, picture):
    """The penalty of one image (channels, height, width), with numpy and scipy alone."""
    if prior is l1:
        return np.abs(picture - 0.5).mean()
    if prior is l2:
        return ((picture - 0.5) ** 2).mean()
    if prior is total_variation:
        return np.abs(np.diff(picture, axis=1)).mean() + np.abs(np.diff(picture, axis=2)).mean()
    kernel = np.outer([1, 2, 1], [1, 2, 1])[None] / 16
    return ((picture - ndimage.convolve(picture, kernel, mode="nearest")) ** 2).mean()


@PRIORS
@given(seed=st.integers(0, 1000), channels=st.integers(1, 4), height=st.integers(2, 9), width=st.integers(2, 9))
@settings(deadline=None)
def test_a_penalty_is_what_numpy_and_scipy_make_of_each_image_alone(prior, seed, channels, height, width):
    given = pictures(seed, 3, channels, height, width)
    expected = [by_numpy(prior, picture) for picture in given.double().numpy()]
    assert prior(given).tolist() == pytest.approx(expected, rel=1e-4, abs=1e-7)


@PRIORS
@given(weight=st.floats(0, 100), again=st.floats(0, 100))
@settings(deadline=None)
def test_a_weight_multiplies(prior, weight, again):
    given, once = pictures(), prior(pictures())
    torch.testing.assert_close((weight * prior)(given), weight * once)
    torch.testing.assert_close((prior * weight * again)(given), weight * again * once, rtol=1e-4, atol=1e-5)
    assert (weight * prior).name == prior.name and prior.weight == 1


@PRIORS
@pytest.mark.parametrize("weight", [-1, -1e-9, math.nan, math.inf])
def test_a_penalty_that_rewards_is_refused(prior, weight):
    with pytest.raises(ValueError, match=f"given for {prior.name}, expected at least 0"):
        weight * prior


@PRIORS
@pytest.mark.parametrize("weight", ["2", None, torch.ones(2)])
def test_a_weight_is_a_number(prior, weight):
    with pytest.raises(TypeError):
        prior * weight


def test_priors_print_as_what_they_are():
    assert repr(30 * total_variation) == "30 · total_variation"
    assert repr(Prior(lambda x: x.sum((1, 2, 3)), 2)) == "2 · <lambda>"
    assert "mid-grey" in l1.__doc__ and "mid-grey" in (3 * l1).__doc__


@PRIORS
def test_a_weight_means_the_same_at_every_size(prior):
    small, large = pictures(height=64, width=64), pictures(height=160, width=128)  # noise, twice
    assert prior(large).mean().item() == pytest.approx(prior(small).mean().item(), rel=0.05)


@PRIORS
def test_no_image_is_penalised_for_another(prior):
    given = pictures()
    torch.testing.assert_close(prior(given)[1:2], prior(given[1:2]))
    given.requires_grad_()
    (gradient,) = torch.autograd.grad(prior(given)[1], given)
    assert gradient[1].any() and not gradient[[0, 2]].any()


def test_each_penalty_is_zero_for_what_it_prefers_and_for_nothing_else():
    grey, even = torch.full((1, 3, 6, 6), 0.5), torch.full((1, 3, 6, 6), 0.8)
    ramp = torch.linspace(0, 1, 24).expand(1, 3, 6, 24)
    noise = pictures(batch=1)
    for prior in (l1, l2, total_variation, high_frequency):
        assert prior(grey).item() == 0 and prior(noise).item() > 0
    assert total_variation(even).item() == 0 and high_frequency(even).item() == pytest.approx(0, abs=1e-12)
    assert l1(even).item() == pytest.approx(0.3) and l2(even).item() == pytest.approx(0.09)
    assert high_frequency(ramp[..., 1:-1]).item() < 1e-3 * high_frequency(noise).item()  # even but at the borders
    assert total_variation(ramp).item() == pytest.approx(1 / 23)


def test_total_variation_allows_an_edge_that_high_frequency_does_not():
    edge, ramp = torch.zeros(1, 1, 8, 9), torch.linspace(0, 1, 9).expand(1, 1, 8, 9)
    edge[..., 4:] = 1
    torch.testing.assert_close(total_variation(edge), total_variation(ramp))  # the same way up, at once or slowly
    assert high_frequency(edge).item() > 10 * high_frequency(ramp).item()


def test_priors_penalise_fine_patterns_most():
    checks = (torch.arange(8)[:, None] + torch.arange(8)).remainder(2).float().expand(1, 3, 8, 8)
    blocks = checks.repeat_interleave(4, 2).repeat_interleave(4, 3)
    for prior in (total_variation, high_frequency):
        assert prior(checks).item() > 3 * prior(blocks).item()
    for prior in (l1, l2):  # which know nothing of frequencies
        torch.testing.assert_close(prior(checks), prior(blocks))


def test_precision_follows_the_images():
    for prior in (l1, l2, total_variation, high_frequency):
        assert (3 * prior)(pictures().double()).dtype == torch.float64


def test_a_penalty_can_be_climbed_after_it_was_only_looked_at():
    size = 23  # that no other test asks for: what it needs is made here, and kept
    with torch.inference_mode():
        high_frequency(torch.rand(1, 3, size, size))
    pictures = torch.rand(1, 3, size, size, requires_grad=True)
    high_frequency(pictures).sum().backward()
    assert pictures.grad.any()
