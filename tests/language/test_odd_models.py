"""Tokenizers and models that differ from what one expects of them: each is served right, or named in a sentence."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import spoken, tiny
from tokenizers import Tokenizer, decoders, models, normalizers
from tokenizers.processors import TemplateProcessing
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from course_utils import LanguageModel
from course_utils.language import (
    coordinate_search,
    direct_associations,
    evaluate_calibration,
    exhaustive_prompts,
    fluent_prompts,
    nearest_tokens,
    next_token_distribution,
    optimize_prompts,
    random_search,
    sequence_log_probability,
    top_sentences,
)
from course_utils.language.search import target_log_probability
from course_utils.language.targets import as_target

QUIET = {"progress": False}
SEARCHES = {
    "optimize_prompts": lambda lm, target: optimize_prompts(lm, target, restarts=2, steps=2, **QUIET),
    "coordinate_search": lambda lm, target: coordinate_search(lm, target, restarts=1, steps=1, starts=4, **QUIET),
    "fluent_prompts": lambda lm, target: fluent_prompts(lm, target, length=3, population=2, steps=1, **QUIET),
    "random_search": lambda lm, target: random_search(lm, target, passes=20, **QUIET),
    "exhaustive_prompts": lambda lm, target: exhaustive_prompts(
        lm, target, length=1, candidates=[5, 6], exclude=(), **QUIET
    ),
}
BY_GRADIENT = ("optimize_prompts", "coordinate_search", "fluent_prompts")
QUESTIONS = SEARCHES | {
    "next_token_distribution": lambda lm, text: next_token_distribution(lm, text),
    "sequence_log_probability": lambda lm, text: sequence_log_probability(lm, text),
    "evaluate_calibration": lambda lm, text: evaluate_calibration(lm, [text], lambda _: {}),
    "direct_associations": lambda lm, text: direct_associations(
        lm, [text, " ship"], [" girls", " harbour"], controls=1, **QUIET
    ),
}


def gpt2(tokenizer, rows=None, context=12):
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=rows or len(tokenizer), n_positions=context, n_embd=16, n_layer=2, n_head=2, initializer_range=0.4
    )
    return LanguageModel(GPT2LMHeadModel(config), tokenizer, "odd")


# ------------------------------------------------------------------ the beginning of a text


@pytest.mark.parametrize("single", ["<cls> $A", "<s> <cls> $A", "<cls> $A <s>", "$A <s>"])
def test_the_beginning_of_a_text_is_whatever_the_tokenizer_puts_before_it(single):
    tokenizer = spoken(start=False)
    tokenizer.add_special_tokens({"cls_token": "<cls>"})
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in ("<s>", "<cls>")}
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single=single, special_tokens=list(ids.items()))
    lm = gpt2(tokenizer)
    whole = tokenizer(" girl is").input_ids
    end = single.endswith("<s>")
    with torch.no_grad():
        logits = lm.model(input_ids=torch.tensor([whole[:-1] if end else whole])).logits[0].log_softmax(1)
    said = next_token_distribution(lm, " girl is")
    assert torch.allclose(said.distribution.log(), logits[-1], atol=1e-4)
    length = len(lm.tokens(" girl is"))
    if len(lm.prefix):
        scored = sequence_log_probability(lm, " girl is").log_probabilities
        own = torch.tensor(whole[len(lm.prefix) : len(lm.prefix) + length])
        expected = logits[len(lm.prefix) - 1 :][:length].gather(1, own[:, None])[:, 0]
        assert torch.allclose(scored, expected, atol=1e-4)
    one, soft = lm.logits(torch.tensor([[5, 6]])), lm.logits_from(lm.embeddings[torch.tensor([[5, 6]])])
    assert torch.allclose(one, soft, atol=1e-4), "embeddings have the same beginning"


# ------------------------------------------------------------------ a target goes on


def with_dummy_space():
    """As Llama 2's: a space before every text, spaces written as ▁, bytes for what the vocabulary lacks."""
    words = ["<unk>", "<s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"girlshpn.", "▁girl", "girl", "▁ship"]
    words += ["gi", "rl", "▁g", "sh", "ip"]
    vocabulary = {word: at for at, word in enumerate(dict.fromkeys(words))}
    pairs = ["g i", "r l", "gi rl", "▁ girl", "s h", "i p", "sh ip", "▁ ship", "▁ g"]
    vocabulary.setdefault("ship", len(vocabulary))
    raw = Tokenizer(
        models.BPE(vocabulary, [tuple(pair.split()) for pair in pairs], unk_token="<unk>", byte_fallback=True)
    )
    raw.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    raw.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    raw.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", unk_token="<unk>")


@pytest.fixture(scope="module", params=["dummy space", "bytes"])
def odd(request):
    tokenizer = with_dummy_space() if request.param == "dummy space" else spoken(start=False)
    return gpt2(tokenizer)


def test_a_target_is_a_continuation_and_not_the_beginning_of_a_text():
    lm = gpt2(with_dummy_space())
    assert lm.tokens("girl") == lm.continuation(" girl"), "at the beginning of a text a space is put before it"
    pieces_of = {"girl": ["girl"], " girl": [" girl"], "girls": ["girl", "s"], " girl ship": [" girl", " ship"]}
    for text, pieces in pieces_of.items():
        target = as_target(lm, text)
        assert [lm.piece(each) for each in target.ids.tolist()] == pieces
        assert target.text == text


def test_what_the_table_of_next_tokens_shows_is_a_target_of_the_same_probability(odd):
    prompt = " girl"
    table = next_token_distribution(odd, prompt, k=int(odd.known.sum()))
    ids = odd.encode(prompt)[None]

    @given(st.integers(0, len(table.tokens) - 1))
    def holds(row):
        shown, probability = table.tokens[row], table.probabilities[row].item()
        assert table.probability(shown) == pytest.approx(probability)
        if shown.strip():
            reached = target_log_probability(odd, ids, shown).exp().item()
            assert reached == pytest.approx(probability, rel=1e-4)

    holds()


# ------------------------------------------------------------------ gradients, and answers that are none


class ReadsIdsTwice(GPT2LMHeadModel):
    """A model with another table of embeddings, looked up by id in each layer, as Gemma 3n has."""

    def forward(self, input_ids=None, inputs_embeds=None, **others):
        output = super().forward(input_ids=input_ids, inputs_embeds=inputs_embeds, **others)
        if input_ids is not None:
            output.logits = output.logits + 0.3 * self.transformer.wte(input_ids).mean(2, keepdim=True)
        return output


@pytest.fixture
def twice():
    lm = tiny()
    model = ReadsIdsTwice(lm.model.config)
    model.load_state_dict(lm.model.state_dict())
    return LanguageModel(model, lm.tokenizer, "twice")


@pytest.mark.parametrize("name", SEARCHES)
def test_a_model_for_which_tokens_are_not_their_embeddings_is_searched_without_gradients_only(twice, name):
    if name in BY_GRADIENT:
        with pytest.raises(ValueError, match=r"reads their ids a second time.*use random_search or exhaustive_prompts"):
            SEARCHES[name](twice, " girl")
    else:
        assert len(SEARCHES[name](twice, " girl"))


def test_embeddings_are_compared_once(monkeypatch):
    lm, asked = tiny(), []
    monkeypatch.setattr(type(lm), "logits", lambda self, ids: asked.append(1) or lm.logits_along(ids, 1)[:, -1])
    for _ in range(3):
        lm.check_embeddings()
    assert len(asked) == 1


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_an_answer_of_nan_or_infinity_is_one_sentence_everywhere(name, value):
    lm = tiny()
    with torch.no_grad():
        lm.model.transformer.ln_f.weight.fill_(value)
    with pytest.raises(FloatingPointError, match="tiny-gpt2 answers with NaN or infinity: load it in float32"):
        QUESTIONS[name](lm, " girl")
    with pytest.raises(FloatingPointError, match="answers with NaN"):
        top_sentences(lm, "transformer.h.1:3", [" girl"], **QUIET)


# ------------------------------------------------------------------ ids without a row, rows without a token


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_token_that_was_added_to_the_tokenizer_alone_is_named(name):
    tokenizer = spoken(start=False)
    rows = len(tokenizer)
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    lm = gpt2(tokenizer, rows=rows)
    with pytest.raises(
        ValueError, match=rf"has the token '\[PAD\]', whose number {rows} is beyond the {rows} that odd"
    ):
        QUESTIONS[name](lm, " girl[PAD]")
    with pytest.raises(ValueError, match=r"the token '\[PAD\]'"):
        top_sentences(lm, "transformer.h.1:3", ["[PAD] girl"], **QUIET)
    with pytest.raises(ValueError, match=r"the token '\[PAD\]'"):
        next_token_distribution(lm, " girl").probability("[PAD]")


def test_holes_among_the_ids_are_never_offered():
    tokenizer = spoken(start=False)
    count = len(tokenizer)
    tokenizer.add_tokens(["harbourmaster"])
    known = tokenizer.get_vocab()
    known["harbourmaster"] = count + 5  # five ids before it have no token
    holed = copy.deepcopy(tokenizer)
    holed.get_vocab = lambda: known
    lm = gpt2(holed, rows=count + 6)
    holes = set(range(count, count + 5))
    assert not lm.known[list(holes)].any() and lm.known.sum() == count + 1
    with torch.no_grad():
        lm.model.transformer.wte.weight[list(holes)] *= 20  # the model likes them best
    said = next_token_distribution(lm, " girl", k=count + 1)
    assert not holes & set(said.ids.tolist()) and said.distribution.sum() == pytest.approx(1, abs=1e-5)
    with pytest.raises(ValueError, match=f"expected 1 to {count + 1}, the number of tokens"):
        next_token_distribution(lm, " girl", k=count + 2)
    for exclude in ((), "special"):
        assert not holes & set(nearest_tokens(lm, lm.embeddings[count : count + 5], k=9, exclude=exclude).ids.flatten())
        for search in (optimize_prompts, coordinate_search):
            found = search(lm, " girl", length=2, restarts=4, steps=2, exclude=exclude, **QUIET)
            assert not holes & set(found.token_ids.flatten().tolist())
    for hole in (count, [5, count]):
        with pytest.raises(ValueError, match=f"there is no token {count}"):
            as_target(lm, hole)


@pytest.mark.parametrize("name", [name for name in SEARCHES])
def test_a_target_longer_than_the_context_is_said_about_the_target(name):
    with pytest.raises(ValueError, match=r"target ' girl girl.*' given, which is 40 tokens, expected at most 12"):
        SEARCHES[name](tiny(), " girl" * 40)


@pytest.mark.parametrize("target", [None, 1.5, True, [1.5], ["girl", None]])
def test_a_target_that_is_neither_text_nor_ids_is_refused(target, unchecked):
    for search in SEARCHES.values():
        with pytest.raises(
            (TypeError, ValueError),
            match=r"given, expected (text or token ids|str \| int \| Sequence\[int\])|a token is given by",
        ):
            search(tiny(), target)
