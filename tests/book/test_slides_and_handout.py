"""Slides keep one idea each and fetch nothing; the learners' copy has no solutions and no MyST."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.learning import all_exercises

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")


def chapter():
    picture = new_output("display_data", data={"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})
    widget = new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {}, "text/plain": "x"})
    printed = [
        new_output("stream", name="stdout", text="one\n"),
        new_output("stream", name="stderr", text="50 %|#####"),
        new_output("stream", name="stdout", text="two\n"),
    ]
    return new_notebook(
        cells=[
            new_markdown_cell(
                "# Title\n\nThe first sentence says a thing or two, and one more, about the subject. Second sentence.\n"
            ),
            new_code_cell("import torch"),
            new_markdown_cell("## Part\n\nShort {cite:p}`madry2018towards`.\n\n$$ a = b $$\n\n- one\n- two"),
            new_code_cell("long_computation = 1\n" * 30, outputs=[*printed, picture]),
            new_markdown_cell("## Lab"),
            new_code_cell("attack_lab(pocket)", outputs=[widget]),
        ]
    )


def test_a_slide_has_a_heading_and_at_most_one_thing_to_look_at():
    from slide_blocks import is_looked_at, slides

    made = slides(chapter())
    assert [slide.heading for slide in made] == ["# Title", *4 * ["## Part"]]
    for slide in made:
        assert sum(cell.cell_type == "code" or is_looked_at(cell.source) for cell in slide.cells) <= 1
    assert made[0].cells[0].source.endswith("about the subject.")
    assert "Second sentence." in made[0].said[0]  # for the speaker
    assert made[3].cells[0].outputs[0].text == "one\ntwo"
    assert list(made[4].cells[0].outputs[0].data) == ["image/png"]


def test_an_author_chooses_slides_by_the_cells_metadata_and_the_rest_is_said():
    from slide_blocks import slides

    told = chapter()
    told.cells[3].metadata["slideshow"] = {"slide_type": "slide"}
    told.cells[0].metadata["slideshow"] = {"slide_type": "slide"}
    made = slides(told)
    assert [slide.heading for slide in made] == ["# Title", "## Part", "## Part"]
    assert made[1].cells[0].outputs[0].text == "one\ntwo"
    assert "$$ a = b $$" in made[1].said


def test_a_result_stands_between_what_leads_to_it_and_what_is_seen_in_it():
    from slide_blocks import slides

    told = chapter()
    result = told.cells[3]
    result.metadata["slideshow"] = {"slide_type": "slide"}
    result.outputs = result.outputs[-1:]
    seen = new_markdown_cell("As Olah et al. (2017) say, there is something blue. More of it.")
    told.cells[2:] = [new_markdown_cell("## Part\n\nA sentence. Look at the figure:"), result, seen]
    sources = [[cell.source for cell in slide.cells] for slide in slides(told)]
    assert sources == [["", "As Olah et al. (2017) say, there is something blue. More of it."]]
    seen.metadata["slideshow"] = {"slide_type": "skip"}
    sources = [[cell.source for cell in slide.cells] for slide in slides(told)]
    assert sources == [["Look at the figure:", ""]]


def test_of_a_long_chapter_in_which_nothing_is_chosen_fifteen_slides_are_taken_figures_first():
    from slide_blocks import MOST, slides

    long = chapter()
    long.cells += [new_markdown_cell(f"## Part {n}\n\nA sentence.\n\n- one\n- two") for n in range(20)]
    long.cells += [new_code_cell("x = 1", outputs=long.cells[3].outputs), new_markdown_cell("## Seen\n\n- last")]
    made = slides(long)
    assert len(made) == MOST
    shown = [cell for slide in made for cell in slide.cells]
    assert sum("image/png" in str(cell.get("outputs")) for cell in shown) == 2
    assert made[0].heading == "# Title" and made[-1].cells[-1].source == "- last"
    assert "A sentence." in " ".join(said for slide in made for said in slide.said)


def test_a_long_result_is_shown_whole():
    from slide_blocks import slides

    long = chapter()
    long.cells[3].outputs = [new_output("stream", name="stdout", text="\n".join(map(str, range(40))))]
    assert any(
        cell.outputs[0].get("text", "").endswith("39")
        for slide in slides(long)
        for cell in slide.cells
        if cell.cell_type == "code"
    )


def test_slides_load_nothing_from_elsewhere(tmp_path, capsys):
    import make_slides

    (tmp_path / "executed").mkdir()
    nbformat.write(chapter(), tmp_path / "executed" / "01_chapter.ipynb")
    assert make_slides.main(tmp_path / "executed", tmp_path / "slides") is None
    page = (tmp_path / "slides" / "01_chapter.html").read_text(encoding="utf-8")
    loaded = re.findall(r'(?:<script[^>]*\ssrc|<link[^>]*\shref|<img[^>]*\ssrc)="([^"]+)"', page)
    local = [address for address in loaded if not address.startswith("data:")]
    assert "reveal/dist/reveal.js" in local
    assert all((tmp_path / "slides" / address).is_file() for address in local)
    assert page.count("<section") == 2 * 5  # nbconvert puts each into one of its own
    assert "01_chapter.html" in (tmp_path / "slides" / "index.html").read_text(encoding="utf-8")
    assert "make book" in make_slides.main(tmp_path, tmp_path / "none")


def test_the_learners_copy_has_every_chapter_without_solutions_outputs_and_myst(tmp_path):
    import make_handout

    packed = make_handout.main(tmp_path / "handout")
    assert packed.is_file()
    chapters = sorted((tmp_path / "handout" / "notebooks").glob("*.ipynb"))
    assert [path.name for path in chapters] == sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    cells = [cell for path in chapters for cell in nbformat.read(path, 4).cells]
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    assert not [exercise.id for exercise in all_exercises() if exercise.source in code]
    assert not any(cell.get("outputs") for cell in cells)
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert not re.search(r"\{[\w:]+\}`|^(```|:::)\{", text, re.MULTILINE)
    for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text):
        assert (tmp_path / "handout" / "notebooks" / picture).is_file()


def test_the_learners_copy_installs_itself_where_it_is_unpacked(tmp_path):
    import make_handout

    packed = make_handout.main(tmp_path / "packed" / "handout")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", packed, tmp_path], check=True)
    unpacked = tmp_path / "handout"
    subprocess.run([sys.executable, "-m", "venv", unpacked / ".venv"], check=True)
    (python,) = (unpacked / ".venv").glob("*/python*" if os.name == "nt" else "bin/python")
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout.strip())
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")  # what the course depends on

    alone = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PYTHONPATH": "", "COURSE_MODELS": "shipped"}
    start = [sys.executable, "start.py", "--install-only"]
    for _ in range(2):  # the second time it installs nothing
        done = subprocess.run(start, cwd=unpacked, env=os.environ | alone, capture_output=True, text=True, check=True)
    assert "Installing" not in done.stdout
    load = "import course_utils; print(course_utils.load_classifier('pocket'), course_utils.__file__)"
    found = subprocess.run(
        [python, "-c", load], cwd=unpacked / "notebooks", env=os.environ | alone, capture_output=True, text=True
    )
    assert found.stdout.strip().endswith(str(site / "course_utils" / "__init__.py")), found.stderr


def test_outside_the_book_only_chapters_are_linked():
    from plain_markdown import plain

    text = "See {doc}`chapter 2 <02_tricking_a_classifier>` and {doc}`the worksheet <../book/audit_worksheet>`."
    assert plain(text) == "See [chapter 2](02_tricking_a_classifier.ipynb) and the worksheet."
