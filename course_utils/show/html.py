"""What notebooks and the built book show as HTML: templates, images as text, and where we are."""

from __future__ import annotations

import os
import re
import sys
from base64 import b64encode
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape


def render(template: str, **values: object) -> str:
    """The HTML of `templates/<template>` filled with `values`; text is escaped, a missing value raises."""
    return _environment().get_template(template).render(**values)


def display(thing: object) -> None:
    """Show `thing` at once: through its `_repr_html_` in a notebook, printed in a terminal."""
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        from IPython.display import display as show

        show(thing)
    else:
        print(thing)


def in_book() -> bool:
    """Whether the page being made is for the built book (`COURSE_BOOK=1`), where no kernel will answer."""
    return os.environ.get("COURSE_BOOK") == "1"


def data_uri(content: bytes, mime: str = "image/png") -> str:
    """The bytes of an image as an address that needs no file beside the page."""
    return f"data:{mime};base64,{b64encode(content).decode('ascii')}"


def described(alt: object) -> str:
    """`alt`, stripped, if it describes a figure in words; otherwise a sentence that says what is missing.

    Raises:
        TypeError: it is not text.
        ValueError: it is empty.
    """
    if not isinstance(alt, str):
        raise TypeError(f"alt is {type(alt).__name__}, expected text: say in a sentence what the figure shows.")
    if not alt.strip():
        raise ValueError("alt is empty: say in a sentence what the figure shows, for readers who cannot see it.")
    return " ".join(alt.split())


@cache
def _environment() -> Environment:
    # PackageLoader finds the templates wherever the package is installed, in a wheel too.
    environment = Environment(
        loader=PackageLoader("course_utils.show"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["code"] = _code
    return environment


# The text's own colour: in the dark, the book's theme has another for code, made for another background.
_CODE = r'<code style="color: inherit;">\1</code>'


def _code(text: str) -> Markup:
    """Text with its `backticked` parts as <code>, everything escaped."""
    return Markup(re.sub("`([^`]+)`", _CODE, str(escape(text))))
