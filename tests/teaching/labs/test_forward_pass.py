"""The drawing of a text's way through a model names its tokens, their ids and what comes next."""

import pytest

from course_utils import load_language_model
from course_utils.show import plot_forward_pass


def test_every_token_has_its_row_from_text_to_probability():
    lm = load_language_model("pocket-lm")
    drawn = plot_forward_pass(lm, "Shanghai is a city in")
    texts = [text.get_text() for text in drawn.figure.axes[0].texts]
    assert all(str(i) in texts for i in lm.tokens("Shanghai is a city in"))
    assert texts.count(f"{lm.width} numbers") == 2 * 5
    assert "␣China" in drawn.alt and any(text.startswith("␣China") for text in texts)
    with pytest.raises(ValueError, match="a text of 9 tokens given, expected 1 to 8"):
        plot_forward_pass(lm, "The shy girl" * 3)
