"""Prototypes: images that a class answers to, and that go through the net as natural images of the class do."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from scipy.stats import spearmanr
from torch import nn

from course_utils.activations import Outputs, record
from course_utils.models import load_classifier
from course_utils.models.classifier import Classifier
from course_utils.objectives import ActivationMatch, Equidistant
from course_utils.teaching.training.data import Photographs
from course_utils.utils import spearman
from course_utils.vision import NaturalImages, class_means, generate_prototypes, natural_images, similarity
from course_utils.vision.layer_table import stages
from course_utils.world import PaintedWorld

WORLD = PaintedWorld()
PAIR = ["volcano", "donut"]
QUICK = {"steps": 30, "progress": False}


@pytest.fixture(scope="module")
def net():
    return load_classifier("pocket-robust")


@pytest.fixture(scope="module")
def scenes():
    return WORLD.sample(32, seed=21, classes=["volcano", "donut"])


@pytest.fixture(scope="module")
def others():
    return WORLD.sample(60, seed=22, classes=["volcano", "donut", "pizza"])


@pytest.fixture(scope="module")
def made(net, scenes):
    return generate_prototypes(net, PAIR, reference=scenes, copies=2, steps=40, progress=False)


def test_the_classifier_takes_every_prototype_for_its_class(net, made):
    assert made.classes == ["volcano", "volcano", "donut", "donut"]
    assert net.predict(made.images).classes == made.classes
    assert made.probability.min() > 0.9
    assert made.images.min() >= 0 and made.images.max() <= 1


def test_a_judge_of_another_architecture_names_them_too(made):
    assert load_classifier("pocket-judge").predict(made.images).classes == made.classes


def test_the_match_brings_activations_closer_to_natural_ones_than_the_logit_alone_does(net, made, scenes, others):
    alone = generate_prototypes(net, PAIR, copies=2, steps=40, progress=False)
    assert alone.spearman is None and alone.layers == []
    close, far = (similarity(net, each.images, each.classes, others).spearman.mean(0) for each in (made, alone))
    assert (close > far + 0.05).all()


def test_a_image_does_not_depend_on_the_classes_and_chunks_beside_it(net, scenes, made):
    chunked = generate_prototypes(net, PAIR, reference=scenes, copies=2, steps=40, batch_size=2, progress=False)
    assert torch.allclose(chunked.images, made.images, atol=0.02)


def test_the_same_call_gives_the_same_bits(net, scenes):
    first, second = (generate_prototypes(net, PAIR, reference=scenes, seed=5, **QUICK) for _ in range(2))
    assert first.images.equal(second.images)
    assert not first.images.equal(generate_prototypes(net, PAIR, reference=scenes, seed=6, **QUICK).images)


def test_diversity_drives_copies_apart(net, scenes):
    means = class_means(net, scenes)
    same, apart = (
        generate_prototypes(net, "volcano", reference=means, copies=3, diversity=weight, **QUICK).images
        for weight in (0.0, 20.0)
    )
    spread = [(pictures - pictures.mean(0)).square().mean().item() for pictures in (same, apart)]
    assert spread[1] > 1.2 * spread[0]


def test_an_equidistant_start_leaves_no_class_ahead(net):
    from course_utils.canvas import FourierCanvas
    from course_utils.loop import optimize

    canvas = FourierCanvas(2, 64, colours=net.colours)
    before = net.predict(canvas.render().detach()).confidence.max()
    after = net.predict(optimize(net, canvas, Equidistant(), steps=40, progress=False).x).confidence.max()
    assert after < 0.12 < before  # 16 classes: 0.0625 each at best
    started = generate_prototypes(net, "volcano", start="equidistant", **QUICK)
    assert started.probability.item() > 0.5


def test_frames_show_the_way(net):
    film = generate_prototypes(net, PAIR, frames=3, **QUICK)
    assert film.frames.shape == (3, 2, 3, 64, 64) and film.frame_steps == [0, 15, 30]


def test_the_reader_s_own_function_is_called_before_each_step(net):
    seen = []
    quick = QUICK | {"steps": 3}
    generate_prototypes(net, PAIR, on_step=lambda step, x, outputs, score: seen.append((step, tuple(x.shape))), **quick)
    assert [step for step, _ in seen][:3] == [0, 1, 2] and {shape for _, shape in seen} == {(2, 3, 64, 64)}


def test_ctrl_c_returns_the_classes_that_are_done(net, monkeypatch):
    import course_utils.vision.feature_visualization as module

    done, real = [], module.optimize

    def interrupted(*arguments, **options):
        if done:
            raise KeyboardInterrupt
        done.append(1)
        return real(*arguments, **options)

    monkeypatch.setattr(module, "optimize", interrupted)
    cut = generate_prototypes(net, PAIR, batch_size=1, **QUICK)
    assert cut.interrupted and cut.classes == ["volcano"] and "interrupted" in repr(cut)


def test_what_it_says_of_itself(made):
    assert repr(made).startswith("4 prototypes of 2 classes of pocket-robust: probability ")
    assert made.of("donut").shape == (2, 3, 64, 64)
    assert made.spearman.shape == (4, 4) and made.layers == ["stem", "layer1", "layer2", "layer3"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": "vulcano"}, "did you mean 'volcano'"),
        ({"classes": []}, "name at least one"),
        ({"classes": "volcano", "start": "grey"}, "expected 'noise' or 'equidistant'"),
        ({"classes": "volcano", "match": -1}, "match=-1 given, expected at least 0"),
        ({"classes": "volcano", "copies": 0}, "copies"),
        ({"classes": "waffle", "reference": True}, "the reference has 0 images of class 'waffle'"),
        ({"classes": "volcano", "reference": True, "layers": ["layer9"]}, "unknown layer 'layer9'"),
    ],
)
def test_bad_input_is_refused_with_a_reason(net, scenes, options, message):
    options = {**options, **({"reference": scenes} if options.get("reference") else {})}
    with pytest.raises(ValueError, match=message):
        generate_prototypes(net, **options, **QUICK)


def test_too_few_images_of_a_class_are_counted(net):
    few = WORLD.sample(4, seed=1, classes="volcano")
    with pytest.raises(ValueError, match="has 4 images of class 'volcano', expected at least 5"):
        generate_prototypes(net, "volcano", reference=few, **QUICK)


def test_references_of_every_kind_mean_the_same(net, scenes):
    wanted = class_means(net, scenes)
    pairs = class_means(net, (scenes.images, scenes.names))
    by_model = class_means(net, scenes.images)  # which names all of these right
    pixels = (scenes.images * 255).round().to(torch.uint8)
    photographs = class_means(net, Photographs(pixels, scenes.labels))  # a pair too, but of bytes
    assert all(torch.allclose(photographs.means[n], wanted.means[n], atol=0.02) for n in wanted.layers)
    for other in (pairs, by_model):
        assert all(torch.allclose(other.means[n], wanted.means[n], atol=1e-5) for n in wanted.layers)
    with pytest.raises(TypeError, match="reference is str, expected images"):
        class_means(net, "scenes")


def test_class_means_are_means(net, scenes):
    means = class_means(net, scenes, ["layer2"])
    with torch.no_grad():
        activations = record(net, ["layer2"])(scenes[scenes.labels == net.index("donut")].images)["layer2"]
    assert torch.allclose(means.of(["donut"])["layer2"][0], activations.mean(0), atol=1e-5)


# How closeness is measured


@given(st.integers(0, 10**6), st.integers(3, 40), st.booleans())
def test_rank_correlation_is_scipys_ties_included(seed, length, ties):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 3, length))
    if ties:
        a, b = np.maximum(a, 0), np.maximum(b, 0)  # what ReLUs do
    a[:, 0], b[:, 0] = 3, -3  # none is constant
    found = spearman(torch.from_numpy(a), torch.from_numpy(b))
    assert np.allclose(found, [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)], atol=1e-5)


def test_rank_correlation_without_variance_is_zero():
    assert spearman(torch.zeros(1, 4), torch.rand(1, 4)).item() == 0


def test_natural_images_are_close_to_their_own_class_and_not_to_others(net, others):
    found = similarity(net, others.images[:6], others.names[:6], others)
    assert (found.same.mean(0) > found.different.mean(0) + 0.2).all()
    assert set(found.labels.tolist()) == set(others.labels.tolist())


def test_an_image_has_no_share_in_the_mean_that_it_is_held_against(net):
    few = WORLD.sample(10, seed=3, classes=["volcano", "donut"])
    found = similarity(net, few.images, few.names, few)
    assert (found.same < found.spearman).all()  # images are held against the whole mean, their own share included


def test_shares_and_definition_follow_from_the_figures(net, made, others):
    found = similarity(net, made.images, made.classes, others)
    for i, target in enumerate(found.targets.tolist()):
        theirs = found.same[found.labels == target]
        assert torch.allclose(found.above[i], (theirs < found.spearman[i]).float().mean(0))
        assert found.by_definition[i] == bool((theirs.amax(0) < found.spearman[i]).all())


def test_normalised_is_one_for_the_average_natural_image(net, others):
    found = similarity(net, others.images, others.names, others)
    mean = torch.stack([found.normalised[found.targets == t].mean(0) for t in found.targets.unique()])
    assert ((mean > 0.9) & (mean < 1.4)).all()  # a little above: their own share is in the mean


def test_another_net_can_be_asked(made, others):
    found = similarity(load_classifier("pocket-judge"), made.images, made.classes, others, layers=["stages.0"])
    assert found.layers == ["stages.0"] and "stages.0" in repr(found)
    assert 'alt="' in found._repr_html_()


def test_natural_images_that_were_kept_in_a_file_measure_as_the_images_do(net, made, others, tmp_path):
    natural_images(net, others, progress=False).save(tmp_path / "natural.safetensors")
    kept = NaturalImages.load(tmp_path / "natural.safetensors")
    direct, stored = (similarity(net, made.images, made.classes, each) for each in (others, kept))
    assert torch.equal(direct.same, stored.same) and torch.equal(direct.labels, stored.labels)
    assert torch.allclose(direct.spearman, stored.spearman, atol=1e-3)  # means are kept in half precision
    with pytest.raises(ValueError, match="layers= was chosen"):
        similarity(net, made.images, made.classes, kept, layers=["layer1"])
    with pytest.raises(FileNotFoundError, match="there is no file"):
        NaturalImages.load(tmp_path / "nowhere")
    for name, content in (("noise", b"no tensors"), ("weights", None)):
        if content is None:
            save_file({"a": torch.zeros(1)}, tmp_path / name)
        else:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="was not written by"):
            NaturalImages.load(tmp_path / name)


def test_natural_images_can_be_what_prototypes_are_made_with(net, others):
    natural = natural_images(net, others, progress=False)
    from_means = generate_prototypes(net, "donut", reference=natural.means, **QUICK)
    assert torch.equal(generate_prototypes(net, "donut", reference=natural, **QUICK).images, from_means.images)


def test_images_of_one_class_alone_have_no_others(net):
    only = WORLD.sample(6, seed=2, classes="donut")
    with pytest.raises(ValueError, match="images of one class only"):
        similarity(net, only.images, "donut", only)


# The pieces


def test_activations_that_follow_the_wanted_ones_match_perfectly():
    def outputs(activations):
        return Outputs(torch.zeros(2, 1), {"layer": activations}, nn.Identity(), None, 2)

    wanted = torch.rand(2, 3, 4, 4)
    match = ActivationMatch({"layer": wanted})
    assert torch.allclose(match(outputs(3 * wanted + 1)), torch.ones(2), atol=1e-5)
    assert torch.allclose(match(outputs(-wanted)), -torch.ones(2), atol=1e-5)
    assert match(outputs(torch.ones(2, 3, 4, 4))).tolist() == [0, 0]  # nothing follows, and nothing is NaN
    with pytest.raises(ValueError, match="'layer' gives 48 numbers for each of 1"):
        match(outputs(torch.rand(1, 3, 4, 4)))
    with pytest.raises(ValueError, match="at least one layer"):
        ActivationMatch({})


def test_stages_are_the_last_layers_at_each_size(net):
    assert stages(net) == ["stem", "layer1", "layer2", "layer3"]
    torch.manual_seed(0)
    flat = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), classes=["a", "b"], size=4)
    with pytest.raises(ValueError, match=r"no layer of Sequential gives maps"):
        stages(flat)
