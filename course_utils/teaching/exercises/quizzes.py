"""Quizzes: a few questions at the end of each chapter, with an explanation for every answer.

The questions are plain data, one YAML file a chapter in `quiz_data/`:

    - question: Why does an attack subtract the sign of the gradient?
      answers:
        - text: It makes the loss toward the target smaller.
          right: true
          why: The gradient points to where that loss grows.
        - text: …
          why: …

The page needs no kernel and no network: each answer is a choice to make with mouse or keyboard, a few lines of script
reveal what is to be said about it, and without script, or on paper, every explanation is there to read.
"""

import random
from dataclasses import dataclass
from importlib.resources import files

import yaml

from course_utils.figures.style import render
from course_utils.validation import check_known

_DATA = files(__package__) / "quiz_data"


@dataclass(frozen=True)
class Answer:
    """An answer to choose, whether it is right, and why."""

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A question and its answers, of which one or more are right."""

    question: str
    answers: tuple[Answer, ...]

    @property
    def several(self) -> bool:
        """True if more than one answer is right."""
        return sum(answer.right for answer in self.answers) > 1


@dataclass(frozen=True)
class Quiz:
    """The questions of a chapter, `"02"` and so on."""

    chapter: str
    questions: tuple[Question, ...]

    def _repr_html_(self) -> str:
        return render("quiz.html", quiz=self)

    def __repr__(self) -> str:
        lines, solutions = [], ["", "Answers:"]  # which letters are right, and why
        for number, question in enumerate(self.questions, 1):
            lettered = list(zip("abcdef", question.answers, strict=False))
            lines += [f"{number}. {question.question}", *(f"   {letter}) {answer.text}" for letter, answer in lettered)]
            solutions += [f"{number}. {letter}) {answer.why}" for letter, answer in lettered if answer.right]
        return "\n".join([*lines, *solutions])


def quiz(chapter: str) -> Quiz:
    """The quiz of a chapter, to be answered in the notebook or in the page.

    Args:
        chapter: its two digits, `"02"`.

    Raises:
        ValueError: there is no quiz for that chapter, or its file is not one; the message says where.
    """
    check_known("quiz", chapter, chapters())
    text = (_DATA / f"{chapter}.yml").read_text(encoding="utf-8")
    try:
        questions = yaml.safe_load(text)
        return Quiz(chapter, tuple(_question(each) for each in questions))
    except (yaml.YAMLError, TypeError, KeyError) as error:
        raise ValueError(f"quiz_data/{chapter}.yml is no list of questions: {error}") from None


def chapters() -> list[str]:
    """The chapters that have a quiz."""
    return sorted(path.name.removesuffix(".yml") for path in _DATA.iterdir() if path.name.endswith(".yml"))


def _question(data: dict) -> Question:
    """A question with its answers mixed, always alike, so that authors may write the right one first."""
    answers = [Answer(**answer) for answer in data["answers"]]
    random.Random(data["question"]).shuffle(answers)
    return Question(data["question"], tuple(answers))
