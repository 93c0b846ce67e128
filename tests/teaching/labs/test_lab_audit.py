"""The lab of chapter 12 turns three methods on several models."""

import pytest
from units import image_in

from course_utils import load_classifier
from course_utils.show import audit_lab
from course_utils.vision import factor_effects
from course_utils.world import PaintedWorld


@pytest.fixture(scope="module")
def scenes():
    return PaintedWorld(()).sample(2, seed=4, classes=["sailboat", "donut"])


@pytest.fixture(scope="module")
def models():
    return {name: load_classifier(name) for name in ("pocket", "pocket-clean")}


def test_the_numbers_are_those_of_the_same_calls_and_every_control_makes_another_image(models, scenes):
    panel = audit_lab(models, scenes, steps=2).panel()
    own = scenes[[0]]
    assert str(factor_effects(models["pocket"], own, progress=False).found[0]) in panel.line.value
    seen = {image_in(panel)}
    for name, value in {"model": "pocket-clean", "method": "isolation", "cls": "donut"}.items():
        panel.controls[name].value = value
        assert image_in(panel) not in seen, name
        seen.add(image_in(panel))
    panel.controls["method"].value = "prototypes, no data"
    assert "Three climbs" in panel.line.value


def test_what_cannot_be_offered_is_refused(models, scenes):
    with pytest.raises(ValueError, match="no models"):
        audit_lab({}, scenes)
    with pytest.raises(ValueError, match="steps=0"):
        audit_lab(models, scenes, steps=0)
    with pytest.raises(ValueError, match="volcano"):
        audit_lab(models, scenes, cls="volcano")
