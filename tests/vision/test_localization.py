"""Localization scores: what they give where the right answer can be counted by hand, and what they refuse."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.vision.measures import intersection_over_union, pointing_game, relevance_mass

SCORES = pytest.mark.parametrize("score", [pointing_game, relevance_mass, intersection_over_union])


def square(top, left, height, width, size=8):
    mask = torch.zeros(1, size, size)
    mask[:, top : top + height, left : left + width] = 1
    return mask


@SCORES
def test_the_truth_itself_scores_one_and_its_complement_zero(score):
    truth = square(2, 3, 4, 2)
    assert score(truth, truth).tolist() == [1.0]
    assert score(1 - truth, truth).tolist() == [0.0]


@SCORES
@given(seed=st.integers(0, 1000), factor=st.floats(0.01, 100))
def test_scores_lie_in_the_unit_range_and_do_not_depend_on_the_maps_scale(score, seed, factor):
    maps = torch.rand(3, 6, 6, generator=torch.Generator().manual_seed(seed))
    truth = square(1, 1, 3, 3, size=6).expand(3, -1, -1)
    found = score(maps, truth)
    assert found.min() >= 0 and found.max() <= 1
    torch.testing.assert_close(score(maps * factor, truth), found)


def test_ties_share_the_point():
    assert pointing_game(torch.ones(1, 8, 8), square(0, 0, 2, 8)).item() == pytest.approx(1 / 4)
    maps = square(0, 0, 1, 1) + square(7, 7, 1, 1)  # two largest pixels, one of them inside
    assert pointing_game(maps, square(0, 0, 2, 2)).item() == 0.5


def test_relevance_mass_ignores_what_speaks_against_and_counts_half_covered_pixels_by_half():
    maps = torch.zeros(1, 8, 8)
    maps[0, 0, 0], maps[0, 0, 1], maps[0, 7, 7] = 3.0, 1.0, -5.0
    truth = square(0, 0, 1, 1) + 0.5 * square(0, 1, 1, 1)
    assert relevance_mass(maps, truth).item() == pytest.approx((3 + 0.5) / 4)
    assert relevance_mass(torch.zeros(1, 8, 8), truth).item() == 0


def test_intersection_over_union_counts_pixels_above_a_share_of_the_maximum():
    maps = 10 * square(0, 0, 4, 4) + 4 * square(4, 0, 4, 4)
    truth = square(0, 0, 4, 4)
    assert intersection_over_union(maps, truth, 0.5).item() == 1
    assert intersection_over_union(maps, truth, 0.3).item() == 0.5
    assert intersection_over_union(torch.zeros(1, 8, 8), truth).item() == 0


def test_intersection_over_union_agrees_with_the_definition_on_sets():
    generator = torch.Generator().manual_seed(4)
    maps, truth = torch.rand(20, 9, 7, generator=generator), torch.rand(20, 9, 7, generator=generator)
    for each, mask, found in zip(maps, truth, intersection_over_union(maps, truth, 0.6), strict=True):
        ours = {i for i, v in enumerate(each.flatten().tolist()) if v > 0.6 * each.max()}
        theirs = {i for i, v in enumerate(mask.flatten().tolist()) if v >= 0.5}
        assert found.item() == pytest.approx(len(ours & theirs) / len(ours | theirs))


@SCORES
def test_what_cannot_be_scored_is_refused(score, unchecked):
    maps, truth = torch.rand(2, 4, 4), torch.ones(2, 4, 4)
    with pytest.raises(ValueError, match="expected the same"):
        score(maps, torch.ones(2, 5, 5))
    with pytest.raises(ValueError, match="NaN"):
        score(maps * torch.nan, truth)
    truth[1] = 0
    with pytest.raises(ValueError, match="no pixel of image 1"):
        score(maps, truth)


def test_a_threshold_outside_its_range_is_refused():
    with pytest.raises(ValueError, match=r"threshold=1\.5"):
        intersection_over_union(torch.ones(1, 4, 4), torch.ones(1, 4, 4), 1.5)
