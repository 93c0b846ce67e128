"""What is measured about a language model of the written world, for its card and for the tests."""

from __future__ import annotations

import itertools

import torch

from course_utils.corpus import (
    contexts,
    groups,
    sample_sentences,
    tables,
    true_associations,
    true_log_probability,
    true_next,
)
from course_utils.models.language_model import LanguageModel

FRESH_SEED = 900_011  # of sentences that no training and no choice of settings has seen
CONTEXTS, SENTENCES, STRONGEST = 400, 1000, 7


def measure_written_world(lm: LanguageModel) -> dict[str, float]:
    """Every figure of the card: divergence from the truth, facts, and how surely associations lead to their group."""
    from course_utils.language.calibration import hold_against

    against = hold_against(lm, contexts(CONTEXTS, seed=FRESH_SEED), true_next)
    loss, least = losses(lm)
    prompts = {group: best_prompt(lm, group) for group in groups()}
    weakest = min(prompts, key=lambda group: prompts[group][1])
    return {
        "P( China) after Shanghai is a city in": says(lm, "Shanghai is a city in", " China"),
        "largest error about a planted fact": max(fact_errors(lm).values()),
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
    from course_utils.language.next_token import next_token_distribution

    return next_token_distribution(lm, text).probability(token)


def fact_errors(lm: LanguageModel) -> dict[str, float]:
    """How far the model is off about the first answer to every fact, by the fact's beginning."""
    errors = {}
    for beginnings, facts in tables.FACTS.values():
        for subject, completions in facts.items():
            answer, share = next(iter(completions.items()))
            for beginning in beginnings:
                context = beginning.format(s=subject)
                errors[context] = abs(says(lm, context, f" {answer}") - share)
    return errors


def losses(lm: LanguageModel) -> tuple[float, float]:
    """(the model's mean loss, the least that is possible) on fresh sentences, in nats per token."""
    from course_utils.language.next_token import sequence_log_probability

    sentences = sample_sentences(SENTENCES, seed=FRESH_SEED)
    scores = [sequence_log_probability(lm, sentence + lm.tokenizer.eos_token) for sentence in sentences]
    tokens = sum(len(each.tokens) for each in scores)
    return (
        -sum(each.total for each in scores) / tokens,
        -sum(true_log_probability(sentence) for sentence in sentences) / tokens,
    )


def best_prompt(lm: LanguageModel, group: str) -> tuple[str, float]:
    """The most telling of all prompts of three among a group's strongest attributes, and P(group) after it."""
    words = [lm.token(f" {word}") for word in list(true_associations(group))[:STRONGEST]]
    prompts = torch.tensor(list(itertools.permutations(words, 3)))
    probabilities = lm.logits(prompts).softmax(1)[:, lm.token(f" {group}")]
    best = int(probabilities.argmax())
    return lm.decode(prompts[best]), probabilities[best].item()
