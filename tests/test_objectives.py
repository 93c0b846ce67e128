"""Objectives: scores, one a sample, bigger is better; they add, subtract and scale."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from course_utils.activations import Outputs, record
from course_utils.objectives import (
    Channel,
    Direction,
    Diversity,
    Layer,
    Logit,
    LogProb,
    Neuron,
    Objective,
    PerSample,
    Term,
    batch_objectives,
    parse,
)

NUMBERS = st.floats(-10, 10, allow_nan=False)


class Mean(Objective):
    """The mean of one layer, as a reader would write it."""

    def __init__(self, layer):
        self.layers = (layer,)

    def __call__(self, outputs):
        return outputs[self.layers[0]].mean((1, 2, 3))


class Size(Term):
    """A penalty, which sees a canvas's variable, not outputs."""

    def __call__(self, variable):
        return variable.abs().mean((1, 2, 3))


def outputs_for(logits, layers=None):
    return Outputs(logits, layers or {}, nn.Identity(), None, len(logits))


@pytest.fixture
def outputs():
    generator = torch.Generator().manual_seed(0)
    layers = {name: torch.randn(4, 2, 3, 3, generator=generator) for name in ("layer1", "layer2")}
    return outputs_for(3 * torch.randn(4, 6, generator=generator), layers)


def test_log_prob_is_the_negative_cross_entropy(outputs):
    targets = torch.tensor([0, 5, 2, 2])
    expected = -cross_entropy(outputs.logits, targets, reduction="none")
    torch.testing.assert_close(LogProb(targets)(outputs), expected)


def test_logit_is_the_logit(outputs):
    assert torch.equal(Logit(2)(outputs), outputs.logits[:, 2])
    assert torch.equal(Logit([0, 1, 2, 3])(outputs), outputs.logits.diagonal())


@given(a=NUMBERS, b=NUMBERS, c=NUMBERS)
@settings(deadline=None)
def test_objectives_add_subtract_and_scale_like_numbers(a, b, c):
    outputs = outputs_for(torch.linspace(-3, 3, 24).reshape(4, 6))
    first, second, third = Logit(0)(outputs), LogProb(1)(outputs), Logit(5)(outputs)
    combined = a * Logit(0) - LogProb(1) * b + sum([c * Logit(5), -Logit(0)]) / 2
    torch.testing.assert_close(combined(outputs), a * first - b * second + (c * third - first) / 2)


def test_combinations_of_combinations_stay_correct(outputs):
    difference = Logit(0) - Logit(1)
    torch.testing.assert_close((difference - difference)(outputs), torch.zeros(4))
    torch.testing.assert_close((2 * (difference - 3 * difference))(outputs), -4 * difference(outputs))


def test_a_sum_asks_for_the_layers_of_all_its_terms_once(outputs):
    total = Mean("layer1") + 0.5 * (Mean("layer2") - Mean("layer1")) + Logit(0)
    assert total.layers == ("layer1", "layer2")
    means = {name: tensor.mean((1, 2, 3)) for name, tensor in outputs.layers.items()}
    torch.testing.assert_close(total(outputs), 0.5 * means["layer1"] + 0.5 * means["layer2"] + outputs.logits[:, 0])


def test_a_plain_function_can_be_added(outputs):
    def spread(outputs):
        return outputs.logits.std(dim=1)

    torch.testing.assert_close((Logit(0) + spread)(outputs), outputs.logits[:, 0] + spread(outputs))
    torch.testing.assert_close((spread - Logit(0))(outputs), spread(outputs) - outputs.logits[:, 0])


def test_priors_scale_as_objectives_do():
    variable = torch.full((2, 3, 4, 4), -0.5)
    torch.testing.assert_close((0.1 * Size())(variable), torch.full((2,), 0.05))


@pytest.mark.parametrize("other", ["volcano", 1, None])
def test_what_gives_no_number_a_sample_cannot_be_added(other):
    with pytest.raises(TypeError):
        Logit(0) + other


def test_an_objective_must_say_how_it_scores():
    class Unfinished(Objective):
        pass

    with pytest.raises(TypeError, match="__call__"):
        Unfinished()


def test_confidence_is_the_probability_of_the_class_where_it_is_the_answer_and_else_zero():
    outputs = outputs_for(torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 2.0, 0.0]]))
    probability = torch.tensor([2.0, 0.0, 0.0]).softmax(0)[0].item()
    assert LogProb(0).confidence(outputs).tolist() == pytest.approx([probability, 0, 0])
    assert Logit([0, 0, 1]).confidence(outputs).tolist() == pytest.approx([probability, 0, probability])
    assert LogProb(0).confidence_elsewhere(outputs).tolist() == pytest.approx([0, probability, probability])


def test_log_prob_of_half_precision_logits_is_taken_in_float32():
    logits = torch.tensor([[9.0, 8.999, 9.0]], dtype=torch.float16)
    assert LogProb(0)(outputs_for(logits)).dtype == torch.float32
    torch.testing.assert_close(LogProb(0)(outputs_for(logits)), logits.float().log_softmax(1)[:, 0])


def test_objectives_print_as_what_they_are():
    assert repr(Logit("volcano") - 0.5 * LogProb(3)) == "1 · Logit('volcano') + -0.5 · LogProb(3)"


# About layers


@pytest.fixture
def deep():
    """Outputs with maps, a layer without places, and one of a transformer: tokens, each with its channels behind."""
    generator = torch.Generator().manual_seed(1)
    shapes = {"maps": (4, 5, 6, 7), "units": (4, 5), "tokens": (4, 6, 5)}
    layers = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    return outputs_for(torch.randn(4, 6, generator=generator), layers)


def by_channel(deep, layer):
    """(batch, channels, places), as an array."""
    given = deep[layer].mT if layer == "tokens" else deep[layer]
    return given.reshape(4, 5, -1).numpy()


@pytest.mark.parametrize("layer", ["maps", "units", "tokens"])
def test_a_channel_is_the_mean_over_its_places(deep, layer):
    activations = by_channel(deep, layer)
    np.testing.assert_allclose(Channel(layer, 2)(deep), activations[:, 2].mean(1), rtol=1e-5, atol=1e-6)
    each = [activations[row, channel].mean() for row, channel in enumerate([4, 0, 0, 3])]
    np.testing.assert_allclose(Channel(layer, [4, 0, 0, 3])(deep), each, rtol=1e-5, atol=1e-6)


def test_a_neuron_is_a_channel_at_one_place_the_middle_if_none_is_named(deep):
    maps = deep["maps"]
    assert torch.equal(Neuron("maps", 1)(deep), maps[:, 1, 3, 3])
    assert torch.equal(Neuron("maps", 1, y=0, x=6)(deep), maps[:, 1, 0, 6])
    assert torch.equal(Neuron("maps", [0, 1, 2, 3], x=2)(deep), maps[range(4), [0, 1, 2, 3], 3, 2])
    assert torch.equal(Neuron("units", 4)(deep), deep["units"][:, 4])


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (Channel("maps", 5), "'maps' has channels 0 to 4, there is no channel 5"),
        (Channel("maps", -1), "there is no channel -1"),
        (Channel("maps", [0, 1, 2, 9]), "there is no channel 9"),
        (Channel("maps", [0, 1]), "2 numbers given for 4 samples"),
        (Channel("flat", 0), r"gives shape \(4,\), which has no channels"),
        (Neuron("maps", 1, y=6), r"neuron at \(6, 3\) of 'maps' asked for; its maps are 6x7"),
        (Neuron("maps", 1, x=-1), r"neuron at \(3, -1\)"),
        (Neuron("maps", 7), "there is no channel 7"),
        (Neuron("units", 1, y=0), r"'units' gives shape \(4, 5\): no rows and columns"),
        (Neuron("tokens", 1), r"'tokens' gives shape \(4, 6, 5\): no rows and columns"),
        (Direction("maps", torch.ones(4)), "'maps' has 5 channels, the direction 4"),
        (Diversity("maps", group=3), "4 images do not make groups of 3"),
    ],
)
def test_what_a_layer_does_not_have_is_named(deep, objective, words):
    deep.layers["flat"] = torch.ones(4)
    with pytest.raises(ValueError, match=words):
        objective(deep)


def test_a_layer_is_the_mean_square_of_all_its_activations(deep):
    for layer in ("maps", "units"):
        expected = (deep[layer].double().numpy() ** 2).reshape(4, -1).mean(1)
        np.testing.assert_allclose(Layer(layer)(deep), expected, rtol=1e-5)


@given(length=st.floats(1e-3, 1e3))
@settings(deadline=None)
def test_a_direction_is_a_projection_of_which_the_length_does_not_count(length):
    generator = torch.Generator().manual_seed(2)
    maps, vector = torch.randn(4, 5, 6, 7, generator=generator), torch.randn(5, generator=generator)
    outputs = outputs_for(torch.zeros(4, 6), {"maps": maps, "units": maps[..., 0, 0]})
    unit = (vector / vector.norm()).double().numpy()
    expected = np.einsum("nchw,c->nhw", maps.double().numpy(), unit).mean((1, 2))
    np.testing.assert_allclose(Direction("maps", length * vector)(outputs), expected, atol=1e-6)
    np.testing.assert_allclose(Direction("units", vector)(outputs), maps[..., 0, 0].double().numpy() @ unit, atol=1e-5)


def test_a_direction_along_one_axis_is_that_channel(deep):
    torch.testing.assert_close(Direction("maps", torch.eye(5)[3])(deep), Channel("maps", 3)(deep))


@pytest.mark.parametrize("vector", [torch.zeros(4), torch.ones(2, 2), torch.ones(0)])
def test_a_direction_that_leads_nowhere_is_refused(vector, unchecked):
    with pytest.raises(ValueError, match=r"expected \(channels,\), not all zero"):
        Direction("maps", vector)


@pytest.mark.parametrize("layer", ["maps", "units", "tokens"])
def test_diversity_is_minus_the_mean_cosine_between_gram_matrices(deep, layer):
    flat = by_channel(deep, layer).astype(float)
    grams = [(sample @ sample.T).ravel() / np.linalg.norm(sample @ sample.T) for sample in flat]
    pairs = [[1], [0], [3], [2]]
    np.testing.assert_allclose(
        Diversity(layer, group=2)(deep), [-grams[i] @ grams[j] for i, (j,) in enumerate(pairs)], rtol=1e-4
    )
    all_others = [-np.mean([grams[i] @ grams[j] for j in range(4) if j != i]) for i in range(4)]
    np.testing.assert_allclose(Diversity(layer, group=4)(deep), all_others, rtol=1e-4)


def test_images_that_are_alike_have_diversity_minus_one_and_one_alone_has_none(deep):
    same = outputs_for(torch.zeros(4, 6), {"maps": deep["maps"][:1].expand(4, -1, -1, -1)})
    torch.testing.assert_close(Diversity("maps", group=4)(same), torch.full((4,), -1.0))
    assert Diversity("maps", group=1)(deep).tolist() == [0] * 4
    rolled = outputs_for(torch.zeros(2, 6), {"maps": torch.stack([deep["maps"][0], deep["maps"][0].roll(3, -1)])})
    torch.testing.assert_close(Diversity("maps", group=2)(rolled), torch.full((2,), -1.0))  # where does not matter


def test_a_group_of_none_is_refused():
    with pytest.raises(ValueError, match="group=0 given, expected a whole number of at least 1"):
        Diversity("maps", group=0)


def test_objectives_about_layers_print_as_what_they_are():
    assert repr(Channel("layer3", 12)) == "Channel('layer3', 12)"
    assert repr(Neuron("layer3", 12)) == "Neuron('layer3', 12)"
    assert repr(Neuron("layer3", 12, y=0, x=3)) == "Neuron('layer3', 12, y=0, x=3)"
    assert repr(Layer("layer3") + 2 * Diversity("layer2", group=4)) == (
        "1 · Layer('layer3') + 2 · Diversity('layer2', group=4)"
    )
    assert repr(Direction("layer3", torch.ones(7))) == "Direction('layer3', 7 channels)"
    assert repr(PerSample([Logit(0), Logit(1)])) == "PerSample(2 objectives)"


# Many in one batch


OBJECTIVES = {
    "logits": [Logit(3), Logit(0), Logit(3), Logit(5)],
    "channels of one layer": [Channel("maps", c) for c in (4, 4, 0, 2)],
    "channels of two layers": [Channel("maps", 1), Channel("units", 1), Channel("maps", 0), Channel("units", 4)],
    "channels and neurons": [Channel("maps", 1), Neuron("maps", 1), Neuron("maps", 1, 0, 0), Channel("maps", 2)],
    "a mixture": [Layer("maps"), Logit(1) - Logit(2), LogProb(4), Direction("tokens", torch.ones(5))],
}


@pytest.mark.parametrize("objectives", OBJECTIVES.values(), ids=OBJECTIVES)
def test_batch_objectives_gives_each_sample_what_its_own_objective_says(deep, objectives):
    expected = torch.stack([objective(deep)[row] for row, objective in enumerate(objectives)])
    torch.testing.assert_close(PerSample(objectives)(deep), expected)
    torch.testing.assert_close(batch_objectives(objectives)(deep), expected)
    assert set(batch_objectives(objectives).layers) == {layer for each in objectives for layer in each.layers}


@pytest.mark.parametrize("objectives", OBJECTIVES.values(), ids=OBJECTIVES)
def test_samples_keep_their_own_objectives_when_others_have_left(deep, objectives):
    left = torch.tensor([1, 3])
    some = Outputs(deep.logits[left], {n: t[left] for n, t in deep.layers.items()}, deep.model, left, 4)
    for together in (PerSample(objectives), batch_objectives(objectives)):
        torch.testing.assert_close(together(some), together(deep)[left])


def test_objectives_of_one_kind_are_evaluated_at_once():
    assert type(batch_objectives(OBJECTIVES["logits"])) is Logit
    assert type(batch_objectives(OBJECTIVES["channels of one layer"])) is Channel
    assert type(batch_objectives([Neuron("maps", 1), Neuron("maps", 2)])) is PerSample


def test_another_number_of_objectives_than_of_samples_is_refused(deep):
    with pytest.raises(ValueError, match="2 objectives given for 4 samples"):
        PerSample([Layer("maps"), Logit(1)])(deep)
    for make in (PerSample, batch_objectives):
        with pytest.raises(ValueError, match="at least one objective"):
            make([])


def test_gradients_of_one_sample_reach_its_image_alone():
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Tanh(), nn.Flatten(), nn.Linear(80, 6))
    images = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    both = PerSample([Channel("0", 2), Logit(1)])(record(net, ["0"])(images))
    (gradient,) = torch.autograd.grad(both[1], images)
    assert gradient[1].any() and not gradient[0].any()


# From strings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("layer3:12", "Channel('layer3', 12)"),
        ("layer3.1.conv2:0", "Channel('layer3.1.conv2', 0)"),
        ("layer3", "Layer('layer3')"),
        (" layer3:12 ", "Channel('layer3', 12)"),
        ("logits:volcano", "Logit('volcano')"),
        ("logits:apple pie", "Logit('apple pie')"),
        ("logits:7", "Logit('7')"),
    ],
)
def test_a_string_names_a_channel_a_layer_or_a_class(text, expected):
    assert repr(parse(text)) == expected


@pytest.mark.parametrize("text", ["", ":", ":3", "layer3:", "layer3:x", "layer3:-1", "layer3:1:2", "logits", "logits:"])
def test_a_string_that_names_none_is_refused_with_examples(text):
    with pytest.raises(ValueError, match=r"expected 'layer3:12'.*'logits:volcano'"):
        parse(text)
