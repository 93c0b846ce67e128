"""MyST as ordinary Markdown, for readers of notebooks outside the book: slides, handouts.

Roles become what they stand for ("chapter 2" with a link, "Madry et al. 2018"), figures become images, notes become
quotations, and lists of references go.
"""

import re
from functools import cache
from pathlib import Path

from pybtex.database import Entry, parse_file

ROOT = Path(__file__).resolve().parent.parent
ROLE = re.compile(r"\{(doc|ref|term|cite:p|cite:t)\}`([^`]+)`")
FENCE = re.compile(r"^(```|:::)\{([\w-]+)\}[ ]*([^\n]*)\n(.*?)^\1[ ]*$", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"^:([\w-]+):[ ]*(.*)\n", re.MULTILINE)


def plain(text: str) -> str:
    """A cell's MyST as ordinary Markdown."""
    return ROLE.sub(_role, FENCE.sub(_directive, text))


def _role(match: re.Match[str]) -> str:
    kind, content = match.groups()
    if kind.startswith("cite"):
        works = [_cited(key.strip(), in_brackets=kind == "cite:p") for key in content.split(",")]
        return f"({'; '.join(works)})" if kind == "cite:p" else " and ".join(works)
    words, _, target = content.partition(" <")
    target = target.rstrip(">")
    chapter = kind == "doc" and target and "/" not in target  # other pages of the book do not come along
    return f"[{words}]({target}.ipynb)" if chapter else words


def _directive(match: re.Match[str]) -> str:
    _, name, argument, body = match.groups()
    options = dict(OPTION.findall(body))
    words = OPTION.sub("", body).strip()
    if name == "figure":
        return f"![{options.get('alt', '')}]({argument})\n\n*{words}*" if words else f"![{options['alt']}]({argument})"
    if name in ("note", "admonition", "warning", "tip"):
        quoted = f"**{argument}.** {words}" if argument else words
        return "\n".join(f"> {line}" for line in quoted.splitlines())
    if name == "bibliography":
        return ""
    raise ValueError(f"no plain form is known for the directive {name!r}: add one to tools/plain_markdown.py")


def _cited(key: str, *, in_brackets: bool) -> str:
    entry = _works()[key]
    names = [person.last_names[-1] for person in entry.persons["author"]]
    who = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
    year = entry.fields["year"]
    return f"{who} {year}" if in_brackets else f"{who} ({year})"


@cache
def _works() -> dict[str, Entry]:
    return dict(parse_file(ROOT / "book" / "references.bib").entries)
