"""Every cell that runs on a pretrained model is executed in few steps: on the network of ImageNet that is installed,
or on a stand-in with random weights."""

import ast
import json
import re
from pathlib import Path

import pytest

from course_utils.figures.style import DescribedFigure
from stand_ins import load_stand_in

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
LOADS = re.compile(r"\b(at_hand|load_if_available)\(")
CHAPTERS = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb") if LOADS.search(path.read_text(encoding="utf-8")))
WITH_PHOTOGRAPHS = sorted(
    path.name for path in NOTEBOOKS.glob("*.ipynb") if "efficientnet-lite0" in path.read_text(encoding="utf-8")
)
FEWER = {r"steps=\d+": "steps=1", r"restarts=\d+": "restarts=4"}


def code_cells(name: str) -> list[str]:
    cells = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def given(cells: list[str]) -> str:
    """What cells import, and what they name that is written out, such as a list of words: no work is done."""
    return "\n".join(ast.unparse(each) for cell in cells for each in ast.parse(cell).body if is_plain(each))


def is_plain(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.FunctionDef):
        return all(isinstance(each, ast.Constant) for each in statement.args.defaults) and not statement.decorator_list
    if not isinstance(statement, ast.Assign):
        return isinstance(statement, ast.Import | ast.ImportFrom)
    try:
        ast.literal_eval(statement.value)
    except ValueError:
        return False
    return True


def shown_by(name: str) -> list:
    """Runs a chapter's cells on a pretrained model after what stands before them; what they display."""
    cells, shown = code_cells(name), []
    space = {"display": shown.append}
    for index, cell in enumerate(cells):
        if LOADS.search(cell):
            exec(given(cells[:index]), space)
            for many, few in FEWER.items():
                cell = re.sub(many, few, cell)
            exec(cell, space)
    return shown


def test_every_chapter_but_the_last_runs_on_a_pretrained_model():
    written = {path.name: path.read_text(encoding="utf-8") for path in NOTEBOOKS.glob("*.ipynb")}
    with_text = [name for name, text in written.items() if "smollm2-135m" in text]
    numbers = {name[:2] for name in CHAPTERS + WITH_PHOTOGRAPHS + with_text}
    assert numbers >= {f"{number:02}" for number in range(12)}


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_cell_runs_on_a_stand_in(name, monkeypatch, capsys):
    monkeypatch.chdir(NOTEBOOKS)
    for module in ("course_utils.models", "course_utils.models.load"):
        for load in ("at_hand", "load_if_available"):
            monkeypatch.setattr(f"{module}.{load}", load_stand_in)
    shown = shown_by(name)
    if name < "08":
        images = [each for each in shown if isinstance(each, DescribedFigure)]
        assert images == shown != [], "a chapter about images shows images"
    printed = capsys.readouterr().out
    assert "with random weights, and what it shows means nothing" in printed
    assert shown or printed.count("\n") > 1, "the cell shows something besides that sentence"


@pytest.mark.parametrize("name", CHAPTERS)
def test_without_the_weights_it_shows_one_sentence_and_what_is_shipped(name, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(NOTEBOOKS)
    monkeypatch.setenv("COURSE_MODELS", "shipped")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_: tmp_path)  # where this computer may have it
    kept = any(LOADS.search(cell) and re.search(r"(data|computed)/smollm2", cell) for cell in code_cells(name))
    assert bool(shown_by(name)) == kept
    assert capsys.readouterr().out.count("\n") == 1
