"""Methods for vision models: attacks, feature visualisation, prototypes, isolation, entanglement, slices, a report."""

from course_utils.validation import with_checked_kinds
from course_utils.vision.accentuation import Accentuation, TopImages, accentuate, top_images
from course_utils.vision.attacks import AttackResult, targeted_attack, untargeted_attack
from course_utils.vision.attributions import Attribution, grad_cam, gradients, integrated_gradients, occlusion
from course_utils.vision.entanglement import Entanglement, entanglement_matrix, shared_features
from course_utils.vision.feature_visualization import Visualization, render_vis, visualize
from course_utils.vision.isolation import Isolation, isolate_features
from course_utils.vision.layer_table import layers
from course_utils.vision.measures import (
    KnownCauses,
    activation_under,
    deletion_and_insertion,
    high_frequency_share,
    intersection_over_union,
    known_causes,
    pointing_game,
    radial_spectrum,
    relevance_mass,
)
from course_utils.vision.prototypes import Prototypes, generate_prototypes
from course_utils.vision.reference import ClassMeans, NaturalImages, Similarity, class_means, natural_images, similarity
from course_utils.vision.report import Report, build_report
from course_utils.vision.shortcuts import Shortcuts, find_shortcuts
from course_utils.vision.slicing import Effects, Slices, empty_cells, factor_effects, slices
from course_utils.vision.statistics import LayerStatistics, StatisticsMatch, natural_statistics, statistics_distance

__all__ = [
    "Accentuation", "AttackResult", "Attribution", "ClassMeans", "Effects", "Entanglement", "Isolation", "KnownCauses",
    "LayerStatistics", "NaturalImages", "Prototypes", "Report", "Shortcuts", "Similarity", "Slices",
    "StatisticsMatch", "TopImages", "Visualization", "accentuate", "activation_under", "build_report", "class_means",
    "deletion_and_insertion", "empty_cells", "entanglement_matrix", "factor_effects", "find_shortcuts",
    "generate_prototypes", "grad_cam", "gradients", "high_frequency_share", "integrated_gradients",
    "intersection_over_union", "isolate_features", "known_causes", "layers", "natural_images",
    "natural_statistics", "occlusion", "pointing_game", "radial_spectrum", "relevance_mass", "render_vis",
    "shared_features", "similarity", "slices", "statistics_distance", "targeted_attack", "top_images",
    "untargeted_attack", "visualize",
]  # fmt: skip
globals().update({name: with_checked_kinds(globals()[name]) for name in __all__})
