"""What Did the Model Learn? The companion package of the course.

Names are imported when they are first used, so that `import course_utils` stays quick.
"""

from course_utils._moved import lazily

__all__, __getattr__, __dir__ = lazily(__name__)
