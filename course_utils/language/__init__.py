"""Questions to a language model: next tokens, prompts for a target, associations. Names are loaded when first used."""

from course_utils._moved import lazily

_HOMES = {
    "language.associations": "Agreement AssociationScores association_scores null_scores score_against",
    "language.clouds": "word_cloud word_shares",
    "language.corpus_statistics": "TextAgreement TextAssociations TextScores book_associations compare_with_text "
    "text_associations",
    "language.direct": "DirectAssociations direct_associations",
    "language.fluent": "FluentPrompts TopSentences fluent_prompts top_sentences",
    "language.next_token": "AgainstTruth CalibrationResult NextTokens TokenScores evaluate_calibration hold_against "
    "next_token_distribution sequence_log_probability",
    "language.prompt_results": "FoundPrompts PromptResults load_prompts save_prompts without_offensive",
    "language.prompts": "OptimizedPrompts PullToTokens optimize_prompts",
    "language.search": "coordinate_search exhaustive_prompts random_search",
    "language.targets": "FromEmbeddings",
    "language.vocabulary": "Neighbours TokenTable is_offensive nearest_tokens offensive_words",
    "language.word_scores": "WordScores",
}
__all__, __getattr__, __dir__ = lazily(__name__, _HOMES)
