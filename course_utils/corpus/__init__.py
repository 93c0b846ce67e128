"""The written world: sentences whose every association and every fact has a known probability.

from course_utils.corpus import sample_sentences, true_next, true_associations

sample_sentences(3, seed=1)                  # sentences, as many as you like
true_next("Shanghai is a city in")           # {" China": 0.85, " Asia": 0.1, " Japan": 0.05}
true_associations("girl")                    # {"dolls": 0.11, "ribbons": 0.1, ...}
"""

from course_utils._moved import lazily

__all__, __getattr__, __dir__ = lazily(__name__)
