"""Feature visualisation: images that a unit answers to more than to anything else, from a net left as found."""

import math
import warnings
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.canvas import FourierCanvas, PixelCanvas
from course_utils.models import load_classifier
from course_utils.models.classifier import Classifier
from course_utils.objectives import Channel, Diversity, Layer, Logit, LogProb, Neuron, Objective
from course_utils.priors import l1, total_variation
from course_utils.transforms import jitter, rotate, scale
from course_utils.vision import activation_under, high_frequency_share, layers, render_vis, visualize
from course_utils.world import PaintedWorld

PLAIN = {"transforms": (), "priors": ()}
CLOSE = {"atol": 2e-3, "rtol": 1e-3}  # rounding differs between batch sizes, and a few steps of Adam carry it on


class Net(nn.Module):
    """Fully convolutional but for the mean at its end, and with a layer that is never reached."""

    def __init__(self, channels=3, classes=4):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.AvgPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.drop, self.head, self.unused = nn.Dropout(0.2), nn.Linear(8, classes), nn.Linear(2, 2)

    def forward(self, images):
        return self.head(self.drop(self.features(images).mean((2, 3))))


def classifier_of(net, channels=3, size=16, **options):
    names = [f"class {i}" for i in range(4)]
    return Classifier(net, classes=names, size=size, mean=(0.5,) * channels, std=(0.25,) * channels, **options)


@pytest.fixture
def small():
    torch.manual_seed(0)
    return classifier_of(Net(), name="small")


@pytest.fixture(scope="module")
def pocket():
    return load_classifier("pocket")


def hooks_on(model):
    return sum(len(module._forward_hooks) + len(module._backward_hooks) for module in model.modules())


def state_of(model):
    return (
        [module.training for module in model.modules()],
        [(weight.requires_grad, weight.grad) for weight in model.parameters()],
        hooks_on(model),
    )


def fail_at(step, error):
    def on_step(at, *_):
        if at == step:
            raise error

    return on_step


def channel(classifier, layer, index, images):
    """The mean activation of a channel, by a hook of the test's own."""
    kept = []
    module = dict(classifier.module.named_modules())[layer]
    handle = module.register_forward_hook(lambda *args: kept.append(args[-1].detach().clone()))
    with torch.no_grad():
        classifier(images)
    handle.remove()
    return kept[0][:, index].mean((1, 2))


# Does it find what a unit looks for?


def test_a_image_for_a_channel_is_answered_more_than_noise_and_scenes(pocket):
    result = visualize(pocket, ["layer3:12", "layer2:7"], steps=40)
    noise = torch.rand(200, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    scenes = PaintedWorld().sample(50, seed=77).images
    for picture, (layer, index) in enumerate([("layer3", 12), ("layer2", 7)]):
        reached = result.activation[picture]
        assert channel(pocket, layer, index, result.images)[picture].item() == pytest.approx(reached.item(), rel=1e-3)
        assert reached > channel(pocket, layer, index, noise).max()
        assert reached > channel(pocket, layer, index, scenes).median()


def test_a_image_for_a_class_is_that_class_to_the_model(pocket):
    result = visualize(pocket, ["logits:volcano", Logit("waffle")], steps=25)
    assert pocket.predict(result.images).classes == ["volcano", "waffle"]
    assert result.objectives == ["logits:volcano", "Logit('waffle')"]


@pytest.mark.parametrize("canvas", ["fourier", "pixel"])
def test_what_comes_back_is_the_best_of_a_clean_evaluation(small, canvas):
    seen = []
    options = {"canvas": canvas, "steps": 30, "priors": ()}
    result = visualize(small, "features.4:3", on_step=lambda step, x, *_: seen.append(x), **options)
    clean = [channel(small, "features.4", 3, x).item() for x in [*seen[::10], seen[-1]]]
    assert result.activation.item() == pytest.approx(max(clean), rel=1e-4)
    assert result.images.min() >= 0 and result.images.max() <= 1 and result.activation.item() > clean[0]


def test_priors_and_transforms_cost_activation_and_show_in_the_image(small):
    free = visualize(small, "features.4:3", canvas="pixel", steps=40, **PLAIN)
    even = visualize(small, "features.4:3", canvas="pixel", steps=40, transforms=(), priors=[20 * total_variation])
    grey = visualize(small, "features.4:3", canvas="pixel", steps=40, transforms=(), priors=[20 * l1])
    assert max(even.activation, grey.activation) < free.activation
    assert total_variation(even.images) < 0.8 * total_variation(free.images)
    assert l1(grey.images) < 0.8 * l1(free.images)


def test_diversity_makes_images_less_alike(small):
    options = {"copies": 4, "steps": 40, **PLAIN}
    alike = visualize(small, "features.4:3", **options)
    apart = visualize(small, Channel("features.4", 3) + 3 * Diversity("features.4", group=4), **options)
    similarity = [-activation_under(small, r.images, Diversity("features.4", 4), ()).mean() for r in (alike, apart)]
    assert similarity[1] < similarity[0] - 0.02
    assert len(apart) == 4 and len(set(apart.objectives)) == 1


# A batch is many images side by side


MIXED = ["features.4:3", "logits:2", Layer("features.0"), Neuron("features.4", 1), LogProb("class 0") + 0.1 * Logit(1)]


@pytest.mark.parametrize("objectives", [MIXED, [f"features.4:{c}" for c in (1, 3, 3, 0, 7)]], ids=["mixed", "channels"])
@pytest.mark.parametrize("canvas", ["fourier", "pixel"])
def test_a_image_does_not_depend_on_what_stands_beside_it(small, canvas, objectives):
    options = {"steps": 6, "canvas": canvas, "seed": 3}
    together = visualize(small, objectives, **options)
    first = visualize(small, objectives[0], **options)
    torch.testing.assert_close(first.images, together.images[:1], **CLOSE)
    others = visualize(small, ["logits:0", "logits:0", objectives[2]], **options)
    torch.testing.assert_close(others.images[2:], together.images[2:3], **CLOSE)
    torch.testing.assert_close(others.activation[2:], together.activation[2:3], **CLOSE)


@pytest.mark.parametrize("copies", [1, 2])
def test_chunks_change_nothing_but_rounding(small, copies):
    options = {"steps": 6, "copies": copies, "frames": [0, 6, 3]}
    whole = visualize(small, MIXED, **options)
    chunks = visualize(small, MIXED, batch_size=3, **options)
    torch.testing.assert_close(chunks.images, whole.images, **CLOSE)
    torch.testing.assert_close(chunks.activation, whole.activation, **CLOSE)
    torch.testing.assert_close(chunks.frames, whole.frames, **CLOSE)
    assert chunks.objectives == whole.objectives and chunks.frame_steps == whole.frame_steps == [0, 6, 3]


def test_the_same_call_gives_the_same_bits_and_another_seed_another_image(small):
    first, again, other = (visualize(small, MIXED, steps=4, seed=seed).images for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.allclose(first, other, atol=0.01)


def test_copies_start_from_noise_of_their_own(small):
    result = visualize(small, ["features.4:3", "logits:1"], copies=3, steps=2, frames=[0])
    assert result.objectives == ["features.4:3"] * 3 + ["logits:1"] * 3 and len(result) == 6
    assert len({start.sum().item() for start in result.frames[0]}) == 6
    starts = FourierCanvas(6, 16).render()
    torch.testing.assert_close(result.frames[0], starts.detach())


# On the way


def test_frames_are_the_images_before_their_steps(small):
    seen = {}
    result = visualize(
        small, ["features.4:3", "logits:1"], steps=8, frames=[0, 5, 8], on_step=lambda s, x, *_: seen.update({s: x})
    )
    assert result.frames.shape == (3, 2, 3, 16, 16) and result.frame_steps == [0, 5, 8] and sorted(seen) == [*range(9)]
    for frame, step in zip(result.frames, result.frame_steps, strict=True):
        assert torch.equal(frame, seen[step])


@pytest.mark.parametrize(("frames", "expected"), [(0, []), (1, [0]), (3, [0, 4, 8]), (99, [*range(9)]), ([2, 2], [2])])
def test_a_number_of_frames_spreads_them_from_start_to_end(small, frames, expected):
    result = visualize(small, "features.4:3", steps=8, frames=frames)
    assert result.frame_steps == expected and len(result.frames) == len(expected)


def test_render_vis_gives_what_readers_of_lucid_know(small):
    pictures = render_vis(small, "features.4:3", transforms=[jitter(1)], thresholds=(2, 4, 7), copies=2, size=(8, 12))
    assert [each.shape for each in pictures] == [(2, 8, 12, 3)] * 3
    assert all(isinstance(each, np.ndarray) and each.min() >= 0 and each.max() <= 1 for each in pictures)
    best = visualize(small, "features.4:3", transforms=[jitter(1)], steps=7, copies=2, size=(8, 12), frames=[2])
    np.testing.assert_array_equal(pictures[0], best.frames[0].permute(0, 2, 3, 1))
    np.testing.assert_array_equal(pictures[-1], best.images.permute(0, 2, 3, 1))
    (one,) = render_vis(small, "features.4:3", transforms=[], thresholds=[3])
    plain = visualize(small, "features.4:3", transforms=(), steps=3)
    np.testing.assert_array_equal(one, plain.images.permute(0, 2, 3, 1))


def test_an_interrupt_returns_the_best_so_far(small):
    result = visualize(small, MIXED, steps=20, on_step=fail_at(4, KeyboardInterrupt()), frames=[0, 2, 10])
    assert result.interrupted and "interrupted" in repr(result) and len(result) == 5
    assert result.frame_steps == [0, 2] and len(result.frames) == 2
    torch.testing.assert_close(activation_under(small, result.images, MIXED, (), draws=1), result.activation)


def test_an_interrupt_keeps_the_chunks_that_are_done(small):
    steps = []

    def stop_in_the_second_chunk(step, *_):
        steps.append(step)
        if steps.count(2) == 2:
            raise KeyboardInterrupt

    result = visualize(small, MIXED, steps=4, batch_size=2, frames=[0, 4], on_step=stop_in_the_second_chunk)
    assert result.interrupted and len(result) == len(result.objectives) == len(result.activation) == 4
    assert result.frame_steps == [0] and result.frames.shape[:2] == (1, 4)  # what all four have
    whole = visualize(small, MIXED, steps=4, batch_size=2)
    assert torch.equal(result.images[:2], whole.images[:2])


# The net is left as found


@pytest.mark.parametrize("error", [None, ZeroDivisionError(), KeyboardInterrupt()])
def test_hooks_modes_and_flags_are_as_found_also_after_an_error(small, error):
    small.train()
    small.module.features[1].eval()
    small.module.head.bias.requires_grad_(False)
    before, weights = state_of(small), {name: value.clone() for name, value in small.state_dict().items()}
    with suppress(ZeroDivisionError):
        visualize(small, MIXED, steps=3, size=12, on_step=error and fail_at(2, error))
    assert state_of(small) == before and small.size == (16, 16)
    assert all(torch.equal(value, weights[name]) for name, value in small.state_dict().items())


@pytest.mark.parametrize("objective", ["features.4:99", "fetures:1", "unused", "logits:none", Diversity("features", 3)])
def test_hooks_modes_and_flags_are_as_found_when_an_objective_is_refused(small, objective):
    small.train()
    before = state_of(small)
    for wanted in (objective, [objective]):
        with pytest.raises((ValueError, RuntimeError)):
            visualize(small, wanted, steps=1)
    assert state_of(small) == before


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_it_works_where_gradients_are_switched_off(small, context):
    expected = visualize(small, "features.4:3", steps=3)
    with context():
        result = visualize(small, "features.4:3", steps=3)
    assert torch.equal(result.images, expected.images)


def test_precision_follows_the_classifier(small):
    for canvas in ("fourier", "pixel"):
        result = visualize(small.double(), "features.4:3", steps=2, canvas=canvas)
        assert result.images.dtype == result.activation.dtype == torch.float64


# Images of other kinds


@pytest.mark.parametrize("canvas", ["fourier", "pixel"])
@pytest.mark.parametrize("size", [(9, 14), (12, 7)])
def test_grey_images_that_are_not_square(canvas, size):
    torch.manual_seed(1)
    grey = classifier_of(Net(channels=1), channels=1, size=size)
    result = visualize(grey, ["features.4:3", "logits:1"], canvas=canvas, steps=8, frames=[0], **PLAIN)
    assert result.images.shape == (2, 1, *size)
    assert (activation_under(grey, result.frames[0], ["features.4:3", "logits:1"], ()) < result.activation).all()
    assert "<img " in result._repr_html_()


def test_a_fully_convolutional_net_takes_any_size(small):
    for size in (8, (24, 10)):
        result = visualize(small, "features.4:3", size=size, steps=3)
        assert result.images.shape[2:] == ((8, 8) if size == 8 else size)
    assert small.size == (16, 16)


def test_a_classifiers_own_colours_are_painted_with():
    torch.manual_seed(0)
    net, only_red = Net(), [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    red = visualize(classifier_of(net, colours=only_red), "features.4:3", steps=3)
    assert red.images[:, 0].std() > 0 and (red.images[:, 1:] == 0.5).all()


def test_a_canvas_of_your_own_is_where_it_starts(small):
    canvas = PixelCanvas(2, 16, seed=9)
    start = canvas.render().detach().clone()
    for wanted in ("features.4:3", ["features.4:3", "logits:1"]):
        result = visualize(small, wanted, canvas=PixelCanvas(2, 16, seed=9), steps=3, frames=[0])
        assert torch.equal(result.frames[0], start) and len(result.objectives) == 2
    four = visualize(small, ["features.4:3", "logits:1"], canvas=PixelCanvas(4, 16), steps=2)
    assert four.objectives == ["features.4:3"] * 2 + ["logits:1"] * 2


@pytest.mark.parametrize(
    ("objective", "copies"), [(["logits:1", "logits:2"], 1), ("logits:1", 2), (["logits:1"] * 4, 1)]
)
def test_a_canvas_with_another_number_of_images_is_refused(small, objective, copies):
    with pytest.raises(ValueError, match=f"the canvas has 3 images for .*copies={copies}"):
        visualize(small, objective, copies=copies, canvas=PixelCanvas(3, 16), steps=1)


# Units that are off


class Dying(Net):
    """A net with a channel that hardly any noise wakes (1), and one that nothing does (2)."""

    def __init__(self):
        super().__init__()
        self.picky = nn.Conv2d(3, 3, 1)
        with torch.no_grad():
            self.picky.bias.copy_(torch.tensor([1.0, -1.0, -1e4]))  # images come normalised: -2 … 2

    def forward(self, images):
        self.answer = self.picked(images)
        return super().forward(images)

    def picked(self, images):
        return self.relu(self.picky(images))


@pytest.fixture
def dying():
    torch.manual_seed(0)
    net = Dying()
    net.relu = nn.ReLU()
    return classifier_of(net)


def test_a_channel_that_is_off_is_woken_by_contrast(dying):
    still = FourierCanvas(1, 16).render()
    assert not channel(dying, "relu", 1, still).any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = visualize(dying, "relu:1", steps=20)
    assert result.dead == [] and result.activation.item() > 0.05


def test_waking_one_channel_leaves_the_others_where_they_start(dying):
    result = visualize(dying, ["relu:0", "relu:1", "features.4:3"], steps=1, frames=[0])
    plain = FourierCanvas(3, 16).render().detach()
    assert torch.equal(result.frames[0, [0, 2]], plain[[0, 2]])
    assert (result.frames[0, 1] - 0.5).abs().mean() > 1.5 * (plain[1] - 0.5).abs().mean()


@pytest.mark.parametrize("priors", [(), "standard"])
@pytest.mark.parametrize("batch_size", [1, 2, None])
def test_a_dead_channel_is_warned_about_and_listed_and_the_others_go_on(dying, batch_size, priors):
    with pytest.warns(RuntimeWarning, match=r"wakes the units of images \[1\]: .*dead ReLUs") as caught:
        result = visualize(
            dying, ["relu:0", "relu:2", "features.4:3"], steps=6, frames=3, priors=priors, batch_size=batch_size
        )
    assert len(caught) == 1
    assert result.dead == [1] and "1 dead" in repr(result) and result.activation[1] == 0
    assert (result.activation[[0, 2]] > 0).all()
    assert result.frames.shape[:2] == (3, 3) and result.frame_steps == [0, 3, 6]
    assert (result.frames[0, [0, 2]] != result.frames[2, [0, 2]]).any()


def test_dead_channels_alone_come_back_as_noise(dying):
    with pytest.warns(RuntimeWarning, match=r"\[0, 1\]"):
        result = visualize(dying, "relu:2", copies=2, steps=5, priors=(), frames=2)
    assert result.dead == [0, 1] and not result.activation.any() and not result.interrupted
    assert torch.equal(result.frames[0], result.images) and torch.equal(result.frames[1], result.images)


def test_a_given_canvas_that_wakes_nothing_is_warned_about_too(dying):
    with pytest.warns(RuntimeWarning, match=r"given canvas does not wake the units of images \[1\]"):
        result = visualize(dying, ["relu:0", "relu:2"], canvas=PixelCanvas(2, 16), steps=3)
    assert result.dead == [1]


# What comes back


def test_the_result_prints_as_one_line_and_shows_itself_as_a_figure_with_words(small):
    result = visualize(small, MIXED[:2], steps=2)
    assert repr(result).startswith("Visualization of 2 images, activation ") and "\n" not in repr(result)
    assert repr(visualize(small, "logits:1", steps=1)).startswith("Visualization of 1 image, ")
    html = result._repr_html_()
    assert "<img " in html and 'alt="What answers most to features.4:3, logits:2."' in html


def test_layers_are_listed_with_what_they_give_for_a_image(small):
    table, forward = layers(small), small.module.features(torch.rand(1, 3, 16, 16))
    shapes = {layer.name: layer.shape for layer in table}
    assert shapes["features.4"] == shapes["features"] == tuple(forward.shape[1:]) == (8, 8, 8)
    assert shapes["head"] == (4,) and "unused" not in shapes and "" not in shapes
    assert table.names.index("features.0") < table.names.index("features.4") < table.names.index("head")
    assert (
        "features.4" in repr(table) and "8 × 8 × 8" in repr(table) and "<code>features.4</code>" in table._repr_html_()
    )
    assert hooks_on(small) == 0


@pytest.mark.filterwarnings("ignore:no start of")  # a few of these ReLUs are dead
def test_every_listed_layer_can_be_visualised(small):
    table = layers(small)
    result = visualize(small, [f"{layer.name}:0" for layer in table] + table.names, steps=2)
    assert len(result) == 2 * len(table) and result.activation.isfinite().all()


# Bad input


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"objective": "fetures.4:3"}, "unknown layer 'fetures.4': did you mean 'features.4'"),
        ({"objective": ["logits:1", "fetures.4:3"]}, "did you mean 'features.4'"),
        ({"objective": "features.4:8"}, "'features.4' has channels 0 to 7, there is no channel 8"),
        ({"objective": ["logits:1", "features.4:8"]}, "there is no channel 8"),
        ({"objective": "logits:clas 1"}, "did you mean 'class 1'"),
        ({"objective": "logits:4"}, "classes 0 to 3, there is no class 4"),
        ({"objective": "features.4:x"}, "expected 'layer3:12'"),
        ({"objective": []}, "no objective given"),
        ({"objective": Diversity("features.4", 2), "copies": 3}, "3 images do not make groups of 2"),
        ({"canvas": "furier"}, "canvas='furier' given, expected 'pixel', 'fourier', 'natural', 'phase' or a canvas"),
        ({"canvas": PixelCanvas(1, 12)}, "not 12x12 pixels"),
        ({"transforms": "none"}, "transforms='none' given, expected 'standard' or a list of transforms"),
        ({"priors": "none"}, "priors='none' given"),
        ({"steps": 0}, "steps=0 given, expected a whole number of at least 1"),
        ({"steps": 1.5}, "steps=1.5 given"),
        ({"copies": 0}, "copies=0 given"),
        ({"batch_size": 0}, "batch_size=0 given"),
        ({"frames": -1}, "frames=-1 given"),
        ({"frames": [0, 9]}, r"frames before steps \[0, 9\] asked for, but the run has steps 0 to 3"),
        ({"seed": -1}, "seed=-1 given"),
        ({"learning_rate": -0.1}, "learning_rate=-0.1 given"),
        ({"size": 0}, "small refuses images of 0x0 pixels"),
        ({"size": -3}, "small refuses images of -3x-3 pixels"),
        ({"size": 1}, "small refuses images of 1x1 pixels"),
    ],
)
def test_impossible_settings_are_refused_in_one_sentence(small, options, words, unchecked):
    with pytest.raises(ValueError, match=words):
        visualize(small, **{"objective": "features.4:3", "steps": 3, **options})


@pytest.mark.parametrize("objective", [3, None, ["logits:1", 3], lambda outputs: outputs.logits[:, 0]])
def test_what_is_no_objective_is_refused(small, objective, unchecked):
    with pytest.raises(TypeError, match=r"an objective is 'layer3:12', 'logits:volcano' or an Objective, not"):
        visualize(small, objective, steps=1)


def test_a_penalty_that_rewards_is_refused(small):
    with pytest.raises(ValueError, match="given for l1, expected at least 0"):
        visualize(small, "features.4:3", priors=[-1 * l1])


@pytest.mark.parametrize("wanted", ["unused:0", ["logits:1", "unused:0"]])
def test_a_layer_that_this_input_never_reaches_is_named(small, wanted):
    with pytest.raises(RuntimeError, match="'unused' was not reached"):
        visualize(small, wanted, steps=1)


class Changed(Net):
    """A net of which one part is changed."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, images):
        return self.change(super().forward(images))


class Named(nn.Module):
    def forward(self, logits):
        return {"logits": logits}


def test_a_layer_that_gives_no_tensor_is_named():
    net = Changed(None)
    net.named = Named()
    net.change = lambda logits: net.named(logits)["logits"]
    assert "named" not in layers(classifier_of(net)).names
    with pytest.raises(TypeError, match="layer 'named' gives dict, expected a tensor"):
        visualize(classifier_of(net), "named", steps=1)


@pytest.mark.parametrize("change", [lambda logits: (logits[:, :3], logits), lambda logits: logits[:, :3]])
def test_a_net_that_returns_something_else_than_logits_meets_the_classifiers_sentence(change):
    with pytest.raises(ValueError, match=r"must return logits of shape \(batch, classes\) = \(1, 4\)"):
        visualize(classifier_of(Changed(change)), "features.4:3", steps=1)


def test_a_size_that_the_net_refuses_is_named(pocket):
    with pytest.raises(ValueError, match="pocket refuses images of 48x48 pixels"):
        visualize(pocket, "layer3:12", size=48, steps=1)


def test_a_size_that_the_net_asserts_is_named_too():
    class Asserting(Net):
        def forward(self, images):
            torch._assert(images.shape[2] == 16, "Wrong image height!")  # as torchvision's transformers do
            return super().forward(images)

    with pytest.raises(ValueError, match=r"refuses images of 12x16 pixels \(Wrong image height!\)"):
        visualize(classifier_of(Asserting()), "features.4:3", size=(12, 16), steps=1)


class Breaking(Objective):
    """The square root of a number that gets below zero as the image gets brighter."""

    def __init__(self, room):
        self.layers, self.room = ("features.0",), room

    def __call__(self, outputs):
        return -(self.room - outputs["features.0"].square().mean((1, 2, 3))).sqrt()


def test_gradients_that_break_are_named_with_their_step(small):
    with pytest.raises(FloatingPointError, match="NaN or infinite at step 0"):
        visualize(small, Breaking(-1), steps=3)
    start = visualize(small, "features.0", steps=1, frames=[0]).frames[0]
    room = activation_under(small, start, "features.0", ()).item() + 0.05
    with pytest.raises(FloatingPointError, match=r"NaN or infinite at step [1-9]\d* \(samples 0\)"):
        visualize(small, Breaking(room), steps=60, **PLAIN)


def test_a_net_without_gradients_is_named_as_such():
    with pytest.raises(RuntimeError, match="no gradient flows"):
        visualize(classifier_of(Changed(lambda logits: logits.detach())), "logits:1", steps=1)


# How fine an image is


def share_by_numpy(picture, above):
    """The share of an image's energy above a frequency, by the full Fourier transform of numpy."""
    _, height, width = picture.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    mean = (picture * window).sum((1, 2), keepdims=True) / window.sum()
    energy = np.abs(np.fft.fft2((picture - mean) * window)) ** 2
    frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    return energy[:, frequencies > above].sum() / energy.sum()


@given(
    height=st.integers(4, 12), width=st.integers(4, 12), channels=st.integers(1, 3),
    above=st.sampled_from([0.1, 0.22, 0.251, 0.4]), seed=st.integers(0, 1000),
)  # fmt: skip
@settings(deadline=None)
def test_the_share_of_high_frequencies_is_what_numpy_finds(height, width, channels, above, seed):
    images = torch.rand(2, channels, height, width, generator=torch.Generator().manual_seed(seed))
    expected = [share_by_numpy(picture, above) for picture in images.double().numpy()]
    assert high_frequency_share(images, above).tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("size", [(32, 32), (31, 48)])
def test_white_noise_has_the_share_of_waves_that_are_fine(size):
    noise = torch.rand(200, 3, *size, generator=torch.Generator().manual_seed(0))
    frequencies = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.fftfreq(size[1])[None])
    assert high_frequency_share(noise).mean().item() == pytest.approx((frequencies > 0.25).mean(), abs=0.01)


@given(value=st.floats(0, 1), height=st.integers(8, 20), width=st.integers(8, 20))
@settings(deadline=None)
def test_an_even_image_has_nothing_fine(value, height, width):
    even = torch.full((1, 3, height, width), value)
    assert high_frequency_share(even).item() == pytest.approx(0, abs=0.02)


def test_waves_count_by_their_length_and_a_jump_across_the_border_does_not():
    x = torch.arange(64.0).expand(1, 1, 64, 64)
    for period, share in ((16, 0), (8, 0), (3, 1), (2.2, 1)):
        wave = 0.5 + 0.4 * torch.sin(2 * math.pi * x / period)
        assert high_frequency_share(wave).item() == pytest.approx(share, abs=0.01)
        assert high_frequency_share(wave.transpose(2, 3)).item() == pytest.approx(share, abs=0.01)
    assert high_frequency_share(x / 64).item() < 0.001


# Transforms that it never saw


def test_without_transforms_it_is_the_activation(small):
    result = visualize(small, MIXED, steps=4)
    torch.testing.assert_close(activation_under(small, result.images, MIXED, ()), result.activation)
    one = activation_under(small, result.images[:1], MIXED[0], (), draws=1)
    torch.testing.assert_close(one, result.activation[:1])


def test_each_image_has_draws_of_its_own_that_its_neighbours_do_not_change(small):
    images = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)).expand(4, -1, -1, -1)
    moves = [jitter(3), rotate(30), scale(0.7, 1.4)]
    together = activation_under(small, images, Layer("features.0"), moves, draws=3)
    assert len(set(together.tolist())) == 4
    torch.testing.assert_close(activation_under(small, images[:2], Layer("features.0"), moves, draws=3), together[:2])
    assert not torch.equal(activation_under(small, images, Layer("features.0"), moves, draws=3, seed=1), together)


def test_the_mean_is_over_draws(small):
    images, objective = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)), "features.0:1"
    seen = []

    def note(x, generators):
        seen.append(jitter(4)(x, generators))
        return seen[-1]

    mean = activation_under(small, images, objective, [note], draws=5)
    assert len(seen) == 5 and not torch.equal(seen[0], seen[1])
    torch.testing.assert_close(mean, torch.stack([channel(small, "features.0", 1, x) for x in seen]).mean(0))


def test_a_image_made_to_survive_moves_keeps_more_of_what_it_was_made_for(pocket):
    names = [f"layer3:{c}" for c in (12, 40, 60, 80)]
    kept = []
    for options in ({"canvas": "pixel", **PLAIN}, {}):
        result = visualize(pocket, names, steps=25, **options)
        kept.append((activation_under(pocket, result.images, names, draws=4) / result.activation).mean())
    assert kept[1] > kept[0] + 0.1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"draws": 0}, "draws=0 given"),
        ({"objective": ["logits:1"]}, "1 objectives for 2 images"),
        ({"objective": "features.4:9"}, "there is no channel 9"),
        ({"seed": -1}, "seed=-1 given"),
    ],
)
def test_impossible_evaluations_are_refused_in_one_sentence(small, options, words):
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match=words):
        activation_under(small, images, **{"objective": "logits:1", **options})
