"""A small table is HTML in a notebook and lines in a terminal."""

import pytest

from course_utils.show import show_table


def test_columns_become_rows_of_escaped_text():
    table = show_table({"word": ["a<b", "c"], "nats": [1.5, 2]}, caption="Two words")
    html = table._repr_html_()
    assert html.count("<tr>") == 3 and "a&lt;b" in html and "Two words" in html
    assert repr(table) == "Two words\nword | nats\na<b | 1.5\nc | 2"


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"columns of lengths \{'word': 2, 'nats': 1\} given"):
        show_table({"word": ["a", "b"], "nats": [1]})
