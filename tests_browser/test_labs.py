"""The labs in a real JupyterLab: what a reader moves there changes the picture.

Each notebook here is cut out of a chapter: the cell of the lab and those before it whose names it needs, so that
a lab is tried with the chapter's own code and without the minutes that the rest of the chapter takes.
"""

from __future__ import annotations

import ast
import builtins
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import Request, urlopen

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, TimeoutError, expect

from conftest import ROOT, Open

LABS = {
    "00_meet_the_models": "world_lab(",
    "01_what_is_interpretability": "lorry_lab(",
    "02_tricking_a_classifier": "attack_lab(",
    "03_interpretability_engine": "isolation_lab(",
    "04_feature_visualization": "feature_lab(",
    "05_regularization": "penalty_lab(",
    "06_transformation_robustness": "transform_lab(",
    "07_prototypes": "prototype_lab(",
    "08_language_models": "next_token_lab(",
    "09_prompts_and_word_clouds": "cloud_lab(",
    "10_optimizing_embeddings": "prompt_lab(",
    "11_nearest_neighbours": "prompt_lab(",
    "12_audit": "audit_lab(",
}
# Where the cells before a lab search for a minute, a shorter search will do to try it.
SMALLER = {"09_prompts_and_word_clouds": {'"restarts": 96': '"restarts": 12'}}
STARTING, WORKING = 240_000, 120_000  # milliseconds, for slow machines: a kernel with torch, a lab's answer


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A running JupyterLab, as its address and its folder."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks" / "data", folder / "data")  # chapters lie beside what they read
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"ip": "127.0.0.1", "port": port, "root_dir": folder, "open_browser": False, "allow_root": True}
    options |= {"port_retries": 0, "disable_check_xsrf": True}  # the latter for kernels_end, which is no page
    command = [sys.executable, "-m", "jupyterlab", "--IdentityProvider.token=", "--LabApp.news_url=None"]
    command += [f"--ServerApp.{name}={value}" for name, value in options.items()]
    with open(folder / "server.log", "w") as log:
        alone = os.environ | {"OMP_NUM_THREADS": "1"}  # threads of several kernels on few cores wait for each other
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=alone)
    try:
        wait_for(f"http://127.0.0.1:{port}/api", server, folder / "server.log")
        yield f"http://127.0.0.1:{port}", folder
    finally:
        server.terminate()
        server.wait(20)


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + STARTING / 1000
    while time.monotonic() < until:
        try:
            urlopen(address, timeout=5).close()
            return
        except OSError:
            assert server.poll() is None, f"JupyterLab stopped:\n{log.read_text()[-2000:]}"
            time.sleep(0.5)
    pytest.fail(f"JupyterLab does not answer:\n{log.read_text()[-2000:]}")


@pytest.fixture(autouse=True)
def kernels_end(jupyter: tuple[str, Path]) -> Iterator[None]:
    """A kernel with torch and a model takes most of a gigabyte, and JupyterLab keeps it when the page is closed."""
    yield
    address = f"{jupyter[0]}/api/kernels"
    for kernel in json.load(urlopen(address)):
        urlopen(Request(f"{address}/{kernel['id']}", method="DELETE")).close()


@pytest.mark.parametrize("chapter", LABS)
def test_a_lab_follows_what_is_moved(chapter: str, open_in_lab: Open) -> None:
    page = run(open_in_lab(cut_out(chapter, LABS[chapter]), chapter))
    panel = page.locator(".jp-OutputArea-output .widget-vbox, .jp-OutputArea-output .jupyter-widgets").first
    panel.locator(".noUi-handle:visible, select:visible").first.wait_for(timeout=STARTING)
    picture = panel.locator(".widget-html img").first
    expect(picture).to_be_visible(timeout=WORKING)
    before = picture.get_attribute("src")
    move_something(panel)
    moved = "before => [...document.querySelectorAll('.widget-html img')][0]?.src != before"
    page.wait_for_function(moved, arg=before, timeout=WORKING)  # expect() would print both pictures
    assert not panel.get_by_text("Not possible").count()


def move_something(panel: Locator) -> None:
    """Moves the first slider by three steps, to where there is room; without a slider, the first menu by one choice."""
    handle = panel.locator(".noUi-target:not([disabled]) .noUi-handle:visible").first
    menu = panel.locator("select:visible").first
    if handle.count():
        value, most = (float(handle.get_attribute(f"aria-value{name}") or 0) for name in ("now", "max"))
        for _ in range(3):
            handle.press("ArrowLeft" if value >= most else "ArrowRight")
    else:
        chosen, choices = menu.evaluate("menu => [menu.selectedIndex, menu.options.length]")
        menu.select_option(index=(chosen + 1) % choices)


def test_a_scrubber_moves_in_jupyterlab_too(open_in_lab: Open) -> None:
    page = run(open_in_lab(cut_out("02_tricking_a_classifier", "Scrubber("), "scrubber"))
    scrubber = page.locator("figure.scrubber").first
    caption = scrubber.locator("figcaption")
    scrubber.get_by_role("slider").press("End", timeout=STARTING)
    expect(caption).to_contain_text("step 20")
    shown = [index for index, image in enumerate(scrubber.locator("img").all()) if image.is_visible()]
    assert shown == [20]


@pytest.fixture
def open_in_lab(jupyter: tuple[str, Path], visit: Open, shared_context: BrowserContext) -> Open:
    """Opens cells as a notebook in JupyterLab: open_in_lab(cells, name)."""
    address, folder = jupyter

    def open_in_lab(cells: list[str], name: str) -> Page:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
        nbformat.write(notebook, folder / f"{name}.ipynb")
        return visit(f"{address}/lab/tree/{name}.ipynb?reset", context=shared_context)

    return open_in_lab


def run(page: Page) -> Page:
    """Runs all cells, as a reader would: from the menu."""
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=STARTING)
    page.get_by_text("(ipykernel) | Idle").wait_for(timeout=STARTING)
    started = page.locator(".jp-InputPrompt", has_text=re.compile(r"\[(\*|\d+)\]")).first
    for _ in range(24):  # JupyterLab drops the command while it is still connecting to the kernel
        choose(page, "Run", "Run All Cells")
        with suppress(TimeoutError):
            started.wait_for(timeout=5_000)
            return page
    pytest.fail("JupyterLab does not run the cells.")


def choose(page: Page, menu: str, item: str) -> None:
    page.locator(".lm-MenuBar-item", has_text=re.compile(f"^{menu}$")).click()
    page.locator(".lm-Menu-item", has_text=re.compile(f"^{item}$")).click()


def cut_out(chapter: str, marker: str) -> list[str]:
    """The sources of the cells that the first cell with `marker` in it needs, and that cell."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    last = next(index for index, source in enumerate(code) if marker in source)
    kept, missing = [code[last]], wanted(code[last])
    for source in reversed(code[:last]):
        if missing & given(source):
            kept.insert(0, source)
            missing = (missing - given(source)) | wanted(source)
    for long, short in SMALLER.get(chapter, {}).items():
        kept = [source.replace(long, short) for source in kept]
    return kept


def given(source: str) -> set[str]:
    """The names that a cell binds."""
    tree = ast.walk(ast.parse(source))
    names = set()
    for node in tree:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
    return names


def wanted(source: str) -> set[str]:
    """The names that a cell uses and does not bind itself."""
    used = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    return used - given(source) - set(dir(builtins))
