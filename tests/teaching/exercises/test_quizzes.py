"""Quizzes: every chapter has one, every answer is explained, and no page needs a kernel or a script for it."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from course_utils.learning import all_exercises, quiz
from course_utils.teaching.exercises import quizzes as package
from course_utils.teaching.exercises.quizzes import chapters

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"


def test_every_chapter_with_exercises_has_a_quiz():
    assert {exercise.id[:2] for exercise in all_exercises()} <= set(chapters())


@pytest.mark.parametrize("chapter", chapters())
def test_a_quiz_has_three_to_five_questions_with_right_and_wrong_answers_all_of_them_explained(chapter):
    questions = quiz(chapter).questions
    assert 3 <= len(questions) <= 5
    assert len({question.question for question in questions}) == len(questions)
    for question in questions:
        right = sum(answer.right for answer in question.answers)
        assert 1 <= right < len(question.answers)
        assert len(question.answers) >= 3
        assert len({answer.text for answer in question.answers}) == len(question.answers)
        assert all(len(answer.text) > 1 and len(answer.why) > 20 for answer in question.answers)


def test_the_right_answer_has_no_favourite_place():
    places = [
        [answer.right for answer in question.answers].index(True)
        for chapter in chapters()
        for question in quiz(chapter).questions
        if not question.several
    ]
    assert max(places.count(place) for place in set(places)) < 0.6 * len(places)


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_chapter_ends_in_its_own_quiz(path):
    assert f'quiz(\\"{path.stem[:2]}\\")' in path.read_text(encoding="utf-8")


class Form(HTMLParser):
    """The inputs of a page and the labels that name them."""

    def __init__(self, html):
        super().__init__()
        self.inputs, self.labels, self.tags, self.open = {}, [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "input":
            self.inputs[dict(attrs)["id"]] = dict(attrs)
        else:
            self.open.append(tag)
        if tag == "label":
            self.labels.append(dict(attrs)["for"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("chapter", chapters())
def test_each_answer_is_a_labelled_choice_in_a_named_group_and_needs_no_script(chapter):
    made = quiz(chapter)
    page = Form(made._repr_html_())
    assert not page.open
    assert "script" not in page.tags
    assert page.tags.count("fieldset") == page.tags.count("legend") == len(made.questions)
    assert page.labels == list(page.inputs)
    assert len(page.inputs) == sum(len(question.answers) for question in made.questions)
    kinds = {each["name"]: each["type"] for each in page.inputs.values()}
    assert list(kinds.values()) == ["checkbox" if question.several else "radio" for question in made.questions]


def test_in_a_terminal_the_answers_stand_below_the_questions():
    shown = repr(quiz("02"))
    assert shown.index("Answers:") > shown.index(quiz("02").questions[-1].question)


def test_an_unknown_chapter_and_a_broken_file_are_explained(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match=r"unknown quiz '2'.*02"):
        quiz("2")
    for text in ("- question: [", "- question: no answers", "12", "- question: a\n  answers: [{text: b}]"):
        (tmp_path / "77.yml").write_text(text)
        monkeypatch.setattr(package, "_DATA", tmp_path)
        with pytest.raises(ValueError, match=r"77\.yml is no list of questions"):
            quiz("77")


def test_length_does_not_give_the_right_answer_away_and_half_of_the_questions_ask_to_run_something():
    questions = [question for chapter in chapters() for question in quiz(chapter).questions]
    longest = 0
    for question in questions:
        right = [len(answer.text) for answer in question.answers if answer.right]
        longest += max(right) == max(len(answer.text) for answer in question.answers)
    assert longest <= len(questions) / 3
    assert sum(question.question.startswith("Run ") for question in questions) >= len(questions) / 2
