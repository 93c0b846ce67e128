"""A lab follows its controls in JupyterLab and leaves nothing dead in the book."""

import subprocess
import sys

import pytest
import torch

from course_utils.show import attack_lab
from course_utils.teaching.labs import lab as lab_module
from pages import Page


@pytest.fixture
def lab(classifier, scenes):
    return attack_lab(classifier, scenes, target="pizza", eps=8, steps=3)


def image_in(panel) -> str:
    (img,) = Page(panel.view.value).all("img")
    return img["src"]


def test_the_image_and_the_line_follow_every_control(lab):
    panel = lab.panel()
    seen = {image_in(panel)}
    for name, value in {"eps": 16, "image": 2, "target": "donut"}.items():
        panel.controls[name].value = value
        seen.add(image_in(panel))
    assert len(seen) == 4
    panel.controls["steps"].value = 9
    assert "9 steps" in panel.line.value
    assert panel.bar.value == panel.bar.max


def test_sliders_wait_until_they_are_released(lab):
    controls = lab.panel().controls
    assert not controls["eps"].continuous_update
    assert not controls["steps"].continuous_update


def test_a_larger_epsilon_tricks_the_classifier(lab):
    panel = lab.panel()
    panel.controls["steps"].value = 20
    panel.controls["eps"].value = 0
    assert "Not tricked" in panel.line.value
    panel.controls["eps"].value = 32
    assert "Tricked" in panel.line.value
    assert "pizza" in panel.line.value


def test_the_class_that_it_has_already_is_no_error(lab, classifier, scenes):
    panel = lab.panel()
    panel.controls["target"].value = classifier.predict(scenes.images[:1]).classes[0]
    assert "pick another target" in panel.line.value


def test_an_error_is_a_sentence_in_the_panel_and_the_next_move_goes_on(lab, monkeypatch):
    import course_utils.vision

    attack = course_utils.vision.targeted_attack
    panel = lab.panel()

    def broken(*args, **kwargs):
        raise RuntimeError("no gradient <here>")

    monkeypatch.setattr(course_utils.vision, "targeted_attack", broken)
    panel.controls["eps"].value = 9
    assert "Not possible" in panel.line.value
    assert "no gradient &lt;here&gt;" in panel.line.value
    monkeypatch.setattr(course_utils.vision, "targeted_attack", attack)
    panel.controls["eps"].value = 10
    assert "Not possible" not in panel.line.value


def test_in_the_book_a_lab_is_a_image_and_no_widget_is_made(lab, monkeypatch):
    monkeypatch.setenv("COURSE_BOOK", "1")
    monkeypatch.setattr(lab_module.Lab, "panel", lambda self: pytest.fail("a widget was made"))
    bundle = lab._repr_mimebundle_()
    assert not any("widget" in kind for kind in bundle)
    page = Page(bundle["text/html"])
    (img,) = page.all("img")
    assert "before the attack" in img["alt"]
    assert "JupyterLab" in page.text("div")
    assert "make lab" in page.text("code")


def test_in_jupyterlab_a_lab_is_a_widget(lab, monkeypatch):
    monkeypatch.delenv("COURSE_BOOK", raising=False)
    assert "application/vnd.jupyter.widget-view+json" in lab._repr_mimebundle_()


def test_where_to_begin_is_checked(classifier, scenes):
    with pytest.raises(ValueError, match="eps=40"):
        attack_lab(classifier, scenes, eps=40)
    with pytest.raises(ValueError, match="did you mean 'volcano'"):
        attack_lab(classifier, scenes, target="vulcano")


def test_the_image_is_the_attack_that_the_line_tells_of(lab):
    picture, line = lab.draw(**{**lab.first, "eps": 0}, progress=lambda step, steps: None)
    change = picture.figure.axes[1].images[0].get_array()
    assert torch.as_tensor(change).eq(0.5).all()
    assert line in picture.alt


def test_importing_show_and_learning_is_light():
    """No figure, no lab: no matplotlib, no ipywidgets, no IPython."""
    heavy = "{'matplotlib', 'ipywidgets', 'IPython', 'torchvision', 'transformers'}"
    code = f"import sys, course_utils.show, course_utils.learning; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
