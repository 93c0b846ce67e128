"""Shares come with an interval that means what it says."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.utils import proportion


def test_a_share_prints_with_its_interval():
    assert str(proportion(975, 1000)) == "97.5 % [96.3, 98.3]"


def test_the_interval_is_wilsons():
    # (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n), with p = 0.3, n = 20, z = 1.959964
    p, n, z = 0.3, 20, 1.959964
    middle, half = p + z**2 / (2 * n), z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    share = proportion(6, 20)
    assert share.low == pytest.approx((middle - half) / (1 + z**2 / n), abs=1e-5)
    assert share.high == pytest.approx((middle + half) / (1 + z**2 / n), abs=1e-5)


@given(st.integers(1, 500), st.data())
def test_the_interval_holds_the_share_and_stays_in_zero_to_one(total, data):
    share = proportion(data.draw(st.integers(0, total)), total)
    assert 0 <= share.low <= share.value + 1e-12
    assert share.value - 1e-12 <= share.high <= 1
    assert share.high > share.low  # never certain, not even at 0 % or 100 %


def test_outcomes_of_single_trials_can_be_given():
    assert proportion(torch.tensor([True, False, True, True])) == proportion(3, 4)


@pytest.mark.parametrize(("successes", "total"), [(3, 2), (-1, 5), (0, 0)])
def test_impossible_counts_are_refused(successes, total):
    with pytest.raises(ValueError, match="expected 0 ≤ successes ≤ trials"):
        proportion(successes, total)


def test_an_impossible_level_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        proportion(1, 2, level=95.0)
