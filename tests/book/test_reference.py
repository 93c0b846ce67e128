"""The reference pages: what they show is public, complete, and runs."""

import doctest
import json
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import reference  # noqa: E402

PAGES = sorted((ROOT / "book" / "reference").glob("*.md"))
BLOCKS = [block for page in PAGES for block in reference.BLOCK.finditer(page.read_text(encoding="utf-8"))]
EXAMPLES = [
    pytest.param(example, id=f"{block['module']}.{name}")
    for block in BLOCKS
    for name, example in reference.examples_of(block["examples"]).items()
]
OPEN = {"course_utils", *(block["module"] for block in BLOCKS)}
KIT = re.compile(r"course_utils\.(learning|show|audit|teaching|utils|figures)")  # what only the course needs


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_prints_what_the_page_says(example):
    test = doctest.DocTestParser().get_doctest(example, {"__name__": "example"}, "example", None, None)
    assert test.examples
    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block["module"])
def test_every_public_name_is_described(block):
    module = import_module(block["module"])
    text = reference.entries(block["module"], block["examples"], {})
    for name in reference.public_names(module):
        assert re.search(rf"^`+\{{py:\w+\}} {name}\b", text, re.MULTILINE), name


def test_every_module_has_a_page_in_the_table_of_contents():
    contents = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert len(BLOCKS) == len(PAGES) - 1  # one page leads to all the others
    assert all(f"file: book/reference/{page.stem}\n" in contents for page in PAGES)


def test_whatever_a_chapter_imports_from_the_library_has_an_entry():
    entries = {name for block in BLOCKS for name in reference.public_names(import_module(block["module"]))}
    cells = [cell for path in sorted((ROOT / "notebooks").glob("*.ipynb")) for cell in code_of(path)]
    used = {pair for cell in cells for pair in reference.imported(cell)}
    values = {name: getattr(import_module(module), name) for module, name in used if module in OPEN}
    ours = {name: value for name, value in values.items() if not KIT.match(getattr(value, "__module__", ""))}
    assert ours
    assert not [name for name, value in ours.items() if own_name(name, value) not in entries]


def own_name(name: str, value: object) -> str:
    """What something is called where it is defined: some names are the first edition's."""
    return getattr(value, "name", None) or getattr(value, "__name__", name)


def code_of(path: Path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_a_docstring_becomes_lists_of_terms_and_no_html():
    text = reference.markdown("Noun of <all> things.\n\nArgs:\n    steps: at least 1,\n        or `<none>`.\n")
    assert "of \\<all\\> things" in text
    assert "`steps`\n: at least 1,\n  or `<none>`." in text
    assert "**Arguments**" in text
