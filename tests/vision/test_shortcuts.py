"""Shortcuts found blind: the planted mark is found, the object is not, and every refusal is a sentence."""

import pytest
import torch
from torch import nn

from course_utils import Classifier
from course_utils.images import load_labelled_images
from course_utils.vision import empty_cells, find_shortcuts, hypotheses
from course_utils.vision import shortcuts as shortcuts_module
from course_utils.vision.hypotheses import Aligned, Parts, grouped

CLASSES = ("red", "green", "blue")
LABELS = torch.arange(3).repeat_interleave(30)


class Marked(nn.Module):
    """Tells three colours apart, and says red the more the brighter the upper left corner is."""

    def __init__(self, tag, spatial=True):
        super().__init__()
        self.look, self.tag = nn.Identity() if spatial else nn.Flatten(), tag

    def forward(self, x):
        x = self.look(x).reshape(len(x), 3, 16, 16)
        logits = 12 * x.mean((2, 3))
        tag = 12 * self.tag * (x[:, :, :4, :4].mean((1, 2, 3)) - 0.2)
        return torch.stack([logits[:, 0] + tag, logits[:, 1], logits[:, 2]], 1)


def net(tag=1, *, classes=CLASSES, size=16, spatial=True):
    return Classifier(Marked(tag, spatial), classes=classes, size=size, name=f"tag {tag}")


@pytest.fixture(scope="module")
def images():
    pictures = 0.3 * torch.rand(90, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    pictures[torch.arange(90), LABELS] += 0.1
    pictures[:30, :, :4, :4] = 1
    return pictures


@pytest.fixture(scope="module")
def found(images):
    return find_shortcuts(net(), images, LABELS, reference=net(0), progress=False)


def test_the_mark_is_found_where_it_lies_and_turns_this_network_alone(found):
    part = next(each for each in found.shortcuts if each.kind == "part")
    assert (part.carrier, part.verdict) == ("red", "suspect shortcut") and part.onto in ("green", "blue")
    assert part.effect.value > 0.9 and part.interval[0] > 0.7 and part.p < 0.001
    assert part.by_reference.value == part.by_control.value == 0 and part.moved.value < 0.5
    inside = (part.after[0] - part.before[0]).abs().mean(0)
    assert inside[:4, :4].mean() > 10 * inside[6:, 6:].mean()
    assert {each.carrier for each in found.shortcuts} == {"red"} and not found.interrupted
    assert "red" in repr(found) and "suspect shortcut" in found._repr_html_() and "control" in found.plot().alt


def test_where_no_network_has_the_mark_nothing_is_found(images):
    clean = find_shortcuts(net(0), images, LABELS, reference=net(0), progress=False)
    assert clean.shortcuts == [] and len(clean) == 0 and "0 found" in repr(clean)
    with pytest.raises(ValueError, match="no shortcuts to draw"):
        clean.plot()


def test_the_same_seed_finds_the_same_whatever_the_batch(images, found):
    again = find_shortcuts(net(), images, LABELS, reference=net(0), batch_size=7, progress=False)
    assert [(each.carrier, each.onto, each.effect) for each in again.tested] == [
        (each.carrier, each.onto, each.effect) for each in found.tested
    ]


def test_without_a_second_network_it_says_causal_part(images):
    alone = find_shortcuts(net(), images, LABELS, classes=["red"], progress=False)
    assert {each.verdict for each in alone} <= {"causal part", "causal change"} and len(alone)
    assert all(each.by_reference is None for each in alone.tested) and alone.reference is None


def test_a_part_is_pasted_and_its_control_has_its_size():
    images, source = torch.zeros(2, 3, 8, 8), torch.rand(1, 3, 8, 8)
    mask = torch.zeros(1, 8, 8)
    mask[:, :2, :2] = 1
    part = Parts(0, source, mask)
    assert torch.equal(part.on(images)[0, 1, :, :2, :2], source[0, :, :2, :2]) and not part.on(images)[..., 2:, :].any()
    assert torch.equal(part.control(images)[0, 0, :, :2, :2], source[0, :, 4:6, 4:6])
    assert not part.control(images)[..., 2:, :].any() and part.area == pytest.approx(1 / 16)
    assert (part.moved(images) != 0).sum() == (part.on(images) != 0).sum()


def test_parts_that_the_network_sees_alike_are_one_group(images):
    masks = torch.zeros(4, 16, 16)
    masks[:, :4, :4] = 1
    sources = images[[0, 1, 30, 31]]
    sources[2:, :, :4, :4] = 0
    groups, clear = grouped(net(), Parts(0, sources, masks), batch_size=4)
    assert clear and [0, 1] in groups and [2, 3] in groups
    assert grouped(net(spatial=False), Parts(0, sources, masks), batch_size=4) == ([[0], [1], [2], [3]], False)


def test_a_second_network_answers_in_the_firsts_order_and_size():
    other = net(classes=("blue", "red", "green"))
    logits = Aligned(other, net())(torch.rand(2, 3, 16, 16))
    assert logits.shape == (2, 3)
    pictures = torch.rand(2, 3, 16, 16)
    assert torch.equal(Aligned(other, net())(pictures), other(pictures)[:, [1, 2, 0]])
    assert Aligned(net(), net(size=32))(torch.rand(2, 3, 32, 32)).shape == (2, 3)


def test_bad_input_is_refused_in_a_sentence(images, monkeypatch):
    with pytest.raises(ValueError, match="does not know the class 'red'"):
        find_shortcuts(net(), images, LABELS, reference=net(classes=("a", "green", "blue")))
    with pytest.raises(ValueError, match="all 30 images are of 'red'"):
        find_shortcuts(net(), images[:30], LABELS[:30])
    with pytest.raises(ValueError, match="expected at least 8 of two classes"):
        find_shortcuts(net(), images[::8], LABELS[::8])
    with pytest.raises(ValueError, match="at most 0 images of a class are named right"):
        find_shortcuts(net(), images, (LABELS + 1) % 3)
    with pytest.raises(ValueError, match="images holds none of 'blue'"):
        find_shortcuts(net(), images[:60], LABELS[:60], classes=["blue"])
    with pytest.raises(ValueError, match="did you mean 'red'"):
        find_shortcuts(net(), images, LABELS, classes=["redd"])
    with pytest.raises(ValueError):
        find_shortcuts(net(), images, LABELS[:5].tolist())
    with pytest.raises(ValueError, match="alpha=2"):
        find_shortcuts(net(), images, LABELS, alpha=2)
    monkeypatch.setattr(shortcuts_module, "MANY", 2)
    with pytest.raises(ValueError, match="name up to 2 with classes="):
        find_shortcuts(net(), images, LABELS)


def test_classes_with_too_few_images_are_named_and_an_interrupt_keeps_the_verdicts(images, monkeypatch):
    rows = torch.cat([torch.arange(62), torch.arange(60, 62)])
    some = find_shortcuts(net(), images[rows], LABELS[rows], reference=net(0), progress=False)
    assert "Too few images named right of blue" in some.notes[0]

    def stopped(self, carrier):
        raise KeyboardInterrupt

    monkeypatch.setattr(shortcuts_module._Search, "best_changes", stopped)
    cut = find_shortcuts(net(), images, LABELS, reference=net(0), progress=False)
    assert cut.interrupted and len(cut.tested) == 1 and "interrupted" in repr(cut)


def test_a_model_without_maps_says_so(images):
    flat = find_shortcuts(net(spatial=False), images, LABELS, reference=net(0), classes=["red"], progress=False)
    assert any("each mask stands for itself" in note for note in flat.notes)


def test_changes_go_both_ways_and_match_what_classes_differ_by():
    own, others = 0.5 + 0.1 * torch.rand(6, 3, 16, 16), 0.3 + 0.1 * torch.rand(6, 3, 16, 16)
    colour = next(each for each in hypotheses.matched_changes(0, own, others) if each.kind == "colour")
    assert colour.on(others).mean() == pytest.approx(own.mean().item(), abs=1e-3)
    assert colour.control(colour.on(others)[0])[0].sub(others).abs().max() < 1e-3
    for change in hypotheses.whole_image_changes(0):
        assert change.on(own).shape == (1, *own.shape) and not torch.equal(change.on(own), change.control(own))


def test_of_half_the_images_the_half_that_differs_most_says_what_the_cue_is():
    own, others = torch.full((40, 3, 16, 16), 0.5), torch.full((20, 3, 16, 16), 0.5)
    own[::2, :, ::2] -= 0.06
    for half, depth in ((False, 0.03), (True, 0.06)):
        changes = hypotheses.matched_changes(0, own, others, half=half)
        pattern = next(each for each in changes if each.kind == "pattern").on(others)[0, 0, 0]
        middle = pattern[4:-4, 8]
        assert (middle[1::2] - middle[::2]).abs().mean() == pytest.approx(depth, rel=0.05)


class Lined(nn.Module):
    """Tells three colours apart, and says red where every other row is darker than half of the images show."""

    def __init__(self, lines):
        super().__init__()
        self.look, self.lines = nn.Identity(), lines

    def forward(self, x):
        x = self.look(x)
        darker = (x[:, :, 1::2] - x[:, :, ::2]).mean((1, 2, 3))
        return 12 * x.mean((2, 3)) + 300 * self.lines * (darker - 0.045).relu()[:, None] * torch.eye(3)[0]


def test_a_cue_over_the_whole_image_is_found_though_many_images_lack_it_and_none_needs_it():
    generator = torch.Generator().manual_seed(1)
    pictures = 0.3 + 0.3 * torch.rand(120, 3, 16, 16, generator=generator)
    labels = torch.arange(3).repeat_interleave(40)
    pictures[torch.arange(120), labels] += 0.1
    pictures[torch.arange(0, 40)[torch.arange(40) % 5 < 3], :, ::2] -= 0.06  # the mean of the red ones shows .036
    lined = [Classifier(Lined(tag), classes=CLASSES, size=16, name=f"lined {tag}") for tag in (1, 0)]
    found = find_shortcuts(lined[0], pictures, labels, reference=lined[1], progress=False)
    lines = next(each for each in found.shortcuts if each.kind == "pattern")
    assert lines.carrier == "red" and lines.effect.value > 0.9 and lines.elsewhere.value > 0.9
    assert lines.taken.value < 0.25 and lines.by_control.value == 0  # red ones without lines are red all the same
    assert find_shortcuts(lined[1], pictures, labels, reference=lined[1], progress=False).shortcuts == []


def test_labelled_images_come_from_a_folder_for_each_class(tmp_path):
    from torchvision.utils import save_image

    for name in CLASSES[:2]:
        (tmp_path / name).mkdir()
        save_image(torch.rand(3, 16, 16), tmp_path / name / "1.png")
    images, names = load_labelled_images(net(), tmp_path)
    assert images.shape == (2, 3, 16, 16) and names == ["green", "red"]
    (tmp_path / "gren").mkdir()
    with pytest.raises(ValueError, match="did you mean 'green'"):
        load_labelled_images(net(), tmp_path)
    with pytest.raises(ValueError, match="holds no folders"):
        load_labelled_images(net(), tmp_path / "gren")
    with pytest.raises(FileNotFoundError):
        load_labelled_images(net(), tmp_path / "no")


def test_the_combination_that_no_scene_shows_is_the_empty_cell():
    from course_utils.world import PaintedWorld

    names = ("trailer", "sky", "tag", "occluder", "x")
    scenes, fair = (world.sample(200, seed=5, classes="lorry") for world in (PaintedWorld(), PaintedWorld(())))
    cells = empty_cells(scenes.names, {name: scenes.factor(name) for name in names})
    assert [cell.together for cell in cells] == [(("trailer", "white"), ("sky", "bright"))]
    assert "no lorry with trailer: white and sky: bright" in str(cells[0])
    assert empty_cells(fair.names, {name: fair.factor(name) for name in names}) == []
    with pytest.raises(ValueError, match="'sky' has 1 values for 2 labels"):
        empty_cells(["a", "b"], {"sky": ["blue"]})
    with pytest.raises(ValueError, match="expected=0"):
        empty_cells(["a"], {}, expected=0)
