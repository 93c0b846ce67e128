"""What can be asked of a vision model: how it is tricked, and what its parts look for."""

from course_utils.vision.attack_result import AttackResult
from course_utils.vision.attacks import targeted_attack, untargeted_attack
from course_utils.vision.feature_visualization import render_vis, visualize
from course_utils.vision.held_out import activation_under
from course_utils.vision.layer_table import layers
from course_utils.vision.spectrum import high_frequency_share, radial_spectrum
from course_utils.vision.visualization import Visualization

__all__ = [
    "AttackResult",
    "Visualization",
    "activation_under",
    "high_frequency_share",
    "layers",
    "radial_spectrum",
    "render_vis",
    "targeted_attack",
    "untargeted_attack",
    "visualize",
]
