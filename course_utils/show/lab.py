"""What every lab is: controls, a picture that follows them, and a line that says what happened.

In JupyterLab a lab is a panel of ipywidgets. In the built book, where no kernel answers, it is the picture of
its first state with a note, and no widget is ever made: nothing dead is left on the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from course_utils.show.html import in_book, render
from course_utils.show.style import Picture

Progress = Callable[[int, int], object]  # called with the step done and the number of steps
Draw = Callable[..., tuple[Picture, str]]


@dataclass(frozen=True, eq=False)
class Lab:
    """A panel to play with.

    Attributes:
        title: what the lab is about.
        draw: draw(**values, progress=…) -> (picture, line): what the controls' values lead to. What it
            raises is shown in the panel as a sentence.
        first: each control's value at the beginning.
        controls: makes the ipywidgets, by the name under which `draw` takes their value.
        about: what a reader can change in the lab and what it then shows, for the book, where nothing moves.
    """

    title: str
    draw: Draw
    first: Mapping[str, Any]
    controls: Callable[[Mapping[str, Any]], dict[str, Any]] = field(repr=False)
    about: str = ""

    def still(self) -> str:
        """The lab's first state as HTML that needs no kernel."""
        picture, line = self.draw(**self.first, progress=lambda step, steps: None)
        return render("lab.html", title=self.title, about=self.about, picture=picture._repr_html_(), line=line)

    def panel(self) -> Any:
        """The lab as an ipywidgets box, with its parts as `.controls`, `.line`, `.view` and `.bar`."""
        import ipywidgets as widgets

        controls = self.controls(self.first)
        for control in controls.values():
            if control.style.has_trait("description_width"):  # a button carries its words itself
                control.style.description_width = "8.5em"  # total_variation fits
            control.layout.width = "min(100%, 30em)"
        # The picture gives way before it moves below the knobs: whoever turns one wants to see the other.
        view, line = widgets.HTML(layout={"flex": "1 1 20em", "max_width": "50em"}), widgets.HTML()
        bar = widgets.IntProgress(min=0, max=1, bar_style="info", layout={"width": "min(100%, 30em)"})

        def progress(step: int, steps: int) -> None:
            bar.max, bar.value = max(steps, 1), step
            bar.layout.visibility = "visible" if step < steps else "hidden"  # a full bar would look like work

        drawn: list[dict[str, Any]] = []  # the values behind the picture: empty before the first, and after an error

        def follow(change: object = None) -> None:
            values = {name: each.value for name, each in controls.items()}
            if drawn == [values]:  # a control that moved another is heard of twice
                return
            drawn.clear()
            progress(0, 1)
            line.value = render("lab_line.html", line="Working …", trouble=False)
            try:
                picture, said = self.draw(**values, progress=progress)
            except Exception as error:  # a traceback would land in JupyterLab's log, where no reader looks
                line.value = render("lab_line.html", line=str(error) or type(error).__name__, trouble=True)
            else:
                view.value, line.value = (
                    picture._repr_html_(),
                    render("lab_line.html", line=said, trouble=False),
                )
                drawn.append(values)
            progress(1, 1)

        for control in controls.values():
            control.observe(follow, names="value")
        heading = widgets.HTML(render("lab_heading.html", title=self.title))
        side = widgets.VBox([*controls.values(), bar, line], layout={"flex": "0 1 31em"})
        row = {"flex_flow": "row wrap", "grid_gap": "1em"}  # below each other where it is narrow
        both = widgets.HBox([side, view], layout=row)
        panel = widgets.VBox([heading, both])
        panel.controls, panel.line, panel.view, panel.bar = controls, line, view, bar
        follow()
        return panel

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        if in_book():
            return {"text/html": self.still(), "text/plain": repr(self)}
        return self.panel()._repr_mimebundle_(**kwargs)
