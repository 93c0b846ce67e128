"""A Sphinx extension that lets the built book stand on its own: no request to other hosts, no dead widget.

- MathJax comes out of the package sphinx-mathjax-offline: one file, which draws formulas as SVG and needs
  no fonts.
- An ipywidget needs a kernel. Where a cell's output has another form as well (a picture, HTML), the page
  shows that one; where it has none, the page leaves the output out. The widgets' state stays out, too.
"""

import importlib.util
import shutil
from pathlib import Path

from docutils import nodes
from myst_nb.core.render import WIDGET_STATE_MIMETYPE, WIDGET_VIEW_MIMETYPE
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx once, before it reads the first page."""
    app.connect("builder-inited", copy_mathjax)
    app.connect("doctree-read", drop_widgets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def copy_mathjax(app: Sphinx) -> None:
    """Puts the file that mathjax_path names among the book's own."""
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    if package is None or package.origin is None:
        raise ExtensionError("MathJax is missing: install the package sphinx-mathjax-offline.")
    target = Path(app.outdir, "_static", app.config.mathjax_path)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(package.origin).parent / "static" / app.config.mathjax_path, target)


def drop_widgets(app: Sphinx, document: nodes.document) -> None:
    """Takes widgets out of a page that has been read, and their state out of its scripts."""
    for bundle in list(document.findall(is_mime_bundle)):
        forms = {form["mime_type"] for form in bundle.children}
        if WIDGET_VIEW_MIMETYPE in forms:
            # A widget's text form is its Python representation, which tells a reader nothing.
            dead = {WIDGET_VIEW_MIMETYPE, "text/plain"} if len(forms) > 2 else forms
            bundle.children = [form for form in bundle.children if form["mime_type"] not in dead]

    scripts = NbMetadataCollector.get_js_files(app.env, app.env.docname)
    for key in [key for key, (_, options) in scripts.items() if options.get("type") == WIDGET_STATE_MIMETYPE]:
        del scripts[key]


def is_mime_bundle(node: nodes.Node) -> bool:
    """Whether a node holds one output of a cell in all the forms that it came in."""
    return isinstance(node, nodes.container) and node.get("nb_element") == "mime_bundle"
