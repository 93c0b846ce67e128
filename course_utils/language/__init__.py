"""What can be asked of a language model. Names are loaded when they are first used."""

from __future__ import annotations

from importlib import import_module

_WHERE = {
    "AgainstTruth": "next_token",
    "Agreement": "clouds",
    "AssociationScores": "associations",
    "FoundPrompts": "prompt_results",
    "FromEmbeddings": "targets",
    "Neighbours": "vocabulary",
    "NextTokens": "next_token",
    "OptimizedPrompts": "prompts",
    "PullToTokens": "prompts",
    "TextAgreement": "corpus_statistics",
    "TextAssociations": "corpus_statistics",
    "TextScores": "corpus_statistics",
    "TokenScores": "next_token",
    "TokenTable": "vocabulary",
    "WordScores": "word_scores",
    "association_scores": "associations",
    "book_associations": "corpus_statistics",
    "compare_with_text": "corpus_statistics",
    "coordinate_search": "search",
    "exhaustive_prompts": "search",
    "hold_against": "next_token",
    "is_offensive": "vocabulary",
    "load_prompts": "prompt_results",
    "nearest_tokens": "vocabulary",
    "next_token_distribution": "next_token",
    "null_scores": "clouds",
    "offensive_words": "vocabulary",
    "optimize_prompts": "prompts",
    "random_search": "search",
    "save_prompts": "prompt_results",
    "score_against": "clouds",
    "sequence_log_probability": "next_token",
    "text_associations": "corpus_statistics",
    "without_offensive": "prompt_results",
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
