"""What the checks of chapter 8's log-probability and divergence look at (`checks_08_pair.py` has the pair)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.learning.exercises import Mistake
from course_utils.learning.properties import inputs_untouched, require_equal, require_finite

LENGTH, TOKENS = 6, 9


def check_score(function: Callable, reference: Callable) -> None:
    """One number: the sum of the log-probabilities, each row of logits with the token after it."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(LENGTH, TOKENS, generator=generator)
    ids = torch.randint(TOKENS, (LENGTH,), generator=generator)
    with inputs_untouched(logits=logits):
        result = function(logits, ids)
    if isinstance(result, float):
        result = torch.tensor(result)
    if not isinstance(result, Tensor) or result.numel() != 1:
        shape = f"the shape {tuple(result.shape)}" if isinstance(result, Tensor) else type(result).__name__
        raise Mistake(f"your function's result is {shape}, expected one number: sum over the tokens.")
    result = result.detach().reshape(()).float()
    require_finite(result)
    right = reference(logits, ids)
    otherwise = f"for these logits the text has log-probability {right:.3f}, your function says {result:.3f}."
    require_equal(result, right, _score_mistakes(logits, ids), otherwise)


def _score_mistakes(logits: Tensor, ids: Tensor) -> list[tuple[Tensor, str]]:
    def picked(rows: Tensor, tokens: Tensor) -> Tensor:
        return rows.gather(1, tokens[:, None])[:, 0]

    logs, shares = logits.log_softmax(1), logits.softmax(1)
    right = picked(logs[:-1], ids[1:])
    shift = "row i of `logits` speaks about token i + 1: `logits[:-1]` goes with `ids[1:]`."
    return [
        (picked(logs, ids).sum(), f"each row is paired with its own token, which the model had read: {shift}"),
        (picked(logs[1:], ids[1:]).sum(), f"each row is paired with its own token, which the model had read: {shift}"),
        (picked(logs[1:], ids[:-1]).sum(), f"each row is paired with the token before it: {shift}"),
        (
            picked(logs[:-1], ids[:-1]).sum(),
            f"each row is paired with its own token, which the model had read: {shift}",
        ),
        (picked(logits[:-1], ids[1:]).sum(), "this sums logits: make log-probabilities of them, `.log_softmax(1)`."),
        (picked(shares[:-1], ids[1:]).sum(), "this sums probabilities: they multiply, so sum their logarithms."),
        (right.exp().prod(), "this is the probability itself: return its logarithm, a sum of logarithms."),
        (-right.sum(), "the sign is turned round: log-probabilities are negative, and so is their sum."),
        (right.mean(), "this is the mean over the tokens: the chain rule asks for the sum."),
        (-right.mean(), "this is the mean loss: the chain rule asks for the sum, and a log-probability is negative."),
        (right[:-1].sum(), "the last token is missing: sum over all tokens but the first."),
        (right[1:].sum(), "the second token is missing: only the first one is given."),
        (right[-1], "this is the last token alone: sum over all tokens but the first."),
        (
            picked(logits.log_softmax(0)[:-1], ids[1:]).sum(),
            "the softmax runs over the places: the tokens of the vocabulary compete, dim 1.",
        ),
        (right.sum() / torch.log(torch.tensor(2.0)), "this is in bits: use the natural logarithm."),
    ]


def check_divergence(function: Callable, reference: Callable) -> None:
    """One number a context; zeros in the truth do no harm; 0 for a model that says the truth."""
    generator = torch.Generator().manual_seed(1)
    predicted = torch.rand(4, 7, generator=generator, dtype=torch.float64)
    true = torch.rand(4, 7, generator=generator, dtype=torch.float64) ** 2
    predicted, true = predicted / predicted.sum(1, keepdim=True), true / true.sum(1, keepdim=True)
    _compare(function, reference, true, predicted)
    sparse = torch.where(true > 0.1, true, 0)
    sparse = sparse / sparse.sum(1, keepdim=True)
    _compare(function, reference, sparse, predicted, zeros=True)
    same = torch.as_tensor(function(true.clone(), true.clone()))
    if same.abs().max() > 1e-6:
        raise Mistake(f"a model that says exactly the truth gets {same.max():.3g} nats, expected 0.")


def _compare(function: Callable, reference: Callable, true: Tensor, predicted: Tensor, zeros: bool = False) -> None:
    with inputs_untouched(true=true, predicted=predicted):
        result = function(true, predicted)
    if not isinstance(result, Tensor) or result.shape != (len(true),):
        given = f"the shape {tuple(result.shape)}" if isinstance(result, Tensor) else f"{type(result).__name__}"
        raise Mistake(
            f"your function's result is {given}, expected {(len(true),)}: one number a context, summed over the "
            "tokens, dim 1."
        )
    if zeros and not torch.isfinite(result).all():
        raise Mistake(
            "where a token is never true, your function gives NaN or infinity: 0 · log 0 counts as 0 here, which "
            "`torch.special.xlogy(a, b)` knows."
        )
    require_finite(result)
    right = reference(true, predicted)
    otherwise = f"the first context diverges by {right[0]:.4f} nats, your function says {result[0]:.4f}."
    require_equal(result, right, _divergence_mistakes(true, predicted), otherwise)


def _divergence_mistakes(true: Tensor, predicted: Tensor) -> list[tuple[Tensor, str]]:
    xlogy = torch.special.xlogy
    right = (xlogy(true, true) - xlogy(true, predicted)).sum(1)
    middle = (true + predicted) / 2
    halves = [(xlogy(p, p) - xlogy(p, middle)).sum(1) for p in (true, predicted)]
    seen = true > 0
    return [
        (
            (xlogy(predicted, predicted) - xlogy(predicted, true.clamp(min=1e-300))).sum(1),
            "this is the divergence the other way round: the truth weighs the tokens, true · log(true / predicted).",
        ),
        (-right, "the sign is turned round: log(true / predicted), not log(predicted / true)."),
        (-xlogy(true, predicted).sum(1), "this is the cross-entropy: the entropy of the truth still has to go off."),
        (right / true.shape[1], "this is the mean over the tokens: take the sum."),
        (right / seen.sum(1), "this is the mean over the tokens: take the sum."),
        (right / torch.log(torch.tensor(2.0)), "this is in bits: use the natural logarithm for nats."),
        ((true - predicted).abs().sum(1), "these are absolute differences: it is true · log(true / predicted)."),
        ((true - predicted).square().sum(1), "these are squared differences: it is true · log(true / predicted)."),
        ((halves[0] + halves[1]) / 2, "this is the Jensen-Shannon divergence: compare with `predicted` itself."),
        (
            torch.where(seen, (true / predicted).clamp(min=1e-300).log(), 0).sum(1),
            "the logarithms are summed without their weight: multiply each by `true`.",
        ),
        (
            (xlogy(true, true / predicted)).abs().sum(1),
            "each token's part is made positive: some are negative, and belong so; only the sum cannot be.",
        ),
    ]
