"""One face for every causal language model: GPT-2, Llama-like, scaled embeddings; ids and embeddings agree."""

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    GemmaConfig,
    GemmaForCausalLM,
    GPT2Config,
    GPT2ForSequenceClassification,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)
from transformers.tokenization_utils_base import BatchEncoding

from course_utils import LanguageModel, load_classifier, load_language_model
from course_utils.language import next_token_distribution, sequence_log_probability

TEXT = ["The girl saw the ship.", "A ship is in the harbour; the girl is not."] * 3
SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def tokenizer(start: bool = False) -> PreTrainedTokenizerFast:
    """A byte-level BPE of 300 tokens; with `start`, it puts its first token before every text."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(
        TEXT,
        trainers.BpeTrainer(vocab_size=300, special_tokens=["<s>"], initial_alphabet=alphabet, show_progress=False),
    )
    if start:
        from tokenizers.processors import TemplateProcessing

        raw.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="<s>")


def made(kind: str) -> tuple[torch.nn.Module, PreTrainedTokenizerFast]:
    torch.manual_seed(0)
    if kind == "gpt2":
        return GPT2LMHeadModel(GPT2Config(vocab_size=304, n_positions=12, n_embd=16, n_layer=2, n_head=2)), tokenizer()
    if kind == "llama":
        config = LlamaConfig(vocab_size=320, max_position_embeddings=12, tie_word_embeddings=False, **SMALL)
        return LlamaForCausalLM(config), tokenizer(start=True)
    config = GemmaConfig(vocab_size=320, max_position_embeddings=12, head_dim=8, num_key_value_heads=1, **SMALL)
    return GemmaForCausalLM(config), tokenizer(start=True)


@pytest.fixture(scope="module", params=["gpt2", "llama", "gemma"])
def lm(request, tmp_path_factory):
    """Saved into a folder by transformers, loaded by us."""
    model, spoken = made(request.param)
    folder = tmp_path_factory.mktemp(request.param) / request.param
    model.save_pretrained(folder)
    spoken.save_pretrained(folder)
    return load_language_model(folder)


def test_logits_are_what_transformers_says_about_the_last_place(lm):
    ids = lm.encode("The girl saw")
    whole = lm.tokenizer("The girl saw", return_tensors="pt").input_ids
    assert isinstance(lm.tokenizer("a"), BatchEncoding)
    expected = lm.model(whole).logits[0, -1, : lm.vocabulary]
    assert torch.allclose(lm.logits(ids[None])[0], expected, atol=1e-5)
    assert lm.logits(ids[None]).dtype == torch.float32


def test_embeddings_of_tokens_say_the_same_as_the_tokens(lm):
    ids = lm.encode("girl saw the")[None]
    soft = lm.embeddings[ids].requires_grad_()
    logits = lm.logits_from(soft)
    assert torch.allclose(logits, lm.logits(ids), atol=1e-5)
    logits[0, 5].backward()
    assert soft.grad is not None and soft.grad.abs().sum() > 0
    count = ids.shape[1]
    assert torch.allclose(lm.logits_along_from(soft, count), lm.logits_along(ids, count), atol=1e-5)
    assert torch.allclose(lm.logits_along(ids, count)[:, -1], lm.logits(ids), atol=1e-6)


def test_a_sequence_is_independent_of_what_else_is_in_the_batch(lm):
    ids = torch.stack([lm.encode("girl saw the")[:3], lm.encode("ship is in")[:3]])
    assert torch.allclose(lm.logits(ids)[:1], lm.logits(ids[:1]), atol=1e-5)


def test_rows_that_only_pad_the_table_are_left_out(lm):
    assert lm.vocabulary == len(lm.tokenizer) < lm.model.get_input_embeddings().num_embeddings
    assert lm.embeddings.shape == (lm.vocabulary, 16) and lm.embeddings.dtype == torch.float32
    assert lm.logits(lm.encode("girl")[None]).shape == (1, lm.vocabulary)


def test_the_prefix_is_what_the_tokenizer_puts_first(lm):
    assert lm.prefix.tolist() == ([] if lm.name == "gpt2" else [lm.tokenizer.bos_token_id])


def test_too_long_and_empty_sequences_are_refused(lm):
    least = len(lm.prefix)
    assert lm.context == 12
    assert lm.logits(torch.zeros(1, 12 - least, dtype=torch.long)).shape == (1, lm.vocabulary)
    with pytest.raises(ValueError, match=f"takes sequences of {1 - least} to {12 - least} tokens, got {13 - least}"):
        lm.logits(torch.zeros(1, 13 - least, dtype=torch.long))
    if not least:
        with pytest.raises(ValueError, match="got 0"):
            lm.logits(torch.zeros(1, 0, dtype=torch.long))


def test_half_precision_answers_in_float32(lm):
    model, spoken = made("gpt2")
    half = LanguageModel(model.to(torch.bfloat16), spoken)
    ids = half.encode("The girl saw")[None]
    assert half.dtype == torch.bfloat16 and half.logits(ids).dtype == half.embeddings.dtype == torch.float32
    assert torch.allclose(half.logits_from(half.embeddings[ids]), half.logits(ids), atol=1e-2)


@pytest.fixture(scope="module")
def gpt2():
    return LanguageModel(*made("gpt2"), name="tiny")


def test_a_single_token_is_found_by_its_text_and_others_offer_both_readings(gpt2):
    girl = gpt2.token(" girl")
    assert gpt2.piece(girl) == " girl" and gpt2.token(girl) == girl
    with pytest.raises(ValueError, match=r"'girl' is \d tokens \(.*\), and one token is needed; ' girl' is a single"):
        gpt2.token("girl")
    with pytest.raises(ValueError, match=r"' zebra' is \d tokens.*'zebra' is \d tokens"):
        gpt2.token(" zebra")
    with pytest.raises(ValueError, match="expected a word such as ' girl'"):
        gpt2.token("")
    with pytest.raises(ValueError, match=f"there is no token {gpt2.vocabulary}"):
        gpt2.token(gpt2.vocabulary)


def test_text_survives_encoding_and_only_some_token_sequences_survive_decoding(gpt2):
    for text in ("The girl saw the ship.", " girl", "zebra 小 ☃", " a , b"):
        assert gpt2.decode(gpt2.encode(text)) == text
    assert gpt2.retokenizes(gpt2.encode("The girl saw"))
    g, i = gpt2.token("g"), gpt2.token("i")
    assert not gpt2.retokenizes([gpt2.token(" "), g, i, gpt2.token("r"), gpt2.token("l")])


def test_a_part_of_a_character_is_still_readable(gpt2):
    parts = gpt2.tokens("小")
    assert len(parts) == 3 and all("�" not in gpt2.piece(p) and gpt2.piece(p) for p in parts)


def test_a_model_with_a_prefix_can_be_asked_how_a_text_begins():
    llama = LanguageModel(*made("llama"), name="llama")
    begins, first = next_token_distribution(llama, ""), sequence_log_probability(llama, " girl")
    assert begins.probability(" girl") == pytest.approx(first.log_probabilities[0].exp().item(), rel=1e-4)
    most = llama.context - len(llama.prefix)
    assert len(sequence_log_probability(llama, " girl" * (most + 1)).tokens) == most + 1  # the last one is not read
    with pytest.raises(ValueError, match=f"reads {most} at most"):
        next_token_distribution(llama, " girl" * (most + 1))


def test_what_predicts_no_next_token_is_refused(tmp_path):
    spoken = tokenizer()
    bert = BertConfig(vocab_size=304, **SMALL)
    gpt2 = GPT2Config(vocab_size=304, n_embd=16, n_layer=1, n_head=2, pad_token_id=0)
    with pytest.raises(TypeError, match="not Linear"):
        LanguageModel(torch.nn.Linear(2, 2), spoken)
    with pytest.raises(TypeError, match="gives no logits for a next token"):
        LanguageModel(BertModel(bert), spoken)
    with pytest.raises(TypeError, match="gives no logits for a next token"):
        LanguageModel(GPT2ForSequenceClassification(gpt2), spoken)
    with pytest.raises(TypeError, match="depends on later ones"):
        LanguageModel(BertForMaskedLM(bert), spoken)


def test_a_name_that_is_nothing_and_a_folder_of_something_else_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"unknown language model 'poket-lm': did you mean 'pocket-lm'.* is none"):
        load_language_model("poket-lm")
    with pytest.raises(ValueError, match="pocket is a classifier, expected a language model"):
        load_language_model("pocket")
    with pytest.raises(ValueError, match="pocket-lm is a language model, expected a classifier"):
        load_classifier("pocket-lm")
    with pytest.raises(ValueError, match="holds no language model that can be read"):
        load_language_model(tmp_path)
