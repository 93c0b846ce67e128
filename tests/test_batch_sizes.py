"""`batch_size=` bounds the rows that any part of a model sees at once, in every public function that takes it."""

import inspect
import sys
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from course_utils import Classifier, language, show, vision
from course_utils.models.classifier import Classifier as Wrapped

sys.path.append(str(Path(__file__).parent / "language"))
from tiny_models import tiny

SIZE = 16
QUIET = {"progress": False}
LABELS = list("abc") * 5


@contextmanager
def rows_seen(module):
    """The largest number of rows that any module inside was given, in a list of one."""
    largest, hooks = [0], []

    def count(_, inputs, keywords):
        for each in (*inputs, *keywords.values()):
            if isinstance(each, Tensor) and each.ndim > 1:
                largest[0] = max(largest[0], len(each))

    for part in module.modules():
        hooks.append(part.register_forward_pre_hook(count, with_kwargs=True))
    yield largest
    for hook in hooks:
        hook.remove()


@pytest.fixture(scope="module")
def classifier():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, stride=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(4 * 7 * 7, 3),
    )  # fmt: skip
    return Classifier(net, classes=list("abc"), size=SIZE)


@pytest.fixture(scope="module")
def lm():
    return tiny()


def images(count):
    return torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


COLOURED = images(60) * torch.rand(60, 3, 1, 1, generator=torch.Generator().manual_seed(2))
ATTRIBUTIONS = ("gradients", "integrated_gradients", "grad_cam", "occlusion")
VISION = {
    "Classifier.predict": lambda c, n: c.predict(images(7), batch_size=n),
    "targeted_attack": lambda c, n: vision.targeted_attack(c, images(7), "b", steps=2, batch_size=n, **QUIET),
    "untargeted_attack": lambda c, n: vision.untargeted_attack(c, images(7), "a", steps=2, batch_size=n, **QUIET),
    "visualize": lambda c, n: vision.visualize(c, ["0:1", "3:1", "logits:a"], steps=2, batch_size=n, **QUIET),
    "accentuate": lambda c, n: vision.accentuate(c, images(7), "3:1", near=0, steps=2, batch_size=n, **QUIET),
    "top_images": lambda c, n: vision.top_images(c, images(7), "3:1", crops=2, batch_size=n, **QUIET),
    "generate_prototypes": lambda c, n: vision.generate_prototypes(
        c, reference=(images(15), LABELS), steps=2, batch_size=n, **QUIET
    ),
    "class_means": lambda c, n: vision.class_means(c, (images(15), LABELS), batch_size=n, **QUIET),
    "isolate_features": lambda c, n: vision.isolate_features(c, images(7), steps=2, batch_size=n, **QUIET),
    "deletion_and_insertion": lambda c, n: vision.deletion_and_insertion(
        c, images(7), images(7)[:, 0], "a", points=3, batch_size=n
    ),
    "find_shortcuts": lambda c, n: vision.find_shortcuts(
        c, COLOURED, c.predict(COLOURED, batch_size=1).classes, alpha=0.5, batch_size=n, **QUIET
    ),
    "layers": lambda c, n: vision.layers(c, batch_size=n),
    "natural_statistics": lambda c, n: vision.natural_statistics(c, images(7), batch_size=n, **QUIET),
    "statistics_distance": lambda c, n: vision.statistics_distance(c, images(7), batch_size=n),
} | {
    name: lambda c, n, name=name: getattr(vision, name)(c, images(7), batch_size=n, **QUIET) for name in ATTRIBUTIONS
}  # fmt: skip
LANGUAGE = {
    "top_sentences": lambda lm, n: language.top_sentences(
        lm, "transformer.h.1:3", [" girl", " ship", "The girl", " harbour"] * 2, batch_size=n, **QUIET
    ),
}


def public_functions_with_a_batch_size():
    for facade in (vision, language, show, import_module("course_utils.models")):
        for name in getattr(facade, "__all__", ()):
            each = getattr(facade, name)
            if callable(each) and not isinstance(each, type) and "batch_size" in inspect.signature(each).parameters:
                yield name
    for name, method in inspect.getmembers(Wrapped, inspect.isfunction):
        if "batch_size" in inspect.signature(method).parameters:
            yield f"Classifier.{name}"


def test_every_public_function_with_a_batch_size_is_counted():
    assert set(public_functions_with_a_batch_size()) == VISION.keys() | LANGUAGE.keys()


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize("name", VISION)
def test_no_part_of_a_classifier_sees_more_rows_than_the_batch_size(classifier, name, most):
    with rows_seen(classifier.module) as largest:
        VISION[name](classifier, most)
    assert 1 <= largest[0] <= most


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize("name", LANGUAGE)
def test_no_part_of_a_language_model_sees_more_rows_than_the_batch_size(lm, name, most):
    with rows_seen(lm.model) as largest:
        LANGUAGE[name](lm, most)
    assert 1 <= largest[0] <= most
