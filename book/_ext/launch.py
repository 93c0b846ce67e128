"""A Sphinx extension for the launch buttons of chapters: there as soon as the book has a public address, not before.

Binder and Colab fetch a chapter from the repository named in _config.yml (`repository: url`). Without one the
buttons would lead nowhere, so the pages have none.
"""

from __future__ import annotations

from sphinx.application import Sphinx
from sphinx.config import Config

HOSTS = {"binderhub_url": "https://mybinder.org", "colab_url": "https://colab.research.google.com"}


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx once, before it reads the first page."""
    app.connect("config-inited", name_the_hosts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def name_the_hosts(app: Sphinx, config: Config) -> None:
    """Tells the theme where to launch chapters, if there is a place to fetch them from."""
    options = config.html_theme_options
    if options.get("repository_url"):
        options["launch_buttons"] = {**options.get("launch_buttons", {}), **HOSTS}
