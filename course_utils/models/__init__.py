"""Classifiers and language models: the shipped ones by name, your own through `Classifier` and `LanguageModel`."""

from course_utils.models.classifier import Classifier, Prediction, unique_names
from course_utils.models.language_model import LanguageModel
from course_utils.models.load import at_hand, load_classifier, load_if_available, load_language_model
from course_utils.models.shipped import available, read_card

__all__ = [
    "Classifier", "LanguageModel", "Prediction", "at_hand", "available", "load_classifier",
    "load_if_available", "load_language_model", "read_card", "unique_names",
]  # fmt: skip
