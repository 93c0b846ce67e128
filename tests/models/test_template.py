"""A template stands around every prompt, in tokens and in embeddings, and what follows the prompt stands behind it."""

import pytest
import torch

from course_utils.language import coordinate_search, next_token_distribution, optimize_prompts, sequence_log_probability
from course_utils.language.search import exhaustive_prompts, target_log_probability
from tests.language.tiny_models import tiny

CHAT = (
    "{% for m in messages %}<{{ m['role'][0] }}>{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<a>{% endif %}"
)


@pytest.fixture(params=["gpt2", "llama"])
def lm(request):
    lm = tiny(request.param, context=64)
    lm.tokenizer.chat_template = CHAT
    return lm


def test_a_chat_template_is_the_text_that_the_tokenizer_writes(lm):
    inside = lm.with_template("chat")
    said = next_token_distribution(inside, " girl").distribution
    written = lm.tokenizer.apply_chat_template(
        [{"role": "user", "content": " girl"}], tokenize=False, add_generation_prompt=True
    )
    ids = torch.tensor([lm.tokens("<u>") + lm.tokens(" girl") + lm.tokens("<a>")])
    assert lm.decode(ids[0]) == written
    if not len(lm.prefix):  # Llama's own beginning is for the chat template to write
        assert torch.allclose(said, lm.logits(ids)[0].softmax(0), atol=1e-6)
    assert inside.prefix.tolist() == lm.tokens("<u>")


def test_texts_before_and_after_are_kept_apart_from_prompt_and_target(lm):
    inside = lm.with_template(("The ", " is"))
    prompt, target = lm.tokens(" ship"), lm.tokens(" in the")
    whole = torch.tensor([lm.tokens("The ") + prompt + lm.tokens(" is") + target[:-1]])
    logits = lm.logits_along(whole, len(target))[0].log_softmax(1)
    expected = logits[range(len(target)), target].sum().item()
    assert target_log_probability(inside, torch.tensor([prompt]), " in the").item() == pytest.approx(expected, abs=1e-4)
    assert sequence_log_probability(lm.with_template(("The ship is", "")), " in the").total < 0


def test_tokens_and_embeddings_see_the_same_template(lm):
    inside = lm.with_template("chat")
    ids = torch.tensor([lm.tokens(" girl saw the")])
    for count in (1, 3):
        by_token = inside.logits_along(ids, count)
        assert torch.allclose(inside.logits_along_from(lm.embeddings[ids], count), by_token, atol=1e-5)


def test_a_template_changes_nothing_outside_and_none_takes_it_away(lm):
    before = lm.logits(torch.tensor([lm.tokens(" ship")]))
    inside = lm.with_template("chat")
    assert not torch.equal(inside.logits(torch.tensor([lm.tokens(" ship")])), before)
    assert torch.equal(lm.logits(torch.tensor([lm.tokens(" ship")])), before)
    assert torch.equal(inside.with_template(None).logits(torch.tensor([lm.tokens(" ship")])), before)


@pytest.mark.parametrize("search", [optimize_prompts, coordinate_search])
def test_searches_find_prompts_that_work_inside_the_template(lm, search):
    inside = lm.with_template("chat")
    found = search(inside, " girl", length=2, restarts=2, steps=2, progress=False)
    again = target_log_probability(inside, found.token_ids, " girl").exp()
    assert torch.allclose(found.probability, again, atol=1e-5)
    assert found.token_ids.shape == (2, 2)


def test_trying_every_prompt_reads_them_inside_the_template(lm):
    inside = lm.with_template("chat")
    best = exhaustive_prompts(inside, " girl", length=2, candidates=lm.tokens(" ship harbour"), progress=False)
    again = target_log_probability(inside, best.token_ids, " girl").exp()
    assert torch.allclose(best.probability, again, atol=1e-5)


def test_what_cannot_be_a_template_is_refused(lm):
    with pytest.raises(ValueError, match=r"expected 'chat', a pair of texts \(before, after\), or None"):
        lm.with_template("User: ")
    lm.tokenizer.chat_template = "{{ messages[0]['content'] }} {{ messages[0]['content'] }}"
    with pytest.raises(ValueError, match="message 2 times, not once"):
        lm.with_template("chat")
    lm.tokenizer.chat_template = None
    with pytest.raises(ValueError, match="has no chat template; give the texts"):
        lm.with_template("chat")


def test_the_template_takes_its_place_in_the_context(lm):
    room = lm.context - len(lm.prefix)
    inside = lm.with_template(("The ship", " is in the"))
    added = len(inside.prefix) + len(inside.suffix) - len(lm.prefix)
    with pytest.raises(ValueError, match=f"1 … {room - added} tokens"):
        optimize_prompts(inside, " girl", length=room, progress=False)
