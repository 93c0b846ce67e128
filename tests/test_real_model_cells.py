"""Every cell that runs on a pretrained model is executed, on a stand-in with random weights, in few steps."""

import json
import re
from pathlib import Path

import pytest

from course_utils.show.style import Picture

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
VISION = sorted(path.name for path in NOTEBOOKS.glob("0[2-7]*.ipynb"))
STEPS = re.compile(r"steps=\d+")


def code_cells(name: str) -> list[str]:
    cells = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def imports(cell: str) -> str:
    """The chapter's imports, without what its first cell goes on to load."""
    return re.split(r"^(?!from |import |    |\)|\n|$)", cell, maxsplit=1, flags=re.MULTILINE)[0]


def shown_by(name: str, cells: list[str]) -> list:
    shown: list = []
    space = {"display": shown.append}
    exec(imports(code_cells(name)[0]), space)
    for cell in cells:
        exec(STEPS.sub("steps=1", cell), space)
    return shown


@pytest.mark.parametrize("name", VISION)
def test_the_cell_runs_and_its_figures_are_marked(name, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_MODELS", "stand-in")
    cells = [cell for cell in code_cells(name) if "at_hand(" in cell]
    assert cells, "a chapter about images has such a cell"
    shown = shown_by(name, cells)
    assert shown and all(isinstance(each, Picture) and each.alt.startswith("stand-in") for each in shown)
    assert "random weights" in capsys.readouterr().out


@pytest.mark.parametrize("name", VISION)
def test_without_the_weights_it_shows_one_sentence_and_nothing_else(name, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_MODELS", "shipped")
    assert shown_by(name, [cell for cell in code_cells(name) if "at_hand(" in cell]) == []
    assert capsys.readouterr().out.count("\n") == 1
