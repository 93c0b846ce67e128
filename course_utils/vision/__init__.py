"""Methods for vision models: attacks, feature visualisation, prototypes, isolation, entanglement, slices, a report.

Names are loaded when they are first used.
"""

from course_utils._moved import lazily

__all__, __getattr__, __dir__ = lazily(__name__)
