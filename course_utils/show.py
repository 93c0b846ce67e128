"""Figures, the scrubber and the labs.

Everything here that is drawn has words beside it: `alt=` says what a figure shows, the words are in the HTML
that notebooks and the built book get, and without them nothing is drawn. Functions that know what they draw
(`show_predictions`, `show_perturbation`, `plot_attack`) write the words themselves; the others demand them.

Names are loaded when they are first used, so that a lab's ipywidgets or a figure's matplotlib cost nothing
before.
"""

from course_utils._moved import lazily

__path__: list[str] = []  # so that the first edition's `course_utils.show.style` is looked for

__all__, __getattr__, __dir__ = lazily(__name__)
