"""What can be asked of a vision model: how it is tricked, what its parts look for, what an answer hangs on."""

from course_utils.vision.attack_result import AttackResult
from course_utils.vision.attacks import targeted_attack, untargeted_attack
from course_utils.vision.attributions import grad_cam, gradients, integrated_gradients, occlusion
from course_utils.vision.class_means import ClassMeans, class_means
from course_utils.vision.effects import Effects, factor_effects
from course_utils.vision.entanglement import entanglement_matrix, shared_features
from course_utils.vision.entanglement_result import Entanglement
from course_utils.vision.feature_visualization import render_vis, visualize
from course_utils.vision.held_out import activation_under
from course_utils.vision.isolation import isolate_features
from course_utils.vision.isolation_causes import KnownCauses, known_causes
from course_utils.vision.isolation_result import Attribution, Isolation
from course_utils.vision.layer_table import layers
from course_utils.vision.localization import intersection_over_union, pointing_game, relevance_mass
from course_utils.vision.natural import NaturalImages, natural_images
from course_utils.vision.prototypes import generate_prototypes
from course_utils.vision.prototypes_result import Prototypes
from course_utils.vision.rank_similarity import Similarity, similarity
from course_utils.vision.report import build_report
from course_utils.vision.report_result import Report
from course_utils.vision.slicing import Slices, slices
from course_utils.vision.spectrum import high_frequency_share, radial_spectrum
from course_utils.vision.visualization import Visualization

__all__ = [
    "AttackResult",
    "Attribution",
    "ClassMeans",
    "Effects",
    "Entanglement",
    "Isolation",
    "KnownCauses",
    "NaturalImages",
    "Prototypes",
    "Report",
    "Similarity",
    "Slices",
    "Visualization",
    "activation_under",
    "build_report",
    "class_means",
    "entanglement_matrix",
    "factor_effects",
    "generate_prototypes",
    "grad_cam",
    "gradients",
    "high_frequency_share",
    "integrated_gradients",
    "intersection_over_union",
    "isolate_features",
    "known_causes",
    "layers",
    "natural_images",
    "occlusion",
    "pointing_game",
    "radial_spectrum",
    "relevance_mass",
    "render_vis",
    "shared_features",
    "similarity",
    "slices",
    "targeted_attack",
    "untargeted_attack",
    "visualize",
]
