"""The pages around the chapters: plans that add up, references that are cited, terms that are linked once."""

import re
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from course_utils.learning import all_exercises, common_slips

ROOT = Path(__file__).parents[2]
TEACHING = (ROOT / "book" / "teaching.md").read_text(encoding="utf-8")
PLAN = re.compile(r"^### ([^\n]*), (\d+) minutes\n+((?:\|[^\n]*\n)+)", re.MULTILINE)
ROW = re.compile(r"\| (\d+):(\d\d) \| (\d+) \| ([^|]*) \|")
PLANS = [
    pytest.param(int(total), [(60 * int(h) + int(m), int(minutes), what) for h, m, minutes, what in ROW.findall(rows)])
    for _, total, rows in PLAN.findall(TEACHING)
]


def test_there_are_plans_for_two_half_days_a_day_and_two_days():
    assert [plan.values[0] for plan in PLANS] == [210, 210, 480, 480, 480]


@pytest.mark.parametrize(("total", "rows"), PLANS)
def test_each_part_of_a_plan_begins_when_the_one_before_ends_and_all_make_the_total(total, rows):
    for (start, minutes, _), (following, _, _) in pairwise(rows):
        assert start + minutes == following
    assert sum(minutes for _, minutes, _ in rows) == total


@pytest.mark.parametrize(("total", "rows"), PLANS)
def test_nobody_sits_for_more_than_ninety_minutes(total, rows):
    sitting = 0
    for _, minutes, what in rows:
        sitting = 0 if what in ("Break", "Lunch") else sitting + minutes
        assert sitting <= 90


def test_a_plan_says_for_every_chapter_in_it_how_long_its_cells_run():
    for row in re.findall(r"^\| \d+:\d\d .*$", TEACHING, re.MULTILINE):
        told = [int(number) for number in " ".join(re.findall(r"\{cells-run\}`([^`]+)`", row)).split()]
        named = [int(n) for n in re.findall(r"(?<=[Cc]hapter )\d+|(?<=Chapters )\d+|(?<=5 and )\d+", row)]
        assert told == ([12] if "audit game" in row else named)


def test_times_are_told_in_words():
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    from cells_run import told

    assert [told(seconds) for seconds in (0, 9.6, 99.4, 100, 200)] == ["–", "10 s", "99 s", "2 min", "3 min"]


def test_every_chapter_has_its_teaching_notes():
    chapters = {int(path.name[:2]) for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")}
    noted = {int(number) for number in re.findall(r"^### (\d+) · ", TEACHING, re.MULTILINE)}
    assert chapters <= noted == set(range(13))


def test_the_notes_print_the_commonest_slips_of_every_chapter_word_for_word(tmp_path):
    asked = [int(number) for number in re.findall(r"^```\{slips\} (\d+)$", TEACHING, re.MULTILINE)]
    assert asked == sorted({int(each.id.split("-")[0]) for each in all_exercises()}) == list(range(13))
    (tmp_path / "index.md").write_text("# Notes\n\n```{slips} 2\n```\n", encoding="utf-8")
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    settings = {"extensions": ["myst_parser", "slips"]}
    with patch_docutils(), docutils_namespace():
        Sphinx(tmp_path, None, tmp_path / "out", tmp_path / "trees", "text", settings, status=None).build()
    text = " ".join((tmp_path / "out" / "index.txt").read_text(encoding="utf-8").split())
    for each in all_exercises():
        slips = common_slips(each) if each.id.startswith("02-") else []
        assert all(plain(slip) in plain(text) for slip in slips)
        assert (each.id in text) == bool(slips)


def plain(text):
    """Letters and digits only: Sphinx sets quotation marks and dashes of its own."""
    return re.sub(r"\W+", "", text)


def test_every_work_in_the_bibliography_is_cited_somewhere():
    keys = re.findall(r"^@\w+\{([^,]+),", (ROOT / "book" / "references.bib").read_text(encoding="utf-8"), re.MULTILINE)
    pages = [*(ROOT / "book").glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in pages)
    cited = {key.strip() for keys in re.findall(r"\{cite:\w\}`([^`]+)`", text) for key in keys.split(",")}
    assert len(keys) == len(set(keys))
    assert set(keys) - cited == set()


GLOSSARY = """# Glossary

```{glossary}
logit
logits
    A number.

epsilon ball
    All that is near.

epsilon
    How far.

unit (of a network)
    Whatever answers.
```
"""
CHAPTER = """# Logits

`logits`, then Logits and a logit; the *epsilon
ball*, an epsilon, a unit, logit-like things, and epsilon again.
"""


def test_a_term_is_linked_at_its_first_use_in_a_chapter_and_only_there(tmp_path, monkeypatch):
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    for name, text in (("book/glossary", GLOSSARY), ("notebooks/01", CHAPTER), ("index", "# Top\n\nA logit.\n")):
        path = tmp_path / "source" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    settings = {"extensions": ["myst_parser", "glossary_links"], "suppress_warnings": ["toc.not_included"]}
    source, out = tmp_path / "source", tmp_path / "html"
    with docutils_namespace():  # what one Sphinx registers, the next one must not find
        Sphinx(source, None, out, tmp_path / "trees", "html", settings, status=None, warning=sys.stderr).build()
    page = (out / "notebooks" / "01.html").read_text()
    links = re.findall(
        r'href="\.\./book/glossary\.html#(term-[\w-]+)"[^>]*>\s*<span class="glossary-term">([^<]*)', page
    )
    assert [(label, " ".join(text.split())) for label, text in links] == [
        ("term-logits", "Logits"),
        ("term-epsilon-ball", "epsilon ball"),
        ("term-epsilon", "epsilon"),
    ]
    assert "glossary-term" not in (out / "index.html").read_text()


def test_chapters_are_numbered_from_nought_in_titles_and_contents(tmp_path, monkeypatch):
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    source, out = tmp_path / "source", tmp_path / "html"
    (source / "notebooks").mkdir(parents=True)
    (source / "notebooks" / "00_meet.md").write_text("# Meet\n\n## A world\n")
    (source / "index.md").write_text("# Top\n\n```{toctree}\nnotebooks/00_meet\n```\n\n{doc}`notebooks/00_meet`\n")
    settings = {"extensions": ["myst_parser", "chapter_numbers"]}
    with docutils_namespace():
        Sphinx(source, None, out, tmp_path / "trees", "html", settings, status=None, warning=sys.stderr).build()
    assert "<h1>0 · Meet<" in (out / "notebooks" / "00_meet.html").read_text()
    index = (out / "index.html").read_text()
    assert index.count(">0 · Meet<") >= 2 and "0 · A world" not in index and "· Top" not in index


def test_no_line_ends_between_a_number_and_its_per_cent_sign_and_code_can_be_copied():
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    from accessible import keep_numbers_together

    code = '<pre class="x">\n"95 % of 2 × 3"\n</pre>'
    context = {"body": f"<p>95 % of 224 × 224</p>{code}<p>a × b, 5 %, “ girl”</p>"}
    keep_numbers_together(None, "page", "page.html", context, None)
    glued = f"<p>95\u00a0% of 224\u00a0×\u00a0224</p>{code}<p>a × b, 5\u00a0%, “\u00a0girl”</p>"
    assert context["body"] == glued
