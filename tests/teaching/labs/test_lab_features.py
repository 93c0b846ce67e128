"""The lab of chapter 4 shows what a unit asks for, beside the scenes that the same unit likes best."""

import warnings

import pytest
import torch
from units import OFF, image_in, known, numbers

from course_utils.models import load_classifier
from course_utils.models.classifier import Classifier
from course_utils.show import feature_lab
from course_utils.teaching.labs import features as lab_features
from course_utils.teaching.labs import lab as lab_images
from course_utils.teaching.labs import lab as lab_module
from course_utils.teaching.labs.lab import worth_a_look
from course_utils.vision import visualize
from pages import Page


@pytest.fixture
def images():
    """Ten images, each redder than the one before, and less blue."""
    red = torch.linspace(0, 1, 10)
    return torch.stack([red, 0 * red, 1 - red], 1)[..., None, None].expand(10, 3, 16, 24).contiguous()


@pytest.fixture
def lab(images):
    return feature_lab(known(), images=images, objective="eye:0", recipe="naive", steps=8)


def test_the_activation_is_that_of_the_image_made(lab, images):
    panel = lab.panel()
    for recipe, options in {
        "naive": {"canvas": "pixel", "priors": (), "transforms": ()},
        "Fourier": {"canvas": "fourier", "priors": (), "transforms": ()},
        "everything": {},
    }.items():
        panel.controls["recipe"].value = recipe
        made = visualize(known(), "eye:0", steps=8, progress=False, **options)
        assert numbers(panel.line.value)[0] == pytest.approx(made.activation.item(), rel=0.01)
    assert panel.bar.value == panel.bar.max


def test_more_steps_reach_more(lab):
    panel = lab.panel()
    few = numbers(panel.line.value)[0]
    panel.controls["steps"].value = 60
    many, steps, *_ = numbers(panel.line.value)
    assert steps == 60
    assert many > few + 0.05


def test_the_scenes_beside_it_are_those_that_excite_the_unit_most(lab, images):
    for channel, best in ((0, [9, 8, 7, 6]), (2, [0, 1, 2, 3])):
        picture, line = lab.draw(**{**lab.first, "channel": channel}, progress=lambda step, steps: None)
        scenes = [torch.as_tensor(axes.images[0].get_array()).permute(2, 0, 1) for axes in picture.figure.axes[1:]]
        torch.testing.assert_close(torch.stack(scenes), images[best])
        assert numbers(line)[-1] == pytest.approx(1.0)
        assert picture.figure.axes[1].get_title() == "scene: 1"


def test_fewer_than_four_scenes_are_enough(images):
    lab = feature_lab(known(), images=images[:2], steps=2)
    picture, _ = lab.draw(**lab.first, progress=lambda step, steps: None)
    assert [bool(axes.images) for axes in picture.figure.axes] == [True, True, True, False, False]


def test_the_logits_are_chosen_by_class_name(lab):
    panel = lab.panel()
    panel.controls["layer"].value = "logits"
    assert panel.controls["channel"].layout.display == "none"
    assert panel.controls["cls"].layout.display is None
    assert "logits:red answers" in panel.line.value
    panel.controls["cls"].value = "blue"
    assert "logits:blue answers" in panel.line.value
    panel.controls["layer"].value = "eye"
    assert panel.controls["cls"].layout.display == "none"
    assert "eye:0 answers" in panel.line.value


def test_a_layer_with_fewer_channels_takes_its_last_and_is_drawn_once(monkeypatch):
    pocket = load_classifier("pocket")
    drawn = []

    def counted(*args, **options):
        drawn.append(args[1])
        return lab_images.visualized(*args, **options)

    monkeypatch.setattr(lab_features, "visualized", counted)
    panel = feature_lab(pocket, images=torch.rand(2, 3, 64, 64), objective="layer3:95", recipe="naive", steps=1).panel()
    panel.controls["layer"].value = "stem"
    assert (panel.controls["channel"].value, panel.controls["channel"].max) == (15, 15)
    assert [repr(each) for each in drawn] == ["Channel('layer3', 95)", "Channel('stem', 15)"]


def test_a_dead_unit_is_a_sentence_and_no_warning(lab):
    panel = lab.panel()
    panel.controls["channel"].value = OFF
    assert "dead ReLU" in panel.line.value
    assert "Not possible" not in panel.line.value


def test_a_unit_that_transforms_wake_is_not_called_dead():
    model = load_classifier("photo-robust")
    lab = feature_lab(model, images=torch.rand(4, 3, 32, 32), objective="layer3:6", steps=60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        woken = visualize(model, "layer3:6", steps=60, progress=False)
    assert not woken.dead and woken.activation > 0
    _, line = lab.draw(**lab.first, progress=lambda step, steps: None)
    assert "dead" not in line
    assert numbers(line)[0] == pytest.approx(woken.activation.item(), rel=0.01)


def test_an_error_is_a_sentence_in_the_panel_and_the_same_place_can_be_tried_again(lab, monkeypatch):
    import course_utils.vision

    working, panel = course_utils.vision.visualize, lab.panel()
    before = image_in(panel)

    def broken(*args, **kwargs):
        raise FloatingPointError("score is NaN at step <3>")

    monkeypatch.setattr(course_utils.vision, "visualize", broken)
    panel.controls["channel"].value = 1
    assert "Not possible" in panel.line.value
    assert "score is NaN at step &lt;3&gt;" in panel.line.value
    monkeypatch.setattr(course_utils.vision, "visualize", working)
    panel.controls["channel"].value = 0
    assert "eye:0 answers" in panel.line.value
    assert image_in(panel) == before


def test_sliders_wait_until_they_are_released(lab):
    controls = lab.panel().controls
    assert not controls["channel"].continuous_update
    assert not controls["steps"].continuous_update
    assert controls["steps"].max == lab_images.MOST_STEPS


def test_in_the_book_it_is_a_image_that_says_what_the_lab_would_show(lab, monkeypatch):
    monkeypatch.setenv("COURSE_BOOK", "1")
    monkeypatch.setattr(lab_module.Lab, "panel", lambda self: pytest.fail("a widget was made"))
    page = Page(lab._repr_mimebundle_()["text/html"])
    (img,) = page.all("img")
    assert "An image made for eye:0, and the 4 scenes" in img["alt"]
    assert "you choose a layer, a channel or class, a recipe" in page.text("div")


def test_the_menu_has_blocks_first_and_nothing_twice():
    """The last ReLU of a block is the block; a convolution before its ReLU, and a shortcut, are no questions."""
    blocks = ["stem", "layer1", "layer2", "layer3"]
    names = [layer.name for layer in worth_a_look(load_classifier("pocket"))]
    assert names == [*blocks, "layer1.relu1", "layer2.relu1", "layer3.relu1"]
    assert [layer.name for layer in worth_a_look(known())] == ["eye"]


def test_a_net_without_maps_offers_its_classes(classifier, scenes):
    panel = feature_lab(classifier, images=scenes.images, recipe="naive", steps=2).panel()
    assert panel.controls["layer"].options == (("logits (16 classes)", "logits"),)
    assert "logits:volcano answers" in panel.line.value


def test_a_net_without_nonlinearities_offers_all_its_maps():
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(72, 3))
    grey = Classifier(net, classes=["a", "b", "c"], size=8, mean=[0.0], std=[1.0])
    panel = feature_lab(grey, images=torch.rand(3, 1, 8, 8), objective="0:1", steps=2).panel()
    assert "0:1 answers" in panel.line.value


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"steps": 500}, "steps=500"),
        ({"recipe": "magic"}, "'everything'"),
        ({"objective": "eyes:0"}, "did you mean 'eye'"),
        ({"objective": "eye:5"}, "eye:0 … eye:4"),
        ({"objective": "eye"}, "eye:0 … eye:4"),
        ({"objective": "logits:reed"}, "did you mean 'red'"),
    ],
)
def test_where_to_begin_is_checked(images, options, says):
    with pytest.raises(ValueError, match=says):
        feature_lab(known(), images=images, **options)


def test_scenes_that_the_classifier_refuses_are_refused_at_once():
    with pytest.raises(ValueError, match="not 8x8 pixels"):
        feature_lab(known(), images=torch.rand(4, 3, 8, 8))
