"""Feature accentuation and the images that excite a unit most."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from torch import nn

from course_utils.activations import record
from course_utils.canvas import FourierCanvas
from course_utils.models import Classifier
from course_utils.objectives import Channel, Logit, Neuron
from course_utils.vision import accentuate, top_images
from course_utils.vision.accentuation import waves_of

QUIET = {"progress": False}
SIZE = 16


@pytest.fixture(scope="module")
def net() -> Classifier:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.SiLU(), nn.Conv2d(6, 4, 3, stride=2, padding=1), nn.SiLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip
    return Classifier(module, classes=["a", "b", "c"], size=SIZE)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(5, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def distance(net: Classifier, layer: str, after: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        a, b = (record(net, [layer])(each)[layer].flatten(1) for each in (after, before))
    return (a - b).square().sum(1) / b.square().sum(1)


@pytest.mark.parametrize("objective", ["2:1", "logits:b", Neuron("2", 1), Logit("a") - Logit("c")])
def test_the_unit_answers_more(net: Classifier, images: torch.Tensor, objective: object) -> None:
    result = accentuate(net, images, objective, near=0.1, steps=15, **QUIET)
    assert (result.activation > result.before).all()
    assert result.images.min() >= 0 and result.images.max() <= 1
    aim = Channel("2", 1) if objective == "2:1" else Logit("b") if objective == "logits:b" else objective
    torch.testing.assert_close(result.activation, aim(record(net, aim.layers)(result.images)).detach())
    assert (result.originals - images).abs().max() <= 1 / 512 + 1e-6


def test_the_penalty_keeps_an_image_nearer_and_its_distance_is_what_the_layer_says(
    net: Classifier, images: torch.Tensor
) -> None:
    free, kept = (accentuate(net, images, "logits:b", near=w, layer="0", steps=20, **QUIET) for w in (0, 0.5))
    assert (kept.distance < free.distance).all() and (kept.activation < free.activation).all()
    expected = distance(net, "0", kept.images, kept.originals)
    torch.testing.assert_close(kept.distance, expected, rtol=1e-3, atol=1e-6)


def test_it_starts_from_the_image_itself(images: torch.Tensor) -> None:
    canvas = FourierCanvas(5, SIZE)
    with torch.no_grad():
        canvas.spectrum.copy_(waves_of(images.clamp(0.01, 0.99), canvas))
        torch.testing.assert_close(canvas.render(), images.clamp(0.01, 0.99), rtol=0, atol=1e-4)


def test_same_seed_same_images_and_none_depends_on_its_neighbours(net: Classifier, images: torch.Tensor) -> None:
    first, again, in_twos = (
        accentuate(net, images, "2:1", near=0.1, steps=6, batch_size=n, **QUIET) for n in (5, 5, 2)
    )
    assert torch.equal(first.images, again.images)
    torch.testing.assert_close(first.images, in_twos.images, rtol=0, atol=1e-4)
    other = accentuate(net, images, "2:1", near=0.1, steps=6, seed=1, **QUIET)
    assert not torch.equal(first.images, other.images)


def test_each_image_may_have_a_unit_of_its_own(net: Classifier, images: torch.Tensor) -> None:
    several = accentuate(net, images[:2], ["logits:a", "2:3"], near=0.1, steps=6, **QUIET)
    alone = accentuate(net, images[:1], "logits:a", near=0.1, steps=6, **QUIET)
    torch.testing.assert_close(several.images[:1], alone.images, rtol=0, atol=1e-4)
    assert several.objectives == ["logits:a", "2:3"]
    assert "change" in several.plot().alt.lower() or "difference" in several.plot().alt.lower()


def test_an_interrupt_keeps_the_images_that_were_reached(
    net: Classifier, images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def stop(*given: object) -> torch.Tensor:
        calls.append(1)
        if len(calls) > 40:
            raise KeyboardInterrupt
        return torch.nn.functional.silu(*given)

    monkeypatch.setattr(net.module[1], "forward", stop)
    result = accentuate(net, images, "2:1", near=0.1, layer="0", steps=6, batch_size=1, **QUIET)
    assert result.interrupted and 1 <= len(result.images) < 5
    assert "interrupted" in repr(result)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"near": -1}, ValueError, "near=-1 given, expected at least 0"),
        ({"steps": 0}, ValueError, "steps=0 given"),
        ({"layer": "9"}, ValueError, "unknown layer '9'"),
        ({"objective": "2:9"}, ValueError, "there is no channel 9"),
        ({"objective": "logits:d"}, ValueError, "unknown class of Sequential 'd'"),
        ({"objective": ["2:1"] * 3}, ValueError, "expected one for each"),
        ({"objective": [3]}, TypeError, "objective"),
        ({"images": torch.rand(2, 3, 8, 8)}, ValueError, "not 8x8 pixels"),
    ],
)
def test_what_accentuate_cannot_do_is_one_sentence(
    net: Classifier, images: torch.Tensor, change: dict, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        accentuate(net, **{"images": images, "objective": "2:1", **QUIET} | change)


def test_a_penalty_that_keeps_every_image_as_it_was_is_warned_about(net: Classifier, images: torch.Tensor) -> None:
    with pytest.warns(UserWarning, match="near=1000 costs more than 2:1 gains: no image changed; take less"):
        accentuate(net, images, "2:1", near=1000, steps=3, **QUIET)


@pytest.mark.parametrize("unit", ["2:1", "logits:b", Neuron("2", 3, 0, 0)])
def test_top_images_are_those_of_a_brute_force_sort(net: Classifier, images: torch.Tensor, unit: object) -> None:
    aim = Channel("2", 1) if unit == "2:1" else Logit("b") if unit == "logits:b" else unit
    with torch.no_grad():
        score = aim(record(net, aim.layers)(images))
    for size in (None, 2):
        top = top_images(net, images, unit, k=3, batch_size=size, **QUIET)
        expected = sorted(range(5), key=lambda row: -score[row].item())[:3]
        assert top.rows.tolist() == expected and top.of == 5
        torch.testing.assert_close(top.activation, score[expected])
        assert torch.equal(top.images, images[expected])


def test_a_channel_has_a_place_and_other_units_have_none(net: Classifier, images: torch.Tensor) -> None:
    top = top_images(net, images, "2:1", k=2, **QUIET)
    with torch.no_grad():
        maps = record(net, ["2"])(top.images)["2"][:, 1]  # 8 x 8
    down, across = (top.places * 8).long().T
    assert torch.equal(maps[torch.arange(2), down, across], maps.amax((1, 2)))
    assert top_images(net, images, "logits:a", k=2, **QUIET).places.isnan().all()
    assert "2:1" in top.plot().alt


def test_parts_are_cut_from_images_and_named_by_the_image_that_they_come_from(net: Classifier) -> None:
    bright = torch.zeros(3, 3, SIZE, SIZE)
    bright[1, :, SIZE // 2 :, : SIZE // 2] = 1  # the lower left quarter of the second image
    aim = Channel("0", 0)
    top = top_images(net, bright, aim, k=27, crops=3, **QUIET)
    assert top.of == 27 and sorted(top.rows.tolist()) == sorted([0, 1, 2] * 9)
    flat = top.images.flatten(1).mean(1)
    assert top.rows[flat.argmax()] == 1 and flat.max() > 0.9


def test_a_folder_and_a_list_of_files_are_read(net: Classifier, tmp_path: object) -> None:
    for number in range(3):
        Image.new("RGB", (20, 30), (80 * number, 0, 255 - 80 * number)).save(tmp_path / f"{number}.png")
    folder = top_images(net, tmp_path, "2:1", k=5, **QUIET)
    files = top_images(net, [tmp_path / f"{number}.png" for number in range(3)], "2:1", k=5, **QUIET)
    assert len(folder.images) == 3 and torch.equal(folder.activation, files.activation)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"k": 0}, ValueError, "k=0 given"),
        ({"crops": 0}, ValueError, "crops=0 given"),
        ({"unit": "2:9"}, ValueError, "there is no channel 9"),
        ({"unit": "7:1"}, ValueError, "unknown layer '7'"),
        ({"images": "no such folder"}, FileNotFoundError, "there is no file no such folder"),
        ({"images": []}, ValueError, "at least one image"),
    ],
)
def test_what_top_images_cannot_do_is_one_sentence(
    net: Classifier, images: torch.Tensor, change: dict, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        top_images(net, **{"images": images, "unit": "2:1", **QUIET} | change)
