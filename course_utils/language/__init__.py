"""Questions to a language model: next tokens, prompts for a target, associations. Names are loaded when first used."""

from __future__ import annotations

from importlib import import_module

_NAMES = {
    "associations": "Agreement AssociationScores DirectAssociations association_scores direct_associations null_scores "
    "score_against",
    "clouds": "word_cloud word_shares",
    "corpus_statistics": "TextAgreement TextAssociations TextScores book_associations compare_with_text "
    "text_associations",
    "fluent": "FluentPrompts TopSentences fluent_prompts top_sentences",
    "next_token": "CalibrationResult NextTokens TokenScores evaluate_calibration next_token_distribution "
    "sequence_log_probability",
    "prompt_results": "PromptResults load_prompts save_prompts without_offensive",
    "prompts": "OptimizedPrompts PullToTokens optimize_prompts",
    "search": "coordinate_search exhaustive_prompts random_search",
    "targets": "FromEmbeddings",
    "vocabulary": "Neighbours TokenTable is_offensive nearest_tokens offensive_words",
    "word_scores": "WordScores",
}
_WHERE = {name: module for module, names in _NAMES.items() for name in names.split()}
# The first edition's names, for this edition.
_WHERE |= {"AgainstTruth": "next_token", "FoundPrompts": "prompt_results", "hold_against": "next_token"}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from course_utils.validation import with_checked_kinds  # here: it imports torch

    return with_checked_kinds(getattr(import_module(f"{__name__}.{_WHERE[name]}"), name))


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
