"""Curves and shares say what they show by themselves, unless other words are given."""

import pytest

from course_utils.show import plot_curves, plot_shares
from course_utils.utils import proportion


def test_a_curve_is_told_by_its_first_its_largest_and_its_last_value():
    figure = plot_curves([0, 1, 2, 3], {"a": [1, 5, 2, 0.5]}, xlabel="step", ylabel="score", title="It rises")
    assert figure.alt == "It rises. score against step. a: 1 at 0, 5 at 1, 0.5 at 3."


def test_shares_are_told_with_their_intervals():
    figure = plot_shares({"net": {"cats": proportion(9, 10)}}, xlabel="right, %", title="Cats")
    assert figure.alt == "Cats. right, %. net: cats 90.0 % [59.6, 98.2]."


@pytest.mark.parametrize("alt", ["", "  "])
def test_empty_words_are_refused(alt):
    with pytest.raises(ValueError, match="alt is empty"):
        plot_curves([0], {"a": [1]}, xlabel="x", ylabel="y", title="t", alt=alt)
    with pytest.raises(ValueError, match="alt is empty"):
        plot_shares({"net": {"cats": proportion(9, 10)}}, xlabel="x", title="t", alt=alt)
