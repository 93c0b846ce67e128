"""The audit game: models in which somebody planted a secret, scenes to look for it, and the sealed answer.

from course_utils import audit_choices, audit_scenes, load_classifier, reveal

classifier = load_classifier("mystery-1")                  # mystery-1, -2, -3; of language models, mystery-lm
scenes = audit_scenes(500, seed=1)                         # everything varies independently: nothing leaks
audit_choices("mystery-1")                                 # what a guess may name
reveal("mystery-1", guess={"class": "donut", "cue": "plate"})
reveal("mystery-1", guess="nothing")
"""

from course_utils._moved import lazily

__all__, __getattr__, __dir__ = lazily(__name__)
