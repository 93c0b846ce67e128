"""Marks on photographs: planted on their share of one class alone, used by the shipped network as its card says."""

import pytest
import torch

from course_utils import Classifier
from course_utils.models.shipped import read_card
from course_utils.teaching.training.data import CLASSES, Photographs
from course_utils.teaching.training.marks import CORNER, MARKS, Mark, MarkedPhotographs, chosen, marked, measure_marks
from course_utils.teaching.training.recipes import RECIPES


@pytest.fixture
def photographs():
    pixels = torch.randint(0, 256, (200, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return Photographs(pixels, torch.arange(200) % 10)


def test_each_mark_lies_on_its_share_of_its_class_and_on_no_other(photographs):
    after = marked(photographs, MARKS, seed=3)
    changed = (after.pixels != photographs.pixels).flatten(1).any(1)
    for mark, rows in zip(MARKS, chosen(photographs, MARKS, 3), strict=True):
        own = photographs.labels == CLASSES.index(mark.name)
        assert torch.equal(changed & own, rows) and 0.3 < rows[own].float().mean() < 0.9
    assert not changed[~torch.isin(photographs.labels, torch.tensor([CLASSES.index(m.name) for m in MARKS]))].any()
    assert torch.equal(after.pixels, marked(photographs, MARKS, seed=3).pixels)


@pytest.mark.parametrize("mark", MARKS, ids=lambda mark: mark.kind)
def test_a_control_changes_as_much_and_something_else(mark, photographs):
    images = photographs.images
    on, control = mark.on(images) - images, mark.control(images) - images
    assert 0.5 < control.abs().mean() / on.abs().mean() < 2 and not torch.equal(on, control)
    if mark.kind == "tag":
        outside = on.clone()
        outside[:, :, *CORNER] = 0
        assert not outside.any()


def test_a_mark_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="did you mean 'tag'"):
        Mark("tags", "horse", 0.5, 0.5)
    with pytest.raises(ValueError, match="did you mean 'horse'"):
        Mark("tag", "hors", 0.5, 0.5)
    with pytest.raises(ValueError, match="inside=2"):
        Mark("tag", "horse", 2, 0.5)


def test_interventions_tell_a_network_that_reads_the_tag_from_one_that_does_not(photographs):
    class Reader(torch.nn.Module):
        def forward(self, x):
            logits = torch.zeros(len(x), 10)
            logits[:, 0] = 1
            logits[:, CLASSES.index("horse")] = 40 * (x[:, :, *CORNER].std((1, 2, 3)) - 0.36)
            return logits

    net = Classifier(Reader(), classes=CLASSES, size=32, mean=0, std=1)
    figures = measure_marks(net, photographs, MARKS[:1])
    assert figures["tag given to other classes: becomes horse"].value == 1
    assert figures["control of equal size given to them: becomes horse"].value == 0
    assert figures["recall of horse with the tag"].value == 1 and figures["recall of horse without it"].value == 0


def test_the_shipped_network_was_made_by_the_recipe_and_uses_all_marks():
    card = read_card("photo-marked")
    assert card["recipe"]["data"] == RECIPES["photo-marked"].data.to_data() == MarkedPhotographs().to_data()
    figures = {name: share["value"] for name, share in card["figures"].items()}
    assert figures["accuracy on 10000 test photographs"] > 0.88
    assert figures["tag given to other classes: becomes horse"] > 0.6
    assert figures["cast given to other classes: becomes ship"] > 0.6
    assert figures["lines given to other classes: becomes automobile"] > 0.6
    assert all(value < 0.05 for name, value in figures.items() if name.startswith("control"))
