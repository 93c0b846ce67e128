"""The page on clusters says what benchmarks/growth.py measured."""

import re
from pathlib import Path

import pytest

from course_utils.figures.style import DescribedFigure

BOOK = Path(__file__).parents[2] / "book"
CELL = re.compile(r"^```\{code-cell\} ipython3\n(?::[^\n]*\n)*(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def page(monkeypatch, capsys):
    """What the page's cells leave when they are run in its folder, the last value of each, and what they print."""
    monkeypatch.chdir(BOOK)
    names, shown = {}, []
    for cell in CELL.findall((BOOK / "cluster.md").read_text(encoding="utf-8")):
        *_, last = re.split(r"^(?=\S)(?!\))", cell, flags=re.MULTILINE)
        shows = last.startswith(("Markdown", "plot_curves"))
        exec(cell.removesuffix(last) if shows else cell, names)
        shown += [eval(last, names)] if shows else []
    return names, shown, capsys.readouterr().out


def test_its_cells_run_and_its_tables_have_a_row_for_everything(page):
    names, (measured, picture, estimates), said = page
    assert len(measured.data.splitlines()) == 2 + len(names["axes"])
    assert isinstance(picture, DescribedFigure)
    assert len(estimates.data.splitlines()) == 2 + len(names["work"])
    assert "efficiency by the wall's clock" in said and "GPT-2-xl was not run" in said


def test_estimates_are_operations_over_rates(page):
    names = page[0]
    work = names["work"]
    thousand, ten = (operations for operations, axis in work.values() if axis == "classes")
    assert ten == 10 * thousand
    rows = names["growth"]["classes"]["rows"]
    by_hand = 1000 * 200 * rows[-1]["seconds a step"]["median"] / rows[-1]["size"]
    assert thousand / names["rate"]("classes") == pytest.approx(by_hand, rel=1e-6)


def test_durations_are_told_in_a_unit_that_fits(page):
    duration = page[0]["duration"]
    told = {40: "40 seconds", 200: "3 minutes", 86400: "24 hours", 1e6: "12 days", 1e9: "32 years"}
    assert {seconds: duration(seconds) for seconds in told} == told


def test_what_is_started_to_try_it_listens_to_this_machine_alone():
    commands = re.findall(
        r"^dask (?:scheduler|worker) .*", (BOOK / "cluster.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(commands) >= 2
    for command in commands:
        assert "--host 127.0.0.1" in command
        assert "--no-dashboard" in command or "--dashboard-address 127.0.0.1" in command
