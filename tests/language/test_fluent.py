"""Fluent search: a planted neuron is found, the front is one, and the surprise is the chain rule's."""

import pytest
import torch
from tiny_models import tiny

from course_utils.language import fluent as fluent_module
from course_utils.language import fluent_prompts, top_sentences
from course_utils.language.targets import PromptObjective, surprise
from course_utils.models.language_model import LanguageModel
from course_utils.objectives import Channel, Direction

QUICK = {"length": 4, "population": 4, "children": 12, "steps": 12, "progress": False}
NEURONS = {"gpt2": "transformer.h.0.mlp.c_proj.input", "llama": "model.layers.0.mlp.down_proj.input"}
SHIP = "transformer.h.0.mlp.c_proj.input:3"


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def lm(request):
    return tiny(request.param)


@pytest.fixture(scope="module")
def gpt2():
    return tiny()


@pytest.fixture(scope="module")
def planted():
    """A GPT-2 whose neuron 3 of the first MLP reads " ship" off the token at hand, and nothing else."""
    lm = tiny()
    block = lm.model.transformer.h[0]
    with torch.no_grad():
        block.attn.c_proj.weight.zero_()
        lm.model.transformer.wpe.weight.zero_()
        table = lm.embeddings
        normal = (table - table.mean(1, keepdim=True)) / table.std(1, keepdim=True, correction=0)
        ship = normal[lm.token(" ship")]
        block.mlp.c_fc.weight[:, 3] = 2 * ship / ship.norm()
        block.mlp.c_fc.bias[3] = 0
    return lm


def chain_rule(lm, ids):
    """The mean cross-entropy of tokens, one next token at a time."""
    first = 0 if len(lm.prefix) else 1
    terms = [-lm.logits(ids[None, :place])[0].log_softmax(0)[ids[place]] for place in range(max(first, 1), len(ids))]
    if first == 0:
        terms.insert(0, -lm.model(lm.prefix[None]).logits[0, -1, : lm.vocabulary].log_softmax(0)[ids[0]])
    return torch.stack(terms).mean()


def test_surprise_is_the_cross_entropy_by_the_chain_rule(lm):
    ids = torch.randint(5, lm.vocabulary, (6, 5), generator=torch.Generator().manual_seed(0))
    expected = torch.stack([chain_rule(lm, row) for row in ids]).detach()
    assert torch.allclose(surprise(lm, ids), expected, atol=1e-4)


def test_one_token_without_a_beginning_has_no_surprise(gpt2):
    assert surprise(gpt2, torch.tensor([[7]])).isnan().all()


def test_a_planted_neuron_is_found(planted):
    found = fluent_prompts(planted, SHIP, **{**QUICK, "steps": 25})
    assert found.pieces[-1][-1] == " ship"
    assert found.measure == "activation" and found.score[-1] > 5 * found.random_score.median().abs()


def test_the_position_of_a_unit_can_be_said(planted):
    found = fluent_prompts(planted, SHIP, position=1, **{**QUICK, "steps": 25})
    assert found.pieces[-1][1] == " ship"


def test_no_text_of_the_front_is_beaten(lm):
    found = fluent_prompts(lm, " girl", **QUICK)
    assert len(found) > 1
    assert (found.score.diff() > 0).all() and (found.surprise.diff() > 0).all()
    assert all(lm.retokenizes(row) for row in found.token_ids)
    score, surprise = PromptObjective(lm, " girl")(found.token_ids)
    assert torch.allclose(found.score, score, atol=1e-4) and torch.allclose(found.surprise, surprise, atol=1e-4)
    assert found.best() == found.text[-1] and found.best(surprise=found.surprise[0].item()) == found.text[0]
    with pytest.raises(ValueError, match="the least surprising has"):
        found.best(surprise=0.0)


def test_it_is_fluent_at_one_end_and_strong_at_the_other(lm):
    found = fluent_prompts(lm, f"{NEURONS['gpt2' if 'gpt2' in lm.name else 'llama']}:5", **{**QUICK, "steps": 30})
    assert found.surprise[0] < found.random_surprise.min()
    assert found.score[-1] > found.random_score.max()


def test_what_goes_into_a_layer_is_what_its_neurons_are(gpt2):
    ids = gpt2.encode(" girl is on")[None]
    mlp, seen = gpt2.model.transformer.h[1].mlp, []
    handle = mlp.act.register_forward_hook(lambda module, inputs, output: seen.append(output.detach()))
    score, _ = PromptObjective(gpt2, "transformer.h.1.mlp.c_proj.input:7")(ids)
    handle.remove()
    assert score.item() == pytest.approx(seen[0][0, -1, 7].item(), abs=1e-5)


def test_objectives_add_and_directions_point(gpt2):
    ids = torch.randint(5, gpt2.vocabulary, (5, 4))
    first, second = (PromptObjective(gpt2, Channel("transformer.h.0", c))(ids)[0] for c in (1, 2))
    difference, _ = PromptObjective(gpt2, Channel("transformer.h.0", 1) - Channel("transformer.h.0", 2))(ids)
    assert torch.allclose(difference, first - second, atol=1e-5)
    one = torch.zeros(gpt2.width)
    one[1] = 3.0
    assert torch.allclose(PromptObjective(gpt2, Direction("transformer.h.0", one))(ids)[0], first, atol=1e-5)
    found = fluent_prompts(gpt2, Direction("transformer.h.0", one), **{**QUICK, "steps": 4, "length": 2})
    assert len(found) and "Direction" in found.objective


def test_scores_of_swaps_are_the_first_order_effect_and_exact_for_the_own_surprise(lm):
    """In the last place a token changes nothing but its own surprise, where the score does not read it."""
    ids, weight = lm.encode(" girl is on")[None], torch.tensor([0.7])
    aim = PromptObjective(lm, " girl")
    alone, both = (aim.swap_scores(ids, each)[0, -1] for each in (None, weight))
    tokens = torch.arange(40, 60)
    swapped = ids.repeat(len(tokens), 1)
    swapped[:, -1] = tokens
    change = -0.7 * aim(swapped)[1]
    assert torch.allclose((both - alone)[tokens].diff(), change.diff(), atol=1e-3)


def test_the_surprise_may_be_another_models(lm):
    kind = "gpt2" if "gpt2" in lm.name else "llama"
    other = tiny(kind, seed=1)
    found = fluent_prompts(lm, " girl", surprise_model=other, **QUICK)
    assert torch.allclose(found.surprise, surprise(other, found.token_ids), atol=1e-4)
    assert found.passes > fluent_prompts(lm, " girl", **QUICK).passes


def test_a_surprise_model_with_another_tokenizer_is_refused(gpt2):
    model, words = tiny(seed=1).model, tiny().tokenizer
    words.add_tokens([" sail"])
    with pytest.raises(ValueError, match="surprise_model other has another tokenizer than tiny-gpt2"):
        fluent_prompts(gpt2, " girl", surprise_model=LanguageModel(model, words, "other"), **QUICK)


def test_passes_are_counted(gpt2):
    seen = []
    handle = gpt2.model.register_forward_pre_hook(
        lambda module, args, given: seen.append(len(next(v for k, v in given.items() if k.startswith("input")))),
        with_kwargs=True,
    )
    found = fluent_prompts(gpt2, " girl", **QUICK)
    handle.remove()
    assert found.forward_passes == sum(seen)
    assert found.backward_passes == 4 * 12


def test_the_same_seed_gives_the_same_texts(gpt2):
    one, two, other = (fluent_prompts(gpt2, " girl", **QUICK, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(one.token_ids, two.token_ids) and not torch.equal(one.token_ids, other.token_ids)


def test_an_interrupt_returns_the_front_so_far(gpt2, monkeypatch):
    real, calls = fluent_module.drawn_swaps, []

    def stop(*args, **options):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(fluent_module, "drawn_swaps", stop)
    found = fluent_prompts(gpt2, " girl", **QUICK)
    assert found.interrupted and "interrupted" in repr(found) and len(found)


def test_it_shows_itself(gpt2):
    found = fluent_prompts(gpt2, " girl", **QUICK)
    assert "\n" not in repr(found) and f"{len(found)} texts for ' girl'" in repr(found)
    page = found._repr_html_()
    assert page.count("<tr>") == 1 + min(len(found), 10) and "surprise" in page
    assert repr(found.text[0]) in found.plot().alt and repr(found.text[-1]) in found.plot().alt


@pytest.mark.parametrize(
    ("objective", "options", "says"),
    [
        ("transformer.h.0.mlp.c_prj.input:3", {}, "did you mean 'transformer.h.0.mlp.c_proj'"),
        ("transformer.h.0.mlp.c_proj.input:999", {}, "has channels 0 to 63, there is no channel 999"),
        (" girl", {"population": 1}, "population=1 given, expected at least 2: a front"),
        (" girl", {"length": 1}, "expected at least 2 tokens"),
        (" girl", {"length": 99}, "length=99"),
        (SHIP, {"position": 4}, "position=4 given"),
        (" girl", {"weights": (1.0, 0.1)}, "weights="),
        (" girl", {"children": 0}, "children=0"),
    ],
)
def test_what_cannot_work_says_so(gpt2, objective, options, says):
    with pytest.raises(ValueError, match=says):
        fluent_prompts(gpt2, objective, **{**QUICK, **options})


def test_a_model_that_answers_nan_says_so():
    lm = tiny()
    with torch.no_grad():
        lm.model.transformer.ln_f.weight.fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="tiny-gpt2 answers with NaN"):
        fluent_prompts(lm, " girl", **QUICK)


# ------------------------------------------------------------------ the sentences of a corpus


def test_the_strongest_sentences_are_marked_at_the_token_that_counts(planted):
    sentences = ["The girl is in the harbour.", "The girl saw the ship.", "A girl is on the ship.", "Girl girl girl"]
    found = top_sentences(planted, SHIP, sentences, k=2)
    assert set(found.sentences) == {sentences[1], sentences[2]} and found.of == 4
    assert [row[at] for row, at in zip(found.pieces, found.at.tolist(), strict=True)] == [" ship", " ship"]
    assert found.median < found.score[1]
    assert "<strong" in found._repr_html_() and "\n" not in repr(found)


def test_padding_changes_nothing(lm):
    unit = f"{NEURONS['gpt2' if 'gpt2' in lm.name else 'llama']}:5"
    sentences = ["The girl is in the", "A ship", "Girl girl harbour", "saw"]
    together = top_sentences(lm, unit, sentences, k=4)
    alone = [top_sentences(lm, unit, [each], k=1).score[0].item() for each in together.sentences]
    assert together.score.tolist() == pytest.approx(alone, abs=1e-4)
    assert together.score.tolist() == sorted(together.score.tolist(), reverse=True)


@pytest.mark.parametrize(
    ("unit", "sentences", "says"),
    [
        (SHIP, [], "0 sentences given"),
        (SHIP, ["A ship", " "], "none of them empty"),
        ("transformer.h.7:3", ["A ship"], "unknown layer 'transformer.h.7'"),
        ("girl", ["A ship"], "unknown layer 'girl'"),
        ("logits: girl", ["A ship"], "reads no layer"),
    ],
)
def test_bad_units_and_sentences_say_so(gpt2, unit, sentences, says):
    with pytest.raises(ValueError, match=says):
        top_sentences(gpt2, unit, sentences)
