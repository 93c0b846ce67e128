"""A painted world in which everything is known: classes, factors, masks, counterfactuals, and planted secrets."""

from course_utils._moved import lazily

__all__, __getattr__, __dir__ = lazily(__name__)
