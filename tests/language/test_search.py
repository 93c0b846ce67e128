"""Prompts by search: what is tried is counted, the optimum is the optimum, and no search beats it."""

import itertools

import pytest
import torch
from tiny_models import tiny

from course_utils.language import coordinate_search, exhaustive_prompts, optimize_prompts, random_search
from course_utils.language import search as search_module
from course_utils.language.search import ExtendedPrompts, random_prompts, target_log_probability
from course_utils.language.targets import FromEmbeddings, PromptObjective, as_target

SEARCH = {
    "length": 2, "restarts": 3, "steps": 10, "candidates": 16, "top_k": 40, "starts": 4, "buffer": 2, "progress": False,
}  # fmt: skip


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def lm(request):
    return tiny(request.param)


@pytest.fixture(scope="module")
def gpt2():
    return tiny()


def some_tokens(lm):
    return torch.arange(lm.vocabulary - 30, lm.vocabulary)


@pytest.mark.parametrize(("target", "length"), [(" girl", 1), (" girl", 2), (" girl is", 2), (" girl", 3)])
def test_the_optimum_is_that_of_every_prompt_tried_one_by_one(lm, target, length):
    tokens = some_tokens(lm)[-7:]
    found = exhaustive_prompts(lm, target, length=length, candidates=tokens, top=5)
    every = torch.tensor(list(itertools.product(tokens.tolist(), repeat=length)))
    reached = torch.stack([target_log_probability(lm, row[None], target)[0] for row in every])
    best = reached.topk(5)
    assert torch.equal(found.token_ids, every[best.indices])
    assert torch.allclose(found.probability.log(), best.values, atol=1e-4)
    assert found.forward_passes == 7**length


def test_no_search_finds_more_than_the_optimum(gpt2):
    best = exhaustive_prompts(gpt2, " girl", length=2, top=1).probability[0] + 1e-6
    assert optimize_prompts(gpt2, " girl", length=2, restarts=8, steps=20).probability.max() <= best
    assert coordinate_search(gpt2, " girl", **SEARCH).probability.max() <= best
    assert random_search(gpt2, " girl", length=2, passes=2000).probability.max() <= best


def test_coordinate_search_with_every_swap_tried_ends_where_no_swap_helps(gpt2):
    every = {"restarts": 2, "steps": 12, "top_k": 999, "candidates": 1500, "buffer": 1}
    found = coordinate_search(gpt2, " girl", **{**SEARCH, **every})
    for row, reached in zip(found.token_ids, found.probability, strict=True):
        assert gpt2.retokenizes(row)
        for place in (0, 1):
            swapped = row.repeat(gpt2.vocabulary, 1)
            swapped[:, place] = torch.arange(gpt2.vocabulary)
            swapped = swapped[~torch.isin(swapped[:, place], torch.tensor(_left_out(gpt2)))]
            swapped = torch.stack([ids for ids in swapped if gpt2.retokenizes(ids)])
            others = target_log_probability(gpt2, swapped, " girl").exp()
            assert (others > reached + 1e-6).float().mean() < 0.02  # 1,500 draws of 580 swaps leave a few out


def _left_out(lm):
    return [i for i in range(lm.vocabulary) if lm.piece(i).strip().casefold() in ("girl", "<s>")]


@pytest.mark.parametrize("target", [" girl", " girl is"])
def test_hotflip_scores_are_the_first_order_effect_of_a_swap(lm, target):
    prompt = lm.encode(" ship on")[None]
    aim = as_target(lm, target)
    scores = PromptObjective(lm, aim).swap_scores(prompt)
    table, step = lm.embeddings, 1e-3
    reader, at = FromEmbeddings(lm, aim), table[prompt]
    for place, token in ((0, 5), (1, lm.token(" girl"))):
        there = at.clone()
        there[0, place] += step * (table[token] - table[prompt[0, place]])
        change = sum(
            sign * reader.along(x).double().log_softmax(2)[0, torch.arange(len(aim.ids)), aim.ids].sum()
            for sign, x in ((1, there), (-1, at))
        )
        expected = scores[0, place, token] - scores[0, place, prompt[0, place]]
        assert change.item() / step == pytest.approx(expected.item(), rel=0.1, abs=0.05)


def test_more_steps_never_make_a_prompt_worse_and_mostly_better(lm):
    few, many = (coordinate_search(lm, " girl", **{**SEARCH, "steps": steps}) for steps in (1, 15))
    assert (many.probability >= few.probability - 1e-7).all()
    assert many.probability.mean() > few.probability.mean()


def test_what_comes_back_is_what_the_tokens_do(lm):
    for found in (coordinate_search(lm, " girl", **SEARCH), random_search(lm, " girl", passes=200, length=2)):
        again = target_log_probability(lm, found.token_ids, " girl").exp()
        assert torch.allclose(found.probability, again, rtol=1e-3)
        assert found.text == [lm.decode(row) for row in found.token_ids]
        assert "PromptResults" in repr(found) and "<table" in found._repr_html_()


def test_a_restart_of_the_search_does_not_depend_on_how_many_there_are(lm):
    few, many = (coordinate_search(lm, " girl", **{**SEARCH, "restarts": count, "steps": 3}) for count in (2, 5))
    assert torch.equal(few.token_ids, many.token_ids[:2])


def test_passes_are_counted(gpt2):
    seen = []

    def count(module, args, given):
        seen.append(len(given["input_ids"] if "input_ids" in given else given["inputs_embeds"]))

    handle = gpt2.model.register_forward_pre_hook(count, with_kwargs=True)
    climbed = coordinate_search(gpt2, " girl", **SEARCH)
    assert climbed.forward_passes == 3 * 4 + 10 * 3 * (1 + 16) == sum(seen) - 3  # 3: the surprise of what was found
    assert climbed.backward_passes == 30
    assert climbed.passes == climbed.forward_passes + 30
    seen.clear()
    drawn = random_search(gpt2, " girl", passes=123)
    handle.remove()
    assert drawn.forward_passes == sum(seen) - len(drawn) == 123


def test_a_search_that_has_found_enough_stops(lm):
    whole = coordinate_search(lm, " girl", **SEARCH)
    enough = whole.probability.min().item() * 0.9
    cut = coordinate_search(lm, " girl", **SEARCH, stop_at=enough)
    assert (cut.probability >= enough).all()
    assert cut.passes < whole.passes


def test_several_swaps_change_one_to_several_tokens():
    prompts, tokens = torch.zeros(2, 5, dtype=torch.long), torch.arange(1, 50)
    generators = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    tried = search_module.drawn_swaps(
        prompts, torch.zeros(2, 5, 49), tokens, generators, count=300, top_k=49, swaps=3
    )  # fmt: skip
    changed = (tried != 0).sum(2)
    assert tried.shape == (2, 300, 5)
    assert set(changed.flatten().tolist()) == {1, 2, 3}


def test_prompts_that_cannot_be_typed_do_not_enter(gpt2, monkeypatch):
    girls = gpt2.token(" girls")
    monkeypatch.setattr(type(gpt2), "retokenizes", lambda self, ids: girls not in list(ids))
    found = coordinate_search(gpt2, " girl", **{**SEARCH, "starts": 40})
    assert not (found.token_ids == girls).any() and found.retokenizes.all()
    monkeypatch.setattr(type(gpt2), "retokenizes", lambda self, ids: False)
    none = coordinate_search(gpt2, " girl", **{**SEARCH, "steps": 2})
    assert not none.retokenizes.any() and "cannot be typed" in none._repr_html_()


def test_random_search_keeps_the_best_of_all_it_draws(lm):
    found = random_search(lm, " girl", passes=300, length=2, top=4, seed=5)
    drawn = random_prompts(lm, " girl", 300, length=2, seed=5)
    reached = target_log_probability(lm, drawn, " girl")
    assert torch.allclose(found.probability.log(), reached.topk(4).values, atol=1e-5)
    assert not torch.isin(drawn, torch.tensor(_left_out(lm))).any()


def test_a_cache_that_changes_the_result_is_not_used(gpt2, monkeypatch):
    tokens = some_tokens(gpt2)
    right = ExtendedPrompts(gpt2, as_target(gpt2, " girl"), tokens)(tokens[:3, None])
    broken = ExtendedPrompts(gpt2, as_target(gpt2, " girl"), tokens)
    monkeypatch.setattr(broken, "_with_cache", lambda first, last: torch.zeros(len(first), len(last)))
    assert torch.allclose(broken(tokens[:3, None]), right, atol=1e-4)


def test_what_takes_too_long_says_how_long(gpt2):
    with pytest.raises(
        ValueError, match=r"trying [\d,]+ prompts would take about [\d,]+ (days|hours|years) .* limit=5"
    ):
        exhaustive_prompts(gpt2, " girl", length=5, limit=5)


def test_a_limit_that_is_large_enough_lets_it_run(gpt2):
    with pytest.raises(ValueError, match="limit=1e-06 seconds"):
        exhaustive_prompts(gpt2, " girl", length=1, limit=1e-6)
    assert len(exhaustive_prompts(gpt2, " girl", length=1, limit=60, top=3)) == 3


def test_an_interrupt_returns_the_best_so_far(gpt2, monkeypatch):
    real, calls = search_module.Scorer.__call__, []

    def stop_at_the_fourth(self, prompts):
        calls.append(len(prompts))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(self, prompts)

    monkeypatch.setattr(search_module.Scorer, "__call__", stop_at_the_fourth)
    cut = coordinate_search(gpt2, " girl", **SEARCH)
    calls.clear()
    monkeypatch.setattr(search_module.Scorer, "__call__", real)
    whole = coordinate_search(gpt2, " girl", **{**SEARCH, "steps": 2})
    assert cut.interrupted and not whole.interrupted
    assert torch.equal(cut.token_ids, whole.token_ids)


@pytest.mark.parametrize(
    ("search", "options", "says"),
    [
        (coordinate_search, {"candidates": 0}, "candidates=0"),
        (coordinate_search, {"length": 0}, "length=0"),
        (coordinate_search, {"buffer": 0}, "buffer=0"),
        (coordinate_search, {"stop_at": 2.0}, "stop_at=2.0"),
        (random_search, {"passes": 0}, "passes=0"),
        (exhaustive_prompts, {"candidates": []}, "0 candidates given"),
        (exhaustive_prompts, {"candidates": [99_999]}, "expected token ids from 0 to"),
        (exhaustive_prompts, {"length": 13}, "length=13"),
        (exhaustive_prompts, {"top": 0}, "top=0"),
    ],
)
def test_settings_are_checked(gpt2, search, options, says):
    with pytest.raises(ValueError, match=says):
        search(gpt2, " girl", **options)
