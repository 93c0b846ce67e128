"""A small table is HTML in a notebook and lines in a terminal."""

import pytest

from course_utils.show import show_table
from course_utils.utils import proportion


def test_columns_become_rows_of_escaped_text():
    table = show_table({"word": ["a<b", "c"], "nats": [1.5, 2]}, caption="Two words")
    html = table._repr_html_()
    assert html.count("<tr>") == 3 and "a&lt;b" in html and "Two words" in html
    assert repr(table) == "Two words\nword | nats\na<b | 1.5\nc | 2"


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"columns of lengths \{'word': 2, 'nats': 1\} given"):
        show_table({"word": ["a", "b"], "nats": [1]})


def test_a_share_and_its_interval_are_not_torn_at_the_end_of_a_line():
    share = proportion([True, True, False])
    table = show_table({f"of 3 at {5} %": [share, "all, 3 of 3"]})
    html = table._repr_html_()
    assert str(share) in repr(table) and str(share) not in html
    assert html.replace("\u00a0", " ").count(str(share)) == 1 and html.count("\u00a0") == 3
    assert "%\u00a0[" not in html and "all, 3 of 3" in html
