"""What can be asked of a language model. Names are loaded when they are first used."""

from __future__ import annotations

from importlib import import_module

_WHERE = {
    "Agreement": "against_truth",
    "AssociationScores": "associations",
    "FoundPrompts": "found",
    "FromEmbeddings": "targets",
    "Neighbours": "neighbours",
    "OptimizedPrompts": "prompts",
    "PullToTokens": "snapping",
    "TokenTable": "token_table",
    "association_scores": "associations",
    "coordinate_search": "search",
    "exhaustive_prompts": "exhaustive",
    "nearest_tokens": "neighbours",
    "null_scores": "against_truth",
    "optimize_prompts": "prompts",
    "random_search": "search",
    "score_against": "against_truth",
    "word_cloud": "clouds",
    "word_shares": "clouds",
}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
