"""On another device than the processor, language models answer and are searched as here."""

import pytest
import torch

from course_utils import language
from course_utils.language.search import exhaustive_prompts, target_log_probability
from course_utils.models.randomized import shuffled
from tests.elsewhere import DEVICE, machine
from tests.language.tiny_models import TEXT, tiny

QUIET = {"progress": False}
FEW = {"length": 2, "restarts": 2, "steps": 2, **QUIET}
CALLS = {
    "next_token_distribution": lambda lm: language.next_token_distribution(lm, "The girl"),
    "sequence_log_probability": lambda lm: language.sequence_log_probability(lm, "The girl saw"),
    "optimize_prompts": lambda lm: language.optimize_prompts(lm, " girl", **FEW),
    "coordinate_search": lambda lm: language.coordinate_search(lm, " girl", starts=8, candidates=8, **FEW),
    "random_search": lambda lm: language.random_search(lm, " girl", length=2, passes=20, **QUIET),
    "exhaustive_prompts": lambda lm: exhaustive_prompts(
        lm, " girl", length=2, candidates=lm.tokens(" ship harbour"), **QUIET
    ),
    "target_log_probability": lambda lm: (
        target_log_probability(lm, torch.tensor([[5, 6]]), " girl").cpu().round(decimals=4)
    ),
    "fluent_prompts": lambda lm: language.fluent_prompts(lm, " girl", length=3, population=2, steps=2, **QUIET),
    "top_sentences": lambda lm: language.top_sentences(lm, f"{LAYER[lm.name]}:3", TEXT[:2], k=2, **QUIET),
    "nearest_tokens": lambda lm: language.nearest_tokens(lm, torch.ones(2, lm.width), k=2),
    "direct_associations": lambda lm: language.direct_associations(lm, [" girl", " ship"], [" the", " in"], **QUIET),
}
LAYER = {"tiny-gpt2": "transformer.h.1", "tiny-llama": "model.layers.1"}


def move(lm):
    """To the stand-in, where weights that two modules share have to be shared again."""
    lm.model.to(DEVICE)
    lm.model.tie_weights()


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize("name", CALLS)
def test_functions_say_the_same_on_another_device(name, kind):
    lm = tiny(kind)
    before = repr(CALLS[name](lm))
    with machine():
        move(lm)
        assert lm.device == DEVICE and lm.prefix.device == DEVICE
        assert repr(CALLS[name](lm)) == before


def test_weights_are_shuffled_alike_everywhere():
    lm, there = tiny("gpt2"), tiny("gpt2")
    order = [weight.clone() for weight in shuffled(lm).model.parameters()]
    with machine():
        move(there)
        moved = [weight.cpu() for weight in shuffled(there).model.parameters()]
    assert all(torch.equal(one, other) for one, other in zip(order, moved, strict=True))
