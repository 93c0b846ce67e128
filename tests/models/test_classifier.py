"""One face for every classifier: what it takes, what it refuses, and in which words."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from course_utils import Classifier
from course_utils.activations import record
from course_utils.objectives import parse

CLASSES = ("cat", "dog", "owl")


class Tiny(nn.Module):
    """Says how red, green and blue an image is."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        return self.dropout(x.mean((2, 3)) * self.scale)


@pytest.fixture
def classifier() -> Classifier:
    return Classifier(Tiny(), classes=CLASSES, size=8, name="tiny")


def picture(*rgb: float) -> torch.Tensor:
    return torch.tensor(rgb)[None, :, None, None].expand(1, 3, 8, 8)


def test_normalisation_happens_inside():
    plain = Classifier(Tiny(), classes=CLASSES, size=8)
    normalised = Classifier(Tiny(), classes=CLASSES, size=8, mean=(0.5, 0.5, 0.5), std=(0.25, 0.5, 1.0))
    image = torch.rand(2, 3, 8, 8)
    expected = plain((image - 0.5).clamp(0, 1) * 0) + (image.mean((2, 3)) - 0.5) / torch.tensor([0.25, 0.5, 1.0])
    assert torch.allclose(normalised(image), expected, atol=1e-6)


def test_predictions_carry_names_and_probabilities(classifier):
    prediction = classifier.predict(torch.cat([picture(0.9, 0.1, 0.1), picture(0.1, 0.2, 0.8)]))
    assert prediction.classes == ["cat", "owl"]
    assert torch.allclose(prediction.probabilities.sum(1), torch.ones(2))
    assert torch.equal(prediction.confidence, prediction.probabilities.amax(1))
    assert prediction.top(2)[1][0][0] == "owl" and len(prediction.top(2)[0]) == 2
    assert "cat" in repr(prediction)


def test_predicting_uses_evaluation_mode_and_leaves_the_mode_as_found(classifier):
    classifier.train()
    first, second = (classifier.predict(picture(0.3, 0.2, 0.1)).logits for _ in range(2))
    assert torch.equal(first, second) and classifier.training


def test_gradients_flow_to_the_image(classifier):
    image = torch.rand(1, 3, 8, 8, requires_grad=True)
    classifier(image).sum().backward()
    assert image.grad is not None and image.grad.abs().sum() > 0


def test_targets_come_by_name_or_index_one_for_all_or_one_each(classifier):
    assert classifier.targets("owl", 2).tolist() == [2, 2]
    assert classifier.targets(1, 3).tolist() == [1, 1, 1]
    assert classifier.targets(["cat", 2], 2).tolist() == [0, 2]
    assert classifier.targets(torch.tensor([2, 0]), 2).tolist() == [2, 0]


def test_layers_are_the_dotted_names_of_the_module(classifier):
    assert classifier.layers == ["dropout"]


def test_a_single_channel_works():
    grey = Classifier(
        nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), classes=("a", "b"), size=4, mean=(0.5,), std=(0.5,)
    )
    assert grey(torch.rand(5, 1, 4, 4)).shape == (5, 2)


def test_classes_come_as_the_dictionary_of_a_configuration_and_its_duplicates_get_their_index():
    for names in ({2: "owl", 0: "crane", 1: "crane"}, {"0": "crane", "1": "crane", "2": "owl"}):
        assert Classifier(Tiny(), classes=names, size=8).classes == ("crane (0)", "crane (1)", "owl")


def test_mean_and_std_come_as_numbers_tuples_arrays_or_tensors():
    values = (0.485, 0.456, 0.406)
    expected = Classifier(Tiny(), classes=CLASSES, size=8, mean=values, std=values)
    for form in (list, np.array, torch.tensor, lambda v: torch.tensor(v)[None, :, None, None]):
        net = Classifier(Tiny(), classes=CLASSES, size=8, mean=form(values), std=form(values))
        assert torch.equal(net.mean, expected.mean) and torch.equal(net.std, expected.std)
    half = Classifier(Tiny(), classes=CLASSES, size=8, mean=0.5, std=np.float32(0.25))
    assert half.mean.flatten().tolist() == [0.5] * 3 and half.std.flatten().tolist() == [0.25] * 3
    assert Classifier(Tiny(), classes=CLASSES, size=8, mean=0.5, std=(0.25,)).channels == 1


def test_a_forgotten_normalisation_is_said_once_where_it_matters():
    with pytest.warns(UserWarning, match=r"as they are, in \[0, 1\].*or mean=0, std=1 if") as caught:
        net = Classifier(Tiny(), classes=CLASSES, size=128)
    assert len(caught) == 1
    assert net.mean.flatten().tolist() == [0.0] * 3 and net.std.flatten().tolist() == [1.0] * 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.predict(torch.rand(1, 3, 128, 128))
        Classifier(Tiny(), classes=CLASSES, size=128, mean=0, std=1)
        Classifier(Tiny(), classes=CLASSES, size=64)


@pytest.mark.parametrize(
    ("images", "error", "says"),
    [
        ([[0.5]], TypeError, "not list"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), TypeError, r"images.float\(\) / 255"),
        (torch.zeros(3, 8, 8), ValueError, r"write image\[None\]"),
        (torch.zeros(1, 4, 8, 8), ValueError, "not shape"),
        (torch.zeros(2, 8), ValueError, "not shape"),
        (torch.zeros(0, 3, 8, 8), ValueError, "this batch is empty"),
        (torch.zeros(1, 3, 9, 8), ValueError, "not 9x8 pixels"),
        (torch.full((1, 3, 8, 8), float("nan")), ValueError, "hold NaN"),
        (torch.full((1, 3, 8, 8), 200.0), ValueError, "divide by 255"),
        (torch.full((1, 3, 8, 8), -1.0), ValueError, "leave normalisation to the classifier"),
    ],
    ids=["list", "bytes", "single", "alpha", "flat", "empty", "size", "nan", "0-255", "normalised"],
)
@pytest.mark.parametrize("way", ["forward", "predict", "check_images"])
def test_images_of_the_wrong_kind_are_refused_in_one_sentence(unchecked, classifier, way, images, error, says):
    with pytest.raises(error, match=says) as caught:
        getattr(classifier, way)(images)
    assert "tiny" in str(caught.value)


def test_rounding_just_outside_the_range_is_let_through(classifier):
    classifier.predict(torch.full((1, 3, 8, 8), 1 + 3e-8))


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("cats", "did you mean 'cat'"),
        (3, "there is no class 3"),
        (-1, "there is no class -1"),
        (["cat"], "1 classes for 2"),
    ],
)
def test_unknown_targets_are_refused(classifier, target, says):
    with pytest.raises(ValueError, match=says):
        classifier.targets(target, 2)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"module": lambda x: x}, TypeError, "torch.nn.Module"),
        ({"classes": ()}, ValueError, "got none"),
        ({"classes": ("cat", "cat")}, ValueError, r"\['cat'\] stand twice"),
        ({"classes": ("cat", "cat")}, ValueError, r"unique_names\(names\) adds their index"),
        ({"classes": {"cat": "a", "dog": "b"}}, ValueError, "as in id2label or label2id, got .*cat"),
        ({"classes": {"cat", "dog", "owl"}}, TypeError, "a list of names in the order of the logits, not set"),
        ({"classes": "cat"}, TypeError, "not str: 'cat'"),
        ({"classes": 3}, TypeError, "not int: 3"),
        ({"classes": ["dog"]}, ValueError, r"'dog' is the only class.* two classes, \[no, yes\]"),
        ({"size": (3, 8, 8)}, TypeError, r"height and width in pixels.* got \(3, 8, 8\)"),
        ({"size": "8"}, TypeError, "got '8'"),
        ({"size": 8.0}, TypeError, "got 8.0"),
        ({"classes": {0: "cat", 2: "dog"}}, ValueError, "expected 0 to 1"),
        ({"mean": "ImageNet"}, TypeError, "mean and std are one number .*got 'ImageNet'"),
        ({"std": float("nan")}, ValueError, "std above 0"),
        ({"mean": (0.5,)}, ValueError, "one number for each channel"),
        ({"std": (0.0, 1.0, 1.0)}, ValueError, "std above 0"),
        ({"size": 0}, ValueError, "at least 1 pixel"),
    ],
)
def test_a_classifier_that_cannot_work_is_refused(unchecked, changes, error, says):
    settings = {"module": Tiny(), "classes": CLASSES, "size": 8, **changes}
    with pytest.raises(error, match=says):
        Classifier(settings.pop("module"), **settings)


def test_a_module_that_returns_something_else_than_logits_is_named():
    with pytest.raises(ValueError, match=r"must return logits of shape .*\(1, 3\).*returned \(1, 7\)"):
        Classifier(nn.Sequential(nn.Flatten(), nn.Linear(192, 7)), classes=CLASSES, size=8)(picture(0.0, 0.0, 0.0))


def test_classes_and_size_come_as_other_libraries_hand_them_out():
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
    processors = {"height": 8, "width": 8}, {"shortest_edge": 8}
    for size in (8, np.int64(8), (8, 8), [8, 8], torch.Size([8, 8]), np.array([8, 8]), *processors):
        assert Classifier(net, classes={"owl": 2, "cat": 0, "dog": 1}, size=size).size == (8, 8)
    for classes in ({2: "owl", 0: "cat", 1: "dog"}, {"owl": 2, "cat": 0, "dog": 1}, np.array(["cat", "dog", "owl"])):
        assert Classifier(net, classes=classes, size=8).classes == ("cat", "dog", "owl")


@pytest.mark.parametrize(
    "target", [1, np.int64(1), torch.tensor(1), np.array(1), "dog", [1, "dog"], np.array([1, 1]), torch.tensor([1, 1])]
)
def test_a_target_is_a_name_or_any_whole_number(unchecked, target):
    classifier = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), classes=CLASSES, size=8)
    assert classifier.targets(target, 2).tolist() == [classifier.index("dog" if "dog" in CLASSES else 1)] * 2


@pytest.mark.parametrize(
    ("target", "error", "says"),
    [
        (torch.eye(3)[:2], ValueError, r"shape \(2, 3\) given.*argmax\(1\)"),
        (np.eye(3)[:2], ValueError, r"argmax\(1\)"),
        (torch.tensor([1.7, 1.0]), TypeError, "whole number; got 1.7"),
        ([1.5, 1.0], TypeError, "got 1.5"),
        (1.5, TypeError, "got 1.5"),
        (None, TypeError, "got None"),
        (True, TypeError, "got True"),
    ],
)
def test_a_target_that_is_neither_name_nor_whole_number_is_refused(unchecked, target, error, says):
    classifier = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), classes=CLASSES, size=8)
    with pytest.raises(error, match=says):
        classifier.targets(target, 2)


def test_digits_are_a_name_where_a_class_has_it_and_else_an_index(unchecked):
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
    digits = Classifier(net, classes=["2", "0", "1"], size=8)
    outputs = record(digits)(torch.rand(1, 3, 8, 8))
    assert digits.index("2") == 0 and digits.index(2) == 2
    assert parse("logits:2")(outputs) == outputs.logits[0, 0]
    named = Classifier(net, classes=["a", "b", "c"], size=8)
    assert named.index("2") == 2 and parse("logits:2")(record(named)(torch.rand(1, 3, 8, 8))).shape == (1,)
    assert parse("logits:2")(record(net)(torch.zeros(1, 3, 8, 8))) == net(torch.zeros(1, 3, 8, 8))[0, 2]


def test_a_sigmoid_at_the_end_is_named():
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 4), nn.Sigmoid())
    images = torch.rand(4, 3, 8, 8)
    with pytest.warns(UserWarning, match=r"lie in \[0, 1\].* sigmoid"):
        Classifier(net, classes=list("abcd"), size=8).predict(images)
    with pytest.raises(ValueError, match="if its last step is a sigmoid, take that off"):
        Classifier(net, classes=list("abcd"), size=8, outputs="probabilities").predict(images)
