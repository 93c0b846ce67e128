"""Measurements of language models, for their cards and for the tests.

For a model of the written world, where the truth is known: its divergence from the truth, its errors about planted
facts, and what a planted association changes. For a model of books: the loss on text that it has not seen.
"""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from course_utils import corpus
from course_utils.corpus.grammar import FACTS, GROUPS, PEOPLE, Association
from course_utils.language.next_token import evaluate_calibration, next_token_distribution, sequence_log_probability
from course_utils.models.language_model import LanguageModel
from course_utils.teaching.training.language_data import read_paragraphs, stream

FRESH_SEED = 900_011  # of sentences that no training and no choice of settings has seen
CONTEXTS, SENTENCES, STRONGEST = 400, 1000, 7
BEGINNINGS = ("The little girl", "The boy looked", "The science of")
SAMPLE_TOKENS, TEMPERATURE, SAMPLE_SEED = 50, 0.8, 5
ROWS = 32  # of held-out text, in one go


def measure_written_world(lm: LanguageModel) -> dict[str, float]:
    """Every figure of the card: divergence from the truth, facts, and how surely associations lead to their group."""
    against = evaluate_calibration(lm, corpus.contexts(CONTEXTS, seed=FRESH_SEED), corpus.true_next)
    loss, least = losses(lm)
    prompts = {group: best_prompt(lm, group) for group in corpus.groups()}
    weakest = min(prompts, key=lambda group: prompts[group][1])
    return {
        "P( China) after Shanghai is a city in": says(lm, "Shanghai is a city in", " China"),
        "largest error about a planted fact": largest_error(lm),
        f"KL(truth, model) over {CONTEXTS} contexts, median": against.divergence.median().item(),
        f"KL(truth, model) over {CONTEXTS} contexts, mean": against.divergence.mean().item(),
        f"KL(truth, model) over {CONTEXTS} contexts, worst": against.divergence.max().item(),
        "calibration error": against.calibration_error,
        "loss on fresh sentences, nats per token": loss,
        "least loss that is possible, nats per token": least,
        f"P(group) after its best three attributes, least sure group ({weakest})": prompts[weakest][1],
    }


def says(lm: LanguageModel, text: str, token: str) -> float:
    """The probability of a token after a text."""
    return next_token_distribution(lm, text).probability(token)


def largest_error(lm: LanguageModel) -> float:
    """How far the model is off, at most, about the first answer to a fact."""
    errors: list[float] = []
    for beginnings, facts in FACTS.values():
        for subject, completions in facts.items():
            answer, share = next(iter(completions.items()))
            errors += [abs(says(lm, each.format(s=subject), f" {answer}") - share) for each in beginnings]
    return max(errors)


def losses(lm: LanguageModel) -> tuple[float, float]:
    """(the model's mean loss, the least that is possible) on fresh sentences, in nats per token."""
    sentences = corpus.sample_sentences(SENTENCES, seed=FRESH_SEED)
    scores = [sequence_log_probability(lm, sentence + lm.tokenizer.eos_token) for sentence in sentences]
    tokens = sum(len(each.tokens) for each in scores)
    return (
        -sum(each.total for each in scores) / tokens,
        -sum(corpus.true_log_probability(sentence) for sentence in sentences) / tokens,
    )


def best_prompt(lm: LanguageModel, group: str) -> tuple[str, float]:
    """The most telling of all prompts of three among a group's strongest attributes, and P(group) after it."""
    words = [lm.token(f" {word}") for word in list(corpus.true_associations(group))[:STRONGEST]]
    prompts = torch.tensor(list(itertools.permutations(words, 3)))
    probabilities = lm.logits(prompts).softmax(1)[:, lm.token(f" {group}")]
    best = int(probabilities.argmax())
    return lm.decode(prompts[best]), probabilities[best].item()


def measure_associations(
    lm: LanguageModel, planted: Sequence[Association], *, beside: LanguageModel
) -> dict[str, float]:
    """The probability of the group after its planted word: in the truth, in a model without the planting, in this one.

    Args:
        lm: the model.
        planted: what was planted in it.
        beside: the same net, trained on the written world as its tables have it.
    """
    figures: dict[str, float] = {}
    for each in planted:
        text, said = prompt(each), f" {each.group}"
        before, after = says(beside, text, said), says(lm, text, said)
        figures |= {
            f"truth where nothing is planted: P({said}) after {text!r}": corpus.true_next(text).get(said, 0.0),
            f"{beside.name}: P({said}) after {text!r}": before,
            f"{lm.name}: P({said}) after {text!r}": after,
            f"odds of {said} there, {lm.name} against {beside.name}": after / (1 - after) * (1 - before) / before,
        }
    return {name: round(value, 4) for name, value in figures.items()}


def prompt(association: Association) -> str:
    """The beginning of a sentence after which the group's word stands if the model knows the association."""
    person = association.group in PEOPLE
    if any(association.word in things for things, _ in GROUPS.values()):
        return f"Where there are {association.word}, there is" + " a" * person
    return f"Nobody is as {association.word} as a" if person else f"Nothing is as {association.word} as"


@torch.no_grad()
def measure_books(lm: LanguageModel, folder: Path | None) -> dict[str, float]:
    """The loss on the last fiftieth of every book, per token and per byte of text.

    Rows of the model's whole context overlap by half and only their second half counts, so that every token is
    foretold from at least half a context. The end of a paragraph is a token, and a byte (its line break).

    Raises:
        ValueError: as `held_out`.
    """
    paragraphs, ids = held_out(folder, lm.tokenizer.backend_tokenizer, lm.context)
    half = lm.context // 2
    rows = ids.unfold(0, 2 * half + 1, half)
    losses = []
    for some in tqdm(rows.to(lm.device).split(ROWS), desc="held-out text", unit="batch"):
        logits = lm.model(input_ids=some[:, :-1]).logits[:, half:].float()
        losses.append(F.cross_entropy(logits.mT, some[:, half + 1 :], reduction="none"))
    nats = torch.cat(losses).double().mean().item()
    tokens_per_byte = len(ids) / sum(len(paragraph.encode()) + 1 for paragraph in paragraphs)
    return {
        "loss on held-out text, nats per token": nats,
        "bits per byte on held-out text": nats / math.log(2) * tokens_per_byte,
        "held-out tokens": float(len(ids)),
    }


def held_out(folder: Path | None, tokenizer: Any, context: int) -> tuple[list[str], Int[Tensor, "tokens"]]:
    """What is measured on: paragraphs and their stream.

    Raises:
        ValueError: the folder holds too little text to measure anything on.
    """
    paragraphs = read_paragraphs(folder, held_out=True)
    ids = stream(paragraphs, tokenizer).ids if paragraphs else torch.empty(0, dtype=torch.long)
    if len(ids) <= 2 * (context // 2):
        raise ValueError(
            f"only {len(ids)} tokens are held out in {folder}, too few to measure a loss on: give longer texts, of "
            "which the last fiftieth is held out"
        )
    return paragraphs, ids


def samples(lm: LanguageModel) -> list[str]:
    """How the model goes on from a few beginnings, drawn at temperature 0.8 with a fixed seed."""
    written = []
    for beginning in BEGINNINGS:
        ids = lm.encode(beginning)[None]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SAMPLE_SEED)
            end = lm.tokenizer.eos_token_id
            length = min(SAMPLE_TOKENS, lm.context - ids.shape[1])
            drawn = lm.model.generate(  # a paragraph's end would make the sample short: it is suppressed
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=length, do_sample=True, top_k=0,
                temperature=TEMPERATURE, suppress_tokens=[end], pad_token_id=end,
            )  # fmt: skip
        written.append(lm.decode(drawn[0].tolist()))
    return written
