"""Classifiers: the shipped ones by name, your own through `Classifier`."""

from course_utils.models.classifier import Classifier, Prediction
from course_utils.models.load import load_classifier
from course_utils.models.store import available, read_card

__all__ = ["Classifier", "Prediction", "available", "load_classifier", "read_card"]
