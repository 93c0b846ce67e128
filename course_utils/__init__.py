"""What Did the Model Learn? The companion package of the course.

Names are imported when they are first used, so that `import course_utils` stays quick.
"""

from course_utils._moved import install, lazily

install()

_HOMES = {
    "audit": "audit_choices audit_scenes reveal",
    "images": "load_image load_images photographs",
    "loop": "optimize",
    "models": "Classifier LanguageModel at_hand load_classifier load_if_available load_language_model",
    "sweeps": "cluster sweep",
}
__all__, __getattr__, __dir__ = lazily(__name__, _HOMES, load_picture="load_image")
