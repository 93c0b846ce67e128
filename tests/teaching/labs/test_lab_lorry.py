"""The lab of chapter 1 repaints the lorry and says whether it is seen."""

import pytest

from course_utils import load_classifier
from course_utils.show import lorry_lab, plot_shares
from course_utils.utils import proportion


def test_the_lab_says_when_the_lorry_is_seen_and_when_not():
    panel = lorry_lab(load_classifier("pocket")).panel()
    assert "it sees the lorry" in panel.line.value
    before = panel.view.value
    panel.controls["trailer"].value = "white"
    panel.controls["sky"].value = "bright"
    assert "it does not see the lorry" in panel.line.value and panel.view.value != before


def test_an_unknown_sky_is_refused():
    with pytest.raises(ValueError, match="unknown value for the factor 'sky'"):
        lorry_lab(load_classifier("pocket"), sky="green")


def test_shares_are_drawn_with_their_intervals_for_every_model():
    shares = {name: {"one": proportion(9, 10), "two": proportion(1, 10)} for name in ("a", "b")}
    axes = plot_shares(shares, xlabel="%", title="t", alt="two shares").figure.axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["one", "two"]
    assert [line.get_xdata().tolist() for line in axes.lines] == [[90, 10], [90, 10]]
    low, high = axes.collections[0].get_segments()[0][:, 0]
    assert low < 90 < high
    with pytest.raises(ValueError, match="no shares given"):
        plot_shares({}, xlabel="%", title="t", alt="nothing")
