"""A word cloud never stands alone, is the same for the same seed, and says in words what it shows."""

import math
import random

import numpy as np
import pytest
from matplotlib.colors import to_hex
from wordcloud import WordCloud

from course_utils.figures.curves import STRONG, WEAK
from course_utils.figures.style import DescribedFigure
from course_utils.language import association_scores, word_cloud, word_shares
from course_utils.language.clouds import SHADES
from course_utils.language.word_scores import plot_associations


def prompts_for(words, number=40, seed=0):
    draw = random.Random(f"{words} {seed}")
    return [[draw.choice(words), draw.choice(["the", "near", "a"]), f"rare{draw.randrange(30)}"] for _ in range(number)]


@pytest.fixture(scope="module")
def prompts():
    return prompts_for(["pink", "gentle", "shy"])


@pytest.fixture(scope="module")
def scores(prompts):
    return association_scores(prompts, prompts_for(["loud", "rough"], 120), shuffles=199)


def cloud_of(picture):
    return np.asarray(picture.figure.axes[0].images[0].get_array())


def colours(picture):
    """All colours of the cloud, as #rrggbb."""
    return {to_hex(colour / 255) for colour in np.unique(cloud_of(picture).reshape(-1, 3), axis=0)}


def texts(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_the_cloud_stands_beside_bars_of_the_same_words(scores, prompts):
    for given in (scores, prompts, {"pink": 3.0, "shy": 1.0}):
        picture = word_cloud(given)
        assert isinstance(picture, DescribedFigure)
        cloud, bars = picture.figure.axes
        assert len(cloud.images) == 1
        assert len(bars.patches) == len(texts(bars)) > 0
        for word in texts(bars)[:2]:
            assert word in picture.alt


def test_the_same_seed_gives_the_same_image_and_another_one_another(prompts):
    one, again, other = (word_cloud(prompts, seed=seed).webp() for seed in (3, 3, 4))
    assert one == again
    assert one != other


def test_the_order_of_the_prompts_makes_no_difference(prompts):
    assert np.array_equal(cloud_of(word_cloud(prompts)), cloud_of(word_cloud(prompts[::-1])))


def test_words_that_survive_are_in_colour_and_the_others_grey(scores):
    assert {STRONG.lower(), WEAK.lower()} <= colours(word_cloud(scores))
    assert 0 < len(scores.survivors) < len(scores)
    filled = [to_hex(bar.get_facecolor()) != "#ffffff" for bar in word_cloud(scores).figure.axes[1].patches]
    assert filled == scores.survives[: len(filled)].tolist()


def test_the_survivors_are_named_by_the_alt_text_and_the_others_marked(scores):
    alt = word_cloud(scores).alt
    assert f"{len(scores.survivors)} of {len(scores)} words survive" in alt
    assert "rare" in alt and "(does not survive)" in alt
    assert f"{scores.survivors[0]} ×" in alt


def test_frequencies_are_shares_of_prompts_with_intervals(prompts):
    shares = word_shares(prompts)
    assert shares["pink"].successes == sum("pink" in prompt for prompt in prompts)
    assert list(shares) == sorted(shares, key=lambda word: -shares[word].successes)
    bars = word_cloud(prompts).figure.axes[1]
    first = next(iter(shares.values()))
    assert bars.patches[0].get_width() == pytest.approx(100 * first.value)
    (interval,) = [line for line in bars.collections if len(line.get_segments()) == len(bars.patches)]
    assert interval.get_segments()[0][:, 0] == pytest.approx([100 * first.low, 100 * first.high])


def test_larger_weights_are_drawn_larger():
    """Two words that look alike: the heavier one covers more of the image."""
    cloud = cloud_of(word_cloud({"nnnn": 10.0, "uuuu": 1.0}))
    covered = {colour: (np.abs(cloud.astype(int) - _rgb(colour)).sum(2) < 30).sum() for colour in SHADES[:2]}
    assert covered[SHADES[0]] > 2 * covered[SHADES[1]] > 0


def test_equal_numbers_are_drawn_equally_large_also_in_a_crowd(monkeypatch):
    """The library makes the last words smaller when there is no more room for them: then all have to be smaller."""
    clouds, generate = [], WordCloud.generate_from_frequencies
    monkeypatch.setattr(
        WordCloud, "generate_from_frequencies", lambda self, *a: clouds.append(generate(self, *a)) or self
    )
    for number in (3, 40):
        picture = word_cloud({f"word{i:03}": 1.0 for i in range(number)})
        fonts = [font for _, font, *_ in clouds[-1].layout_]
        assert len(fonts) == number
        assert len(set(fonts)) == 1
        assert picture.alt.count("word0") >= 3


def _rgb(colour):
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])


def test_bars_show_odds_ratios_and_both_intervals(scores):
    axes = plot_associations(scores, most=5).figure.axes[0]
    assert texts(axes) == scores.top(5)
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(scores.log_odds[:5].tolist())
    own, corrected = (
        [np.asarray(segment)[:, 0].tolist() for segment in lines.get_segments()] for lines in axes.collections[:2]
    )
    np.testing.assert_allclose(own, scores.interval[:5], rtol=1e-5)
    np.testing.assert_allclose(corrected, scores.corrected_interval[:5], rtol=1e-5)


def test_a_null_cloud_says_that_nothing_survives():
    draw = random.Random(0)
    one, other = ([[f"w{draw.randrange(40)}" for _ in range(3)] for _ in range(n)] for n in (40, 120))
    picture = word_cloud(association_scores(one, other, shuffles=199))
    assert "None of" in picture.alt
    assert WEAK.lower() in colours(picture)
    assert STRONG.lower() not in colours(picture)


def test_my_own_title_and_words_are_taken(prompts):
    picture = word_cloud(prompts, title="What I see", alt="Three words about girls.")
    assert picture.alt == "Three words about girls."
    assert picture.figure.get_suptitle() == "What I see"


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ([], ValueError, "no word in 0 prompts"),
        ([[""], []], ValueError, "no word in 2 prompts"),
        ({}, ValueError, "nothing to draw"),
        ({"pink": 0.0, "shy": -1.0}, ValueError, "none of the 2 words"),
        ({"pink": "a lot"}, TypeError, "weight of 'pink' is str"),
        ({"pink": math.inf, "shy": 1.0}, ValueError, "the weight of 'pink' is inf, expected a finite number"),
        ({"pink": math.nan}, ValueError, "the weight of 'pink' is nan"),
        ("pink gentle", TypeError, "is str"),
    ],
)
def test_a_cloud_of_nothing_is_refused_in_a_sentence(given, error, says, unchecked):
    with pytest.raises(error, match=says):
        word_cloud(given)


def test_at_least_one_word_has_to_be_drawn(prompts):
    with pytest.raises(ValueError, match="most=0"):
        word_cloud(prompts, most=0)
    assert len(texts(word_cloud(prompts, most=1).figure.axes[1])) > 1  # the bars show what the cloud leaves out


def test_letters_beyond_latin_are_drawn():
    picture = word_cloud({"Größe": 2.0, "наука": 1.0, "τέχνη": 1.0})
    assert all(word in picture.alt for word in ("Größe", "наука", "τέχνη"))


def test_weights_come_as_numpy_numbers_and_a_word_with_and_without_its_space_is_one():
    picture = word_cloud({" girl": np.int64(5), "girl": np.float32(1), "boy": 2})
    assert texts(picture.figure.axes[1]) == ["girl", "boy"]
    assert "Weight: girl 6, boy 2" in picture.alt


@pytest.mark.filterwarnings("error")
def test_blank_words_and_words_of_several_lines_are_marks():
    picture = word_cloud({"\n": 3.0, " ": 2.0, ");\n\n}": 1.0, "a\x1cb": 1.0, "$\\foo$": 1.0})
    assert picture._repr_html_()
    assert texts(picture.figure.axes[1])[:3] == [r"\n", "␣", r");\n\n}"]


@pytest.mark.filterwarnings("error")
def test_letters_that_no_font_has_are_numbers_which_the_page_explains():
    picture = word_cloud({"世界": 3.0, "girl": 2.0, "界": 1.0})
    html = picture._repr_html_()
    if picture.numbers:  # there is a font for them on some computers
        assert picture.numbers == {"世界": "[1]", "界": "[2]"}
        assert texts(picture.figure.axes[1]) == ["[1]", "girl", "[2]"]
        assert "[1] 世界 · [2] 界" in html
    assert "世界" in picture.alt
