"""What is counted for nets that are too large to be run here."""

import sys
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))


def test_gpt2_and_gpt2_xl_have_as_many_weights_as_published():
    from growth_counts import SMALL, XL, bare_passes

    assert bare_passes(SMALL)["weights"] == 124_439_808
    assert bare_passes(XL)["weights"] == 1_557_611_200


def test_a_pass_costs_two_operations_for_each_weight_and_token_there_and_as_many_back():
    from growth_counts import LENGTH, SMALL, bare_passes

    layers, width, vocabulary = SMALL["n_layer"], SMALL["n_embd"], 50257
    in_blocks = 12 * layers * width**2 * LENGTH  # of attention and feed-forward; the last token alone meets the words
    attention = 2 * layers * width * LENGTH**2
    assert bare_passes(SMALL)["operations"] == pytest.approx(4 * (in_blocks + attention + width * vocabulary), rel=0.01)


def test_what_is_counted_of_a_call_is_its_passes_and_distances_and_a_little_more(monkeypatch):
    growth_counts = pytest.importorskip("growth_counts")
    growth_models = sys.modules["growth_models"]
    small = {"n_layer": 2, "n_embd": 64, "n_head": 2}
    lm = growth_models.gpt2(500, **small)
    lm.check_embeddings()  # which is done once for a model
    monkeypatch.setattr(growth_counts, "case", lambda axis, size: growth_models.prompts(lm, size))
    expected = growth_counts.bare_passes(small, 500)["operations"] + growth_counts.distances(small, 500)
    counted = growth_counts.counted("restarts", [1, 3])
    assert 1 < counted[1] / expected < 1.8
    assert counted[3] == 3 * counted[1] == pytest.approx(growth_counts._counted("restarts", 3), rel=0.01)
