"""What can be asked of a vision model: so far, how it is tricked."""

from course_utils.vision.attack_result import AttackResult
from course_utils.vision.attacks import targeted_attack, untargeted_attack

__all__ = ["AttackResult", "targeted_attack", "untargeted_attack"]
