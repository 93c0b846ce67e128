"""Objectives: scores, one a sample, bigger is better; they add, subtract and scale."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from course_utils.activations import Outputs
from course_utils.objectives import Logit, LogProb, Objective, Term

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
