"""What can be asked of a language model. Names are loaded when they are first used."""

from __future__ import annotations

from importlib import import_module

_WHERE = {
    "AgainstTruth": "calibration",
    "Agreement": "against_truth",
    "AssociationScores": "associations",
    "FoundPrompts": "found",
    "FromEmbeddings": "targets",
    "Neighbours": "neighbours",
    "NextTokens": "next_token",
    "OptimizedPrompts": "prompts",
    "PullToTokens": "snapping",
    "TextAgreement": "against_text",
    "TextAssociations": "text_table",
    "TextScores": "text_table",
    "TokenScores": "next_token",
    "TokenTable": "token_table",
    "WordScores": "word_scores",
    "association_scores": "associations",
    "book_associations": "text_counts",
    "compare_with_text": "against_text",
    "coordinate_search": "search",
    "exhaustive_prompts": "exhaustive",
    "hold_against": "calibration",
    "is_offensive": "offensive",
    "load_prompts": "kept",
    "nearest_tokens": "neighbours",
    "next_token_distribution": "next_token",
    "null_scores": "against_truth",
    "offensive_words": "offensive",
    "optimize_prompts": "prompts",
    "random_search": "search",
    "save_prompts": "kept",
    "score_against": "against_truth",
    "sequence_log_probability": "next_token",
    "text_associations": "text_counts",
    "without_offensive": "offensive",
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
