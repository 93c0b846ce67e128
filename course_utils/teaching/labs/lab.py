"""Labs: panels of controls, an image that follows them, and a line that says what happened.

In JupyterLab a lab is a panel of ipywidgets. In the built book, where no kernel answers, it is the image of
its first state with a note, and no widget is ever made: nothing dead is left on the page.

Below `Lab` stands what several labs share: controls, the menu of images with its upload, and the menu of units.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.activations import record
from course_utils.figures.images import as_images, draw_image
from course_utils.figures.style import WIDTH, DescribedFigure, in_book, new_figure, render, styled
from course_utils.images import LoadedImage, load_image
from course_utils.models.classifier import Classifier
from course_utils.objectives import Channel, Logit, Objective
from course_utils.validation import as_found, unknown
from course_utils.vision.feature_visualization import Visualization
from course_utils.vision.layer_table import LayerShape, layers

Progress = Callable[[int, int], object]  # called with the step done and the number of steps
Drawn = tuple[DescribedFigure, str]  # an image, and the line below the controls


@dataclass(frozen=True, eq=False)
class Lab:
    """A panel to play with.

    Attributes:
        title: what the lab is about.
        draw: draw(**values, progress=…) -> (image, line): what the controls' values lead to. What it
            raises is shown in the panel as a sentence.
        controls: by the name under which `draw` takes their value.
        about: what a reader can change in the lab and what it then shows, for the book, where nothing moves.
        link: takes the ipywidgets by name once they are made, and lets one move another.
    """

    title: str
    draw: Callable[..., Drawn]
    controls: Mapping[str, Control] = field(repr=False)
    about: str
    link: Callable[[Mapping[str, Any]], object] = field(default=lambda made: None, repr=False)

    @property
    def first(self) -> dict[str, Any]:
        """Each control's value at the beginning."""
        return {name: each.first for name, each in self.controls.items()}

    def still(self) -> str:
        """The lab's first state as HTML that needs no kernel."""
        image, line = self.draw(**self.first, progress=lambda step, steps: None)
        return render("lab.html", title=self.title, about=self.about, image=image._repr_html_(), line=line)

    def panel(self) -> Any:
        """The lab as an ipywidgets box, with its parts as `.controls`, `.line`, `.view` and `.bar`."""
        import ipywidgets as widgets

        controls = {name: each.make() for name, each in self.controls.items()}
        self.link(controls)
        for control in controls.values():
            if control.style.has_trait("description_width"):  # a button carries its words itself
                control.style.description_width = "8.5em"  # total_variation fits
            control.layout.width = "min(100%, 30em)"
        # The image gives way before it moves below the knobs: whoever turns one wants to see the other.
        view, line = widgets.HTML(layout={"flex": "1 1 20em", "max_width": "50em"}), widgets.HTML()
        bar = widgets.IntProgress(min=0, max=1, bar_style="info", layout={"width": "min(100%, 30em)"})

        def progress(step: int, steps: int) -> None:
            bar.max, bar.value = max(steps, 1), step
            bar.layout.visibility = "visible" if step < steps else "hidden"  # a full bar would look like work

        drawn: list[dict[str, Any]] = []  # the values behind the image: empty before the first, and after an error

        def follow(change: object = None) -> None:
            values = {name: each.value for name, each in controls.items()}
            if drawn == [values]:  # a control that moved another is heard of twice
                return
            drawn.clear()
            progress(0, 1)
            line.value = render("lab_line.html", line="Working …", trouble=False)
            try:
                image, said = self.draw(**values, progress=progress)
            except Exception as error:  # a traceback would land in JupyterLab's log, where no reader looks
                line.value = render("lab_line.html", line=str(error) or type(error).__name__, trouble=True)
            else:
                view.value, line.value = image._repr_html_(), render("lab_line.html", line=said, trouble=False)
                drawn.append(values)
            progress(1, 1)

        for control in controls.values():
            control.observe(follow, names="value")
        side = widgets.VBox([*controls.values(), bar, line], layout={"flex": "0 1 31em"})
        row = {"flex_flow": "row wrap", "grid_gap": "1em"}  # below each other where it is narrow
        heading = widgets.HTML(render("lab_heading.html", title=self.title))
        panel = widgets.VBox([heading, widgets.HBox([side, view], layout=row)])
        panel.controls, panel.line, panel.view, panel.bar = controls, line, view, bar
        follow()
        return panel

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        if in_book():
            return {"text/html": self.still(), "text/plain": repr(self)}
        return self.panel()._repr_mimebundle_(**kwargs)


MOST_STEPS = 150  # about 1.6 seconds on an idle core for the shipped models
EVERY = 5  # steps between two moves of the bar: each is a message to the browser


class Control(NamedTuple):
    """A control that is made when a panel is: its value at the beginning, and what makes the ipywidget."""

    first: Any
    make: Callable[[], Any]


def control(kind: str, description: str, first: Any, **options: Any) -> Control:
    """A control of a kind of ipywidget.

    It answers when it is released: an attack for each pixel that the mouse moves would queue up.
    """

    def make() -> Any:
        import ipywidgets as widgets

        made = getattr(widgets, kind)(value=first, description=description, **options)
        if made.has_trait("continuous_update"):
            made.continuous_update = False
        return made

    return Control(first, make)


def menu(description: str, options: Any, first: Any) -> Control:
    """A control that is a menu."""
    return control("Dropdown", description, first, options=options)


def steps_slider(first: int, most: int = MOST_STEPS) -> Control:
    """A control for the number of steps."""
    return control("IntSlider", "Steps", first, min=1, max=most)


def weight_slider(description: str, weights: Sequence[float], first: float) -> Control:
    """A control for the weight of a penalty, which takes in a first value that is not among the weights."""
    options = [(f"{weight:g}", weight) for weight in sorted({*weights, first})]
    return control("SelectionSlider", description, first, options=options)


def about(panel: Callable[..., Lab]) -> str:
    """What a panel offers: the paragraph of its function's docstring that begins with "In it"."""
    paragraphs = (inspect.getdoc(panel) or "").split("\n\n")
    return next((" ".join(each.split()) for each in paragraphs if each.startswith("In it")), "")


def checked_steps(steps: int, most: int = MOST_STEPS, name: str = "steps") -> None:
    """ValueError unless a reader can wait for that number of steps."""
    if not 1 <= steps <= most:
        raise ValueError(f"{name}={steps} given, expected 1 … {most}: a lab has to answer in seconds.")


def on_step(progress: Progress, steps: int) -> Callable[..., None]:
    """What the optimisation calls after each step; every few of them move the bar."""

    def report(step: int, *_: object) -> None:
        if step % EVERY == 0:
            progress(step, steps)

    return report


def draw_framed(axes: Any, image: np.ndarray, title: str) -> None:
    """An image with a thin line around it: a white sky would end nowhere on a white page."""
    from matplotlib.patches import Rectangle

    draw_image(axes, image, title)
    axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, edgecolor="#888888", linewidth=0.8))


OWN = -1  # in the menu of images: the reader's own
MOST_SCENES = 20  # what a menu can hold
# A Jupyter server takes messages of 10 MB at most unless it is told otherwise, as the Makefile does. Of a larger file
# nothing arrives here, and the page has to be loaded again.
LARGEST = "100 MB where `make lab` opened it, 10 MB on most other servers"


class ImageMenu:
    """A menu of images whose last entry is the reader's own, and the button that uploads it and then selects it.

    Args:
        classifier: which takes the images.
        scenes: the images to choose from, with `.images` and `.labels`; the first twenty are offered.

    Attributes:
        names: of the classes of the images offered.
        controls: the menu, `image`, and the button, `upload`.
    """

    def __init__(self, classifier: Classifier, scenes: Any) -> None:
        self.classifier, self.images = classifier, scenes.images[:MOST_SCENES]
        as_images(self.images, "scenes.images")
        self.names = [classifier.classes[int(label)] for label in scenes.labels[:MOST_SCENES]]
        numbered = [(f"{index + 1} · {name}", index) for index, name in enumerate(self.names)]
        tooltip = f"A photograph or a drawing, at most {LARGEST}. It goes to this notebook's kernel and nowhere else."
        self.controls = {
            "image": menu("Image", [*numbered, ("your own (the button below)", OWN)], 0),
            "upload": control("FileUpload", "An image of yours", (), accept="image/*", tooltip=tooltip),
        }

    def link(self, made: Mapping[str, Any]) -> None:
        """What is uploaded is selected."""
        image, upload = made["image"], made["upload"]
        upload.observe(lambda change: setattr(image, "value", OWN) if change.new else None, names="value")

    def chosen(
        self, image: int, upload: Sequence[Mapping[str, Any]]
    ) -> tuple[Float[Tensor, "1 channels height width"], str]:
        """The image that the controls stand for, as the classifier takes it, and what was done to it as a sentence.

        Raises:
            ValueError: the reader's own was chosen and none uploaded, or one that cannot be read.
        """
        if image != OWN:
            return self.images[image][None], ""
        if not upload:
            raise ValueError('press the button "An image of yours" and choose a file first.')
        name, size, channels = upload[0]["name"], self.classifier.size, self.classifier.channels
        loaded = _loaded(bytes(upload[0]["content"]), size, channels, name)
        return loaded.images.to(self.classifier.device), f" {name}: {', '.join(loaded.notes)}." if loaded.notes else ""


@lru_cache(maxsize=1)  # a photograph is read once, not again at every move of another control
def _loaded(content: bytes, size: tuple[int, int], channels: int, name: str) -> LoadedImage:
    return load_image(content, size, channels=channels, name=name)


LOGITS = "logits"
DEAD = "No start wakes this unit: it is off wherever we begin (a dead ReLU), and the image stays noise."
NONLINEARITIES = "torch.nn.modules.activation"  # the module in which PyTorch keeps them all


class UnitMenu:
    """A menu of layers, and in each a channel by number or a class by name.

    Args:
        classifier: whose units are offered.
        objective: the unit to begin with, such as `"layer3:12"` or `"logits:volcano"`; by default volcano, or the
            first class.

    Attributes:
        layers: the layers in the menu with their shapes.
        controls: a menu of layers, `layer`, a slider for the `channel`, and for the logits a menu of classes, `cls`.

    Raises:
        ValueError: a layer that is not in the menu, a channel that it does not have, or an unknown class (with close
            names).
    """

    def __init__(self, classifier: Classifier, objective: str | None = None) -> None:
        self.classifier = classifier
        self.layers = {layer.name: layer.shape for layer in worth_a_look(classifier)}
        cls = "volcano" if "volcano" in classifier.classes else classifier.classes[0]
        layer, _, unit = (objective or f"{LOGITS}:{cls}").partition(":")
        channel = 0
        if layer == LOGITS:
            cls = classifier.classes[classifier.index(unit)]
        elif layer not in self.layers:
            raise ValueError(unknown("layer", layer, [*self.layers, LOGITS]))
        elif unit.isdecimal() and int(unit) < self.layers[layer][0]:
            channel = int(unit)
        else:
            last = self.layers[layer][0] - 1
            raise ValueError(f"objective={objective!r} given, expected {layer}:0 … {layer}:{last}.")
        shapes = {name: f"{name} ({size[0]} channels, {size[1]} × {size[2]})" for name, size in self.layers.items()}
        shapes[LOGITS] = f"{LOGITS} ({len(classifier.classes)} classes)"
        most = max((shape[0] for shape in self.layers.values()), default=1)
        self.controls = {
            "layer": menu("Layer", [(text, name) for name, text in shapes.items()], layer),
            "channel": control("IntSlider", "Channel", channel, min=0, max=most - 1),
            "cls": menu("Class", classifier.classes, cls),
        }

    def chosen(self, layer: str, channel: int, cls: str) -> tuple[Objective, str]:
        """The objective that the controls stand for, and its name."""
        if layer == LOGITS:
            return Logit(self.classifier.index(cls)), f"{LOGITS}:{cls}"
        return Channel(layer, channel), f"{layer}:{channel}"

    def link(self, made: Mapping[str, Any]) -> None:
        """The slider goes as far as the layer has channels; for the logits the menu of classes stands in its place."""
        layer, channel, cls = (made[name] for name in self.controls)

        def fit(change: object = None) -> None:
            if layer.value != LOGITS:
                channel.max = self.layers[layer.value][0] - 1
            channel.layout.display = "none" if layer.value == LOGITS else None
            cls.layout.display = None if layer.value == LOGITS else "none"

        layer.observe(fit, names="value")
        fit()


@torch.no_grad()
def worth_a_look(classifier: Classifier) -> list[LayerShape]:
    """The layers with maps behind a nonlinearity: whole blocks first, in an image's order, then what is inside.

    A convolution without its ReLU asks the same question as with it, and the last module of a block gives what the
    block gives: such layers are left out. A net without nonlinearities of PyTorch's own offers all its maps.
    """
    modules = dict(classifier.module.named_modules())
    shaped = [layer for layer in layers(classifier) if len(layer.shape) == 3 and layer.name != LOGITS]
    maps = [layer for layer in shaped if layer.shape[1] * layer.shape[2] > 1]
    bent = [layer for layer in maps if NONLINEARITIES in {type(m).__module__ for m in modules[layer.name].modules()}]
    listed = sorted(bent or maps, key=lambda layer: layer.name.count("."))
    noise = torch.rand((1, classifier.channels, *classifier.size), generator=torch.Generator().manual_seed(0))
    with as_found(classifier):
        outputs = record(classifier, [layer.name for layer in listed])(noise.to(classifier.device))
    different: list[LayerShape] = []
    for layer in listed:
        if not any(torch.equal(outputs[layer.name], outputs[other.name]) for other in different):
            different.append(layer)
    return different


def visualized(
    classifier: Classifier, objective: Objective, progress: Progress, *, steps: int, **options: Any
) -> Visualization:
    """`visualize` for a panel: its bar moves, and a dead unit is said in the panel instead of warned about."""
    from course_utils.vision import visualize

    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        report = on_step(progress, steps)
        return visualize(classifier, objective, steps=steps, on_step=report, progress=False, **options)


@styled
def one_and_four(image: Tensor, title: str, others: Tensor, titles: Sequence[str]) -> tuple[Any, list[Any]]:
    """An image (1, …) large, and up to four others small beside it; the empty axes are returned."""
    large, small = as_images(image)[0], as_images(others)
    figure = new_figure(WIDTH / 2 * large.shape[0] / large.shape[1] + 0.7)
    cells = figure.add_gridspec(2, 4)
    draw_framed(figure.add_subplot(cells[:, :2]), large, title)
    cells_beside = [figure.add_subplot(cells[row, column]) for row in (0, 1) for column in (2, 3)]
    for axes, each, name in zip(cells_beside, small, titles, strict=False):
        draw_framed(axes, each, name)
    empty = cells_beside[len(small) :]
    for axes in empty:
        axes.set_axis_off()
    return figure, empty
