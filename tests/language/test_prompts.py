"""Prompts by gradient: what is climbed is soft, what counts is what the tokens do."""

import math

import pytest
import torch
from tiny_models import tiny

from course_utils.canvas import PromptCanvas
from course_utils.language import FromEmbeddings, PullToTokens, TokenTable, nearest_tokens, optimize_prompts
from course_utils.language.prompt_results import as_probability
from course_utils.loop import optimize
from course_utils.objectives import Logit, LogProb

QUICK = {"length": 2, "restarts": 6, "steps": 30, "snap_every": 5, "learning_rate": 0.3, "progress": False}


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def lm(request):
    return tiny(request.param)


@pytest.fixture(scope="module")
def gpt2():
    return tiny()


def after(lm, ids, target):
    """The target's probability after each prompt, one next token at a time."""
    probabilities = []
    for row in ids:
        total, so_far = 0.0, row
        for token in lm.tokens(target):
            total += lm.logits(so_far[None])[0].log_softmax(0)[token].item()
            so_far = torch.cat([so_far, torch.tensor([token])])
        probabilities.append(math.exp(total))
    return torch.tensor(probabilities)


@pytest.mark.parametrize("target", [" girl", " girl is", " ship."])
def test_the_probability_is_the_one_after_the_tokens(lm, target):
    found = optimize_prompts(lm, target, **QUICK)
    assert torch.allclose(found.probability, after(lm, found.token_ids, target), rtol=1e-3)
    assert found.text == [lm.decode(row) for row in found.token_ids]
    assert found.pieces == [[lm.piece(token) for token in row] for row in found.token_ids.tolist()]
    assert found.retokenizes.tolist() == [
        lm.tokens(text) == ids.tolist() for text, ids in zip(found.text, found.token_ids, strict=True)
    ]


@pytest.mark.parametrize("target", [" girl", " girl is"])
def test_soft_and_snapped_probabilities_are_those_of_the_vectors_that_come_back(lm, target):
    found = optimize_prompts(lm, target, metric="cosine", **QUICK)
    ids = lm.encode(target)
    taught = lm.embeddings[ids[:-1]].expand(len(found), -1, -1)
    logits = lm.logits_along_from(torch.cat([found.embeddings, taught], 1), len(ids)).log_softmax(2)
    soft = logits[:, torch.arange(len(ids)), ids].sum(1).exp()
    assert torch.allclose(found.soft_probability, soft, rtol=1e-3)
    near = nearest_tokens(lm, found.embeddings, k=1, exclude=_excluded(lm, target))
    assert torch.allclose(found.snapped_probability, after(lm, near.ids[..., 0], target), rtol=1e-3)
    assert torch.allclose(found.distance, near.distance[..., 0].mean(1), atol=1e-5)


def _excluded(lm, target):
    words = {target.strip()} if len(lm.tokens(target)) == 1 else set()
    same = [i for i in range(lm.vocabulary) if lm.decode([i]).strip().casefold() in words]
    return sorted({*same, *lm.tokens(target), *lm.tokenizer.all_special_ids})


def test_a_restart_keeps_the_best_tokens_on_its_way(lm):
    found = optimize_prompts(lm, " girl", **QUICK)
    best = found.history.probability.amax(0)
    assert torch.allclose(found.probability, best)
    assert (found.probability >= found.snapped_probability - 1e-7).all()
    assert found.history.steps.tolist() == [0, 5, 10, 15, 20, 25, 30]


def test_climbing_makes_vectors_that_say_the_target_and_tokens_that_say_it_better_than_at_the_start(lm):
    found = optimize_prompts(lm, " girl", distance_weight=0.0, **{**QUICK, "restarts": 16})
    first, last = found.history.soft_probability[[0, -1]]
    assert last.median() > 10 * first.median()
    assert found.probability.median() > found.history.probability[0].median()


def test_the_pull_brings_vectors_nearer_to_tokens(lm):
    far, near = (
        optimize_prompts(lm, " girl", distance_weight=weight, **QUICK).distance.mean() for weight in (0.0, 20.0)
    )
    assert near < 0.3 * far


def test_a_growing_pull_ends_as_strong_as_its_second_number():
    words = TokenTable(torch.eye(4), "euclidean")
    pull, at = PullToTokens(words, (0.0, 6.0), steps=4), torch.tensor([[[0.5, 0, 0, 0]]])
    pulls = []
    for pull.step in range(6):
        pulls.append(pull(at).item())
    assert pulls == pytest.approx([0, 1, 2, 3, 3, 3])  # half a unit away: (0 2 4 6 6 6) / 2


def test_under_a_growing_pull_the_vectors_kept_are_not_those_of_the_free_beginning(gpt2):
    options = {**QUICK, "steps": 60}
    free, grown = (optimize_prompts(gpt2, " girl", distance_weight=weight, **options) for weight in (0.0, (0.0, 20.0)))
    assert grown.distance.mean() < 0.5 * free.distance.mean()


def test_a_restart_does_not_depend_on_how_many_there_are(lm):
    few, many = (optimize_prompts(lm, " girl", **{**QUICK, "restarts": count, "steps": 4}) for count in (2, 7))
    assert torch.equal(few.token_ids, many.token_ids[:2])
    assert torch.allclose(few.embeddings, many.embeddings[:2], atol=1e-3)


def test_the_same_seed_gives_the_same_prompts_and_another_seed_others(lm):
    one, two, other = (optimize_prompts(lm, " girl", **QUICK, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(one.embeddings, two.embeddings) and torch.equal(one.token_ids, two.token_ids)
    assert not torch.equal(one.embeddings, other.embeddings)


def test_it_is_the_one_loop_with_another_canvas(lm):
    steps, weight = 12, 0.5
    found = optimize_prompts(
        lm, " girl", distance_weight=weight, start="noise", exclude=(), **{**QUICK, "steps": steps}
    )
    canvas = PromptCanvas(6, 2, lm.embeddings, start="noise")
    pull = PullToTokens(TokenTable(lm.embeddings, "euclidean"), weight)
    adam = torch.optim.Adam
    optimize(
        FromEmbeddings(lm), canvas, LogProb(" girl"), priors=[pull], steps=steps,
        optimizer=lambda numbers: adam(numbers, lr=canvas.learning_rate(0.3)),
    )  # fmt: skip
    # The loop keeps the best of all steps, the prompt search the best of those at which it snaps.
    assert (found.soft_probability.log() - weight * found.distance).le(_score(lm, canvas, pull) + 1e-4).all()


@torch.no_grad()
def _score(lm, canvas, pull):
    logits = lm.logits_from(canvas.render()).log_softmax(1)
    return logits[:, lm.token(" girl")] - pull(canvas.render())


def test_the_logit_can_be_climbed_instead(gpt2):
    def logit(result):
        return gpt2.logits_from(result.embeddings)[:, gpt2.token(" girl")]

    found = optimize_prompts(gpt2, " girl", objective="logit", distance_weight=0.0, **QUICK)
    by_probability = optimize_prompts(gpt2, " girl", distance_weight=0.0, **QUICK)
    assert logit(found).mean() > logit(by_probability).mean()
    assert by_probability.soft_probability.mean() > found.soft_probability.mean() - 1e-3
    both = optimize_prompts(gpt2, " girl is", objective="logit", distance_weight=0.0, **QUICK)
    assert torch.allclose(both.probability, after(gpt2, both.token_ids, " girl is"), rtol=1e-3)


@pytest.mark.parametrize("start", ["random", "centroids", "noise"])
def test_starts_differ_and_are_repeatable(gpt2, start):
    one, two = (PromptCanvas(5, 3, gpt2.embeddings, start=start, seed=1).render() for _ in range(2))
    few = PromptCanvas(2, 3, gpt2.embeddings, start=start, seed=1).render()
    assert torch.equal(one, two) and torch.equal(one[:2], few)
    assert len(one.flatten(0, 1).unique(dim=0)) > 5


def test_random_starts_are_tokens_and_the_others_are_not(gpt2):
    table = gpt2.embeddings
    distance = {
        start: torch.cdist(PromptCanvas(20, 3, table, start=start).render().flatten(0, 1), table).amin(1)
        for start in ("random", "centroids", "noise")
    }
    assert distance["random"].max() < 1e-3
    assert (distance["noise"] > 0.1).all()
    assert distance["centroids"].median() < distance["noise"].median()


def test_a_start_can_be_given_as_tokens(gpt2):
    ids = gpt2.encode(" ship on")[None].repeat(6, 1)
    found = optimize_prompts(gpt2, " girl", start=ids, **QUICK)
    assert found.history.probability[0].tolist() == pytest.approx(after(gpt2, ids, " girl").tolist(), rel=1e-3)


def test_a_step_is_a_share_of_the_mean_embedding_norm(gpt2):
    canvas = PromptCanvas(1, 1, gpt2.embeddings)
    assert canvas.unit == pytest.approx(gpt2.embeddings.norm(dim=1).mean().item())
    before = canvas.render().detach()
    adam = torch.optim.Adam(canvas.parameters(), lr=canvas.learning_rate(0.3))
    (canvas.render() * torch.randn(16)).sum().backward()
    adam.step()
    assert (canvas.render() - before).norm().item() == pytest.approx(0.3 * canvas.unit, rel=1e-3)


def test_the_target_is_not_part_of_its_prompts(lm):
    girl, other = lm.token(" girl"), lm.token(" Girl")
    found = optimize_prompts(lm, " girl", **{**QUICK, "restarts": 40})
    assert not torch.isin(found.token_ids, torch.tensor([girl, other, *lm.tokenizer.all_special_ids])).any()
    free = optimize_prompts(lm, " girl", start=torch.full((6, 2), girl), exclude=(), **QUICK)
    assert free.history.probability[0].tolist() == pytest.approx(
        after(lm, torch.full((6, 2), girl), " girl").tolist(), rel=1e-3
    )


def test_it_stops_where_tokens_are_good_enough(gpt2):
    whole = optimize_prompts(gpt2, " girl", **{**QUICK, "restarts": 20})
    enough = whole.probability.median().item()
    cut = optimize_prompts(gpt2, " girl", **{**QUICK, "restarts": 20}, stop_at=enough)
    good = (whole.probability >= enough) & (whole.history.probability[:-1].amax(0) >= enough)
    assert good.any() and not good.all()
    assert (cut.probability[good] >= enough).all()
    assert torch.equal(cut.token_ids[~good], whole.token_ids[~good])
    assert cut.forward_passes < whole.forward_passes and cut.backward_passes < whole.backward_passes


def test_passes_are_counted_as_the_model_sees_them(gpt2):
    seen = {"soft": 0, "hard": 0}

    def count(module, args, kwargs):
        kind = "hard" if "input_ids" in kwargs else "soft"
        seen[kind] += len(kwargs["input_ids" if kind == "hard" else "inputs_embeds"])

    handle = gpt2.model.register_forward_pre_hook(count, with_kwargs=True)
    found = optimize_prompts(gpt2, " girl", **QUICK)
    handle.remove()
    assert found.forward_passes == sum(seen.values()) - len(found)  # whose surprise is taken once
    assert found.backward_passes == 6 * 30 == seen["soft"] - 6  # the last state is looked at, not climbed from


def test_an_interrupt_returns_the_best_so_far(gpt2):
    def stop(step, *_):
        if step == 8:
            raise KeyboardInterrupt

    cut = optimize_prompts(gpt2, " girl", **QUICK, on_step=stop)
    whole = optimize_prompts(gpt2, " girl", **QUICK)
    assert cut.interrupted and "interrupted" in repr(cut) and not whole.interrupted
    assert cut.history.steps.tolist() == [0, 5]
    assert torch.allclose(cut.probability, whole.history.probability[:2].amax(0))


def test_the_model_is_left_as_found(gpt2):
    before = {name: weight.clone() for name, weight in gpt2.model.named_parameters()}
    flags = [weight.requires_grad for weight in gpt2.model.parameters()]
    optimize_prompts(gpt2, " girl", **QUICK)
    assert all(torch.equal(weight, before[name]) for name, weight in gpt2.model.named_parameters())
    assert flags == [weight.requires_grad for weight in gpt2.model.parameters()]
    assert all(weight.grad is None for weight in gpt2.model.parameters())


def test_a_projected_run_reads_tokens_alone(lm):
    found = optimize_prompts(lm, " girl", projected=True, **QUICK)
    near = nearest_tokens(lm, found.embeddings, k=1, metric="euclidean")
    assert near.distance.max() < 1e-3 and found.distance.max() < 1e-3
    assert torch.allclose(found.soft_probability, found.snapped_probability, rtol=1e-3)
    assert found.probability.median() > found.history.probability[0].median()


def test_soft_success_alone_is_warned_about(gpt2, monkeypatch):
    monkeypatch.setattr("course_utils.language.prompts.FAILED", 1.1)
    monkeypatch.setattr("course_utils.language.prompts.LARGE", 5)
    few = list(range(20, gpt2.vocabulary))
    with pytest.warns(UserWarning, match=r"the best tokens .* of the tokens ever changed: .* coordinate_search"):
        found = optimize_prompts(gpt2, " girl", distance_weight=0.0, exclude=few, **QUICK)
    assert found.soft_probability.median() > 10 * found.probability.max()


def test_small_probabilities_are_readable():
    shown = [as_probability(each) for each in (0.5, 0.0123, 0.00123, 1.234e-5, 9.96e-4, 0.0)]
    assert shown == ["0.500", "0.012", "0.0012", "1.2e-5", "1.0e-3", "0.000"]


def test_half_precision_is_climbed_in_float32(gpt2):
    half = tiny()
    half.model.to(torch.bfloat16)
    found = optimize_prompts(half, " girl", **QUICK)
    assert found.embeddings.dtype == found.probability.dtype == torch.float32
    assert found.soft_probability.isfinite().all()


def test_the_best_come_first_and_once(gpt2):
    found = optimize_prompts(gpt2, " girl", **{**QUICK, "restarts": 30})
    best = found.best(5)
    assert best.probability.tolist() == sorted(best.probability.tolist(), reverse=True)
    assert best.probability[0] == found.probability.max()
    assert len({tuple(row) for row in best.token_ids.tolist()}) == len(best) == 5
    listed = found.token_ids.tolist()
    rows = [listed.index(ids) for ids in best.token_ids.tolist()]
    assert torch.equal(best.probability, found.probability[rows])
    with pytest.raises(ValueError, match="n=0"):
        found.best(0)


def test_it_shows_itself(gpt2):
    found = optimize_prompts(gpt2, " girl", **QUICK)
    line = repr(found)
    assert (
        "\n" not in line and "6 prompts for ' girl'" in line and as_probability(found.probability.max().item()) in line
    )
    page = found._repr_html_()
    assert page.count("<tr>") == 1 + len(found.best()) and "soft" in page and "distance" in page
    picture = found.plot(3)
    assert found.best(1).text[0] in picture.alt
    assert [bar.get_width() for bar in picture.figure.axes[0].patches] == pytest.approx(
        found.best(3).probability.tolist()
    )


@pytest.mark.parametrize(
    ("target", "options", "says"),
    [
        ("", {}, "expected text that is to follow"),
        ("  ", {}, "expected text that is to follow"),
        ([], {}, "at least one"),
        (" girl", {"length": 0}, r"length=0 given, expected 1 … 12 tokens"),
        (" girl", {"length": 13}, r"length=13 given, expected 1 … 12 tokens"),
        (" girl is", {"length": 12}, r"length=12 given, expected 1 … 11 tokens"),
        (" girl", {"restarts": 0}, "restarts=0"),
        (" girl", {"steps": 0}, "steps=0"),
        (" girl", {"snap_every": 0}, "snap_every=0"),
        (" girl", {"stop_at": 1.5}, "stop_at=1.5"),
        (" girl", {"metric": "euclid"}, "did you mean 'euclidean'"),
        (" girl", {"start": "noisy"}, "did you mean 'noise'"),
        (" girl", {"objective": "loss"}, "expected 'logprob' or 'logit'"),
        (" girl", {"distance_weight": -1.0}, "distance_weight=-1.0"),
        (" girl", {"distance_weight": (0.0, math.inf)}, "distance_weight="),
        (" girl", {"learning_rate": 0.0}, "learning_rate=0.0"),
        (" girl", {"exclude": "targets"}, "did you mean 'target'"),
        (" girl", {"start": torch.zeros(1, 2, dtype=torch.long)}, r"expected token ids of shape \(6, 2\)"),
        (" girl", {"start": torch.full((6, 2), 9999)}, "expected 0 …"),
    ],
)
def test_what_cannot_work_says_so(gpt2, target, options, says):
    with pytest.raises(ValueError, match=says):
        optimize_prompts(gpt2, target, **{**QUICK, **options})


def test_a_token_that_there_is_not_is_named_with_those_that_there_are(gpt2):
    last = gpt2.vocabulary - 1
    with pytest.raises(ValueError, match=f"tiny-gpt2 has tokens 0 to {last}, there is no token {last + 1}"):
        optimize_prompts(gpt2, last + 1, **QUICK)


def test_a_target_that_the_tokenizer_cannot_give_back_is_refused(gpt2, monkeypatch):
    spelt = "gril" * len(gpt2.tokens(" girl"))
    monkeypatch.setattr(type(gpt2), "decode", lambda self, ids: "gril")
    monkeypatch.setattr(type(gpt2), "piece", lambda self, token: "gril")
    with pytest.raises(ValueError, match=f"' girl' comes back from the tokenizer of tiny-gpt2 as '{spelt}'"):
        optimize_prompts(gpt2, " girl", **QUICK)


def test_a_word_without_its_space_is_warned_about(gpt2):
    with pytest.warns(UserWarning, match="'ship' is . tokens .* with a leading space, ' ship', it is one"):
        optimize_prompts(gpt2, "ship", **{**QUICK, "steps": 1})


def test_where_one_token_is_needed_both_readings_are_offered(gpt2):
    with pytest.raises(ValueError, match="one token is needed; ' ship' is a single token"):
        optimize(FromEmbeddings(gpt2), PromptCanvas(1, 2, gpt2.embeddings), Logit("ship"), steps=1)
