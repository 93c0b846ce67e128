"""Next-token distributions and the chain rule, on a small random GPT-2 and on one that knows a truth."""

import math

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from course_utils import LanguageModel
from course_utils.corpus import sample_sentences, true_next
from course_utils.language import evaluate_calibration, next_token_distribution, sequence_log_probability
from course_utils.teaching.training.language_data import train_tokenizer

TEXT = "The shy girl saw"


@pytest.fixture(scope="module")
def lm():
    torch.manual_seed(0)
    raw = train_tokenizer(sample_sentences(2000), 300, wholes=[" girl", " China", " Asia", " Japan"])
    config = GPT2Config(vocab_size=304, n_positions=16, n_embd=16, n_layer=1, n_head=2, initializer_range=0.4)
    spoken = PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<|endoftext|>", eos_token="<|endoftext|>")
    return LanguageModel(GPT2LMHeadModel(config), spoken, "tiny")


def test_tokens_come_sorted_and_their_probabilities_are_the_softmax_of_the_logits(lm):
    said = next_token_distribution(lm, TEXT, k=5)
    expected = lm.model(lm.encode(TEXT)[None]).logits[0, -1].softmax(0)
    whole = expected[: lm.vocabulary] / expected[: lm.vocabulary].sum()
    assert torch.allclose(said.distribution, whole, atol=1e-6) and said.distribution.sum() == pytest.approx(1)
    assert said.probabilities.tolist() == pytest.approx(sorted(whole.tolist(), reverse=True)[:5], rel=1e-4)
    assert [lm.token(i) for i in said.ids.tolist()] == whole.topk(5).indices.tolist()
    assert len(said.tokens) == 5 and said.tokens[0] == lm.piece(int(said.ids[0]))


def test_any_token_can_be_asked_for_also_one_that_is_not_listed(lm):
    said = next_token_distribution(lm, TEXT, k=1)
    assert said.probability(" girl") == said.distribution[lm.token(" girl")].item()
    with pytest.raises(ValueError, match="one token is needed"):
        said.probability(" giraffe")


def test_entropy_lies_between_certainty_and_guessing(lm):
    entropy = next_token_distribution(lm, TEXT).entropy
    assert 0 < entropy < math.log(lm.vocabulary)


def test_it_prints_as_a_line_and_shows_itself_as_bars_with_words(lm):
    said = next_token_distribution(lm, TEXT, k=3)
    assert repr(said).startswith("NextTokens(tiny after 'The shy girl saw': ") and "\n" not in repr(said)
    picture = said.plot()
    assert "What tiny expects after “The shy girl saw”" in picture.alt and "%" in picture.alt
    assert "<img" in said._repr_html_()


def test_what_cannot_be_answered_is_refused(lm):
    with pytest.raises(ValueError, match=r"the text is empty, .* '<\|endoftext\|>' asks how a text begins"):
        next_token_distribution(lm, "")
    with pytest.raises(ValueError, match="and tiny reads 16 at most"):
        next_token_distribution(lm, " girl" * 17)
    assert next_token_distribution(lm, " girl" * 16).tokens
    for k in (0, lm.vocabulary + 1):
        with pytest.raises(ValueError, match=f"expected 1 to {lm.vocabulary}"):
            next_token_distribution(lm, TEXT, k=k)


def test_a_text_is_scored_by_the_product_of_its_next_token_probabilities(lm):
    scored, product = sequence_log_probability(lm, TEXT), 1.0
    ids = lm.tokens("<|endoftext|>" + TEXT)
    for place in range(1, len(ids)):
        said = next_token_distribution(lm, lm.decode(ids[:place]))
        product *= said.probability(ids[place])
        assert scored.log_probabilities[place - 1].exp().item() == pytest.approx(said.probability(ids[place]), rel=1e-4)
    assert math.exp(scored.total) == pytest.approx(product, rel=1e-4)
    assert scored.perplexity == pytest.approx(product ** (-1 / (len(ids) - 1)), rel=1e-4)
    assert "".join(scored.tokens) == TEXT


def test_all_texts_of_one_token_share_the_whole_probability(lm):
    total = sum(math.exp(sequence_log_probability(lm, lm.piece(i)).total) for i in range(257, lm.vocabulary))
    bytes_and_end = next_token_distribution(lm, "<|endoftext|>").distribution[:257].sum().item()
    assert total + bytes_and_end == pytest.approx(1, abs=1e-4)


def test_an_empty_text_and_one_that_is_too_long_have_no_score(lm):
    with pytest.raises(ValueError, match="the text is empty"):
        sequence_log_probability(lm, "")
    assert len(sequence_log_probability(lm, " girl" * 16).tokens) == 16
    with pytest.raises(ValueError, match="reads 16 at most"):
        sequence_log_probability(lm, " girl" * 17)


class Knowing(LanguageModel):
    """A language model that says what a truth says: uniform but for one word."""

    def __init__(self, lm, shares):
        self.encode, self.token, self.vocabulary = lm.encode, lm.token, lm.vocabulary
        self.scores = torch.full((lm.vocabulary,), -30.0)
        for word, share in shares.items():
            self.scores[lm.token(word)] = math.log(share)

    def logits(self, ids):
        return self.scores.expand(len(ids), -1)


def test_a_model_that_says_the_truth_diverges_nowhere(lm, unchecked):
    context = "Shanghai is a city in"
    against = evaluate_calibration(Knowing(lm, true_next(context)), [context], true_next)
    assert against.divergence.item() == pytest.approx(0, abs=1e-6) and against.calibration_error < 1e-6


def test_divergence_and_calibration_are_the_textbook_ones(lm, unchecked):
    context, says = "Shanghai is a city in", {" China": 0.5, " Asia": 0.3, " Japan": 0.2}
    against = evaluate_calibration(Knowing(lm, says), [context], true_next)
    expected = 0.85 * math.log(0.85 / 0.5) + 0.10 * math.log(0.10 / 0.3) + 0.05 * math.log(0.05 / 0.2)
    assert against.divergence.item() == pytest.approx(expected, abs=1e-5)
    assert against.calibration() == [
        pytest.approx(row, abs=1e-5) for row in [(0.2, 0.05, 1), (0.3, 0.10, 1), (0.5, 0.85, 1)]
    ]
    assert against.calibration_error == pytest.approx(0.5 * 0.35 + 0.3 * 0.2 + 0.2 * 0.15, abs=1e-5)
    assert against.worst(3) == [(context, pytest.approx(expected, abs=1e-5))]
    assert "0 contexts" not in repr(against) and "1 contexts" in repr(against)
    assert "True against predicted" in against.plot().alt


def test_no_contexts_are_refused(lm):
    with pytest.raises(ValueError, match="no contexts given"):
        evaluate_calibration(lm, [], true_next)
