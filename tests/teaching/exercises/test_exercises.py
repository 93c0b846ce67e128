"""The exercises: whatever the reader hands over, the notebook goes on and the reader is told why."""

import ast
import inspect
import sys
import time
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
import torch

from course_utils.learning import all_exercises, check, common_slips, exercise, find, hint, solution
from course_utils.teaching.exercises import cards
from course_utils.teaching.exercises.cards import Card
from course_utils.teaching.exercises.exercise import Verdict, each_way, instead, judge

STEP = "02-targeted-step"
NOTEBOOKS = Path(__file__).parents[3] / "notebooks"


def with_dots(images, gradient, alpha):
    """To be written."""
    ...  # noqa: PIE790


def with_pass(images, gradient, alpha):
    pass


def with_error(images, gradient, alpha):
    begun = images - alpha  # noqa: F841
    raise NotImplementedError("to be written")


def with_ellipsis(images, gradient, alpha):
    return ...


def right(images, gradient, alpha):
    return images - alpha * gradient.sign()


def wrong(images, gradient, alpha):
    return images + alpha * gradient.sign()


@pytest.mark.parametrize("stub", [with_dots, with_pass, with_error, with_ellipsis])
def test_an_unfinished_function_is_not_started_and_not_scolded(stub, capsys):
    assert check(STEP, stub) is find(STEP).reference
    assert "Not started" in capsys.readouterr().out


def test_a_right_function_is_handed_back_itself(capsys):
    assert check(STEP, right) is right
    assert "Passed" in capsys.readouterr().out


def test_a_wrong_function_is_replaced_by_the_reference_so_that_the_cells_below_run(capsys):
    step = check(STEP, wrong)
    out = capsys.readouterr().out
    assert "Not yet" in out
    assert "With plus, this step raises the loss" in out
    assert "hint" in out
    images, gradient = torch.rand(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    assert torch.equal(step(images, gradient, 0.1), right(images, gradient, 0.1))


def test_the_courses_own_function_does_not_count_as_the_readers(capsys):
    step = check(STEP, wrong)
    assert check(STEP, step) is step
    assert "run the cell with yours first" in capsys.readouterr().out


def test_a_wrong_answer_has_other_pieces_and_only_such_as_the_reference_has():
    images, gradient = torch.rand(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    up = instead(find(STEP).reference, {"images -": "images +"})
    assert torch.equal(up(images, gradient, 0.1), wrong(images, gradient, 0.1))
    with pytest.raises(ValueError, match="expected a piece of targeted_step's source"):
        instead(find(STEP).reference, {"images *": "images /"})


def test_several_pieces_in_one_place_make_as_many_wrong_answers():
    images, gradient = torch.rand(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    ways = each_way(find(STEP).reference, {"images -": ("images +", "-"), ".sign()": ("", ".sign()")})
    expected = [images + gradient, images + gradient.sign(), -gradient, -gradient.sign()]
    assert [way(images, gradient, 1.0).tolist() for way in ways] == [each.tolist() for each in expected]


def raises(images, gradient, alpha):
    moved = images - alpha
    return moved.sing()  # the line that the message names


def exits(images, gradient, alpha):
    sys.exit(1)


def recurses(images, gradient, alpha):
    return recurses(images, gradient, alpha)


def forgets_to_return(images, gradient, alpha):
    images = images - alpha * gradient.sign()


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (raises, "line {line}: `return moved.sing()"),
        (exits, "SystemExit"),
        (recurses, "RecursionError"),
        (forgets_to_return, "its last line should be `return …`"),
        (lambda images, gradient, alpha: images.clone().requires_grad_().sum().backward(), "`.backward()`"),
        (lambda images, gradient, alpha: images.grad * alpha, "`.grad` is unless the tensor itself asked"),
        (lambda images, gradient, alpha: images.sum().backward(), "call the model itself, not `predict`"),
        (lambda images, gradient, alpha: images.clone().requires_grad_().backward(), "take the sum of the batch's"),
        (lambda images, gradient, alpha: images > 0 and images, "with `&`, `|` and `~`"),
        (lambda images, gradient, alpha: (images > 0).mean(), "Make numbers of truth values first, `.float()`"),
        (lambda images, gradient, alpha: (images > 0) - (images > 1), "NotImplementedError: Subtraction"),
        (lambda images, gradient, alpha: "text", "is a str, expected a tensor"),
        (lambda images, gradient, alpha: [images], "is a list"),
        (lambda images, gradient, alpha: images[0], "has the shape (3, 8, 8), expected (4, 3, 8, 8)"),
        (lambda images, gradient, alpha: right(images, gradient, alpha).double(), "torch.float64"),
        (lambda images, gradient, alpha: images.to("meta"), "is on meta"),
        (lambda images, gradient, alpha: images / 0 * 0, "NaN"),
        (lambda images, gradient: images, "leave its first line as it was"),
        (lambda images, gradient, alpha, beta: images, "leave its first line as it was"),
        (None, "without brackets"),
        (torch.zeros(3), "given a Tensor"),
    ],
)
def test_a_broken_function_is_explained_and_never_raises(function, words):
    line = raises.__code__.co_firstlineno + 2
    verdict = judge(find(STEP), function)
    assert verdict.status == "mistake"
    assert words.replace("{line}", str(line)) in verdict.message


def test_an_endless_loop_ends_even_where_the_reader_catches_every_exception():
    def endless(images, gradient, alpha):
        while True:
            with suppress(Exception):
                images = images + 0

    began = time.monotonic()
    verdict = judge(find(STEP), endless, seconds=0.2)
    assert "did not finish" in verdict.message
    assert time.monotonic() - began < 5


def test_a_result_that_no_check_foresees_is_a_mistake_and_no_error():
    class Odd(torch.Tensor):
        @classmethod
        def __torch_function__(cls, *args, **kwargs):
            raise RuntimeError("I am odd")

    verdict = judge(find(STEP), lambda images, gradient, alpha: torch.zeros(2).as_subclass(Odd))
    assert verdict.status == "mistake"
    assert "I am odd" in verdict.message


def test_gradients_work_in_a_check_although_the_notebook_has_switched_them_off():
    reference = find("02-input-gradient").reference
    with torch.no_grad():
        verdict = judge(find("02-input-gradient"), lambda *given: reference(*given))
    assert verdict.status == "passed"


def test_an_unknown_exercise_offers_close_names():
    with pytest.raises(ValueError, match=r"did you mean .*'02-targeted-step'"):
        find("02-targetted-step")
    with pytest.raises(ValueError, match=r"Known: .*02-input-gradient"):
        check("nonsense", right)


def test_every_exercise_is_complete():
    exercises = all_exercises()
    assert len({each.id for each in exercises}) == len(exercises) >= 4
    for each in exercises:
        assert each.difficulty in (1, 2, 3)
        assert each.minutes > 0
        assert len(each.hints) >= 2
        assert each.task
        assert each.why
        assert each.title
        assert judge(each, lambda *given, reference=each.reference: reference(*given)).status == "passed"


def test_every_untouched_stub_is_not_started_and_replaced_by_the_reference(capsys):
    for each in all_exercises():
        scope, name = {}, each.reference.__name__
        parameters = ", ".join(inspect.signature(each.reference).parameters)
        exec(f'def {name}({parameters}):\n    """To be written."""\n    ...', scope)
        assert check(each.id, scope[name]) is each.reference
        assert "Not started" in capsys.readouterr().out


def test_hints_come_one_at_a_time(monkeypatch):
    monkeypatch.setattr(cards, "_hints_given", {})
    hints = find(STEP).hints
    first, second = repr(hint(STEP)), repr(hint(STEP))
    assert hints[0] in first
    assert hints[1] not in first
    assert hints[1] in second
    assert hints[2] not in second
    for _ in range(5):
        last = repr(hint(STEP))
    assert hints[-1] in last
    assert f'solution("{STEP}")' in last


def test_the_commonest_slips_of_an_exercise_are_told_in_full():
    assert common_slips(find(STEP), most=2) == [message for _, message in find(STEP).slips[:2]]
    assert any("expected about" in message for message in common_slips(find("02-my-attack"), most=7))


def test_the_solution_is_the_source_of_the_reference():
    shown = solution(STEP)._repr_markdown_()
    assert shown.startswith("```python\ndef targeted_step(images, gradient, alpha):")
    scope = {}
    exec(shown.removeprefix("```python").removesuffix("```"), scope)
    assert judge(find(STEP), scope["targeted_step"]).status == "passed"


class Shape(HTMLParser):
    """The tags of a page, and whether each that was opened is closed."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_in_the_book_hints_and_solution_are_one_click_away_and_need_no_script(monkeypatch):
    verdict = Verdict(find(STEP), "not started")
    assert "details" not in Shape(Card(verdict)._repr_html_()).tags
    monkeypatch.setenv("COURSE_BOOK", "1")
    page = Shape(Card(verdict)._repr_html_())
    assert page.tags.count("details") == page.tags.count("summary") == len(find(STEP).hints) + 1
    assert "script" not in page.tags
    assert not page.open


def test_cards_escape_what_readers_write():
    html = Card(Verdict(find(STEP), "mistake", "`<b>` & <script>alert(1)</script>"))._repr_html_()
    assert "<script>" not in html
    assert "&lt;b&gt;" in html


@pytest.mark.parametrize("show", [exercise, hint, lambda id: Card(judge(find(id), wrong))])
def test_every_card_is_well_formed_html_and_plain_text(show):
    card = show(STEP)
    assert not Shape(card._repr_html_()).open
    assert len(repr(card)) > 20
    assert "<" not in repr(card)


def test_in_a_notebook_the_message_names_the_line_of_the_readers_cell():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.run_cell("def step(images, gradient, alpha):\n    x = images\n    return x.undefined")
    verdict = judge(find(STEP), shell.user_ns["step"])
    assert "(line 3: `return x.undefined`)" in verdict.message


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_chapter_with_exercises_imports_what_their_cards_tell_readers_to_call(path):
    code = "\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code")
    imports = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
    names = {alias.name for node in imports if node.module == "course_utils.learning" for alias in node.names}
    assert "check(" not in code or {"exercise", "check", "hint", "progress", "solution"} <= names
