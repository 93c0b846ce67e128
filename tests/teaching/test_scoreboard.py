"""A scoreboard counts what was found, and what was found where there is nothing."""

import pytest

from course_utils.teaching.scoreboard import Scoreboard, Verdict

CRITERIA = {"looking": "it looks right", "testing": "the answers turn"}


def verdicts(model, *found):
    rows = [("looking", "berries"), ("looking", "gap"), ("testing", "berries"), ("testing", "gap")]
    return tuple(Verdict(m, s, model, each, 0.5, 0.4) for (m, s), each in zip(rows, found, strict=True))


@pytest.fixture
def board():
    return Scoreboard(
        CRITERIA,
        verdicts("ordinary", True, None, True, True) + verdicts("robust", False, None, True, True),
        clean=verdicts("clean", True, None, False, False),
        alarms={"ordinary": {"testing": ["a", "b"]}, "clean": {"testing": ["c"]}},
    )


def test_what_was_found_is_counted_over_all_models(board):
    assert board.count("looking") == (1, 4) and board.count("testing") == (4, 4)
    assert (board.methods, board.secrets, board.models) == (
        ["looking", "testing"],
        ["berries", "gap"],
        ["ordinary", "robust"],
    )


def test_false_alarms_are_what_is_listed_or_found_on_clean_models_only(board):
    assert board.false_alarms("looking") == 1  # its criterion was met there
    assert board.false_alarms("testing") == 1  # its list there, though no criterion was met


def test_the_figure_says_in_words_what_it_shows(board):
    alt = board.plot().alt
    assert "testing finds in ordinary berries, gap; in robust berries, gap, 1 false alarms" in alt
    assert "looking finds in ordinary berries; in robust nothing" in alt
    assert "testing: 4 of 4" in board.plot().figure.axes[0].get_title(loc="left")


def test_it_comes_back_from_its_file(board, tmp_path):
    board.save(tmp_path / "board.json")
    again = Scoreboard.load(tmp_path / "board.json")
    assert again.verdicts == board.verdicts and again.clean == board.clean and repr(again) == repr(board)
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="holds no scoreboard"):
        Scoreboard.load(tmp_path / "other.json")


def test_a_verdict_needs_a_criterion_that_was_written_down(board):
    with pytest.raises(ValueError, match="written down first"):
        Scoreboard({"looking": "it looks right"}, board.verdicts)
    with pytest.raises(ValueError, match="no verdict"):
        board.verdict("looking", "berries", "unknown")
