"""Questions to a language model: next tokens, prompts for a target, associations. Names are loaded when first used."""

from course_utils._moved import lazily

__all__, __getattr__, __dir__ = lazily(__name__)
