"""Methods for vision models: attacks, feature visualisation, prototypes, isolation, entanglement, slices, a report.

Names are loaded when they are first used.
"""

from course_utils._moved import lazily

_HOMES = {
    "vision.attacks": "AttackResult targeted_attack untargeted_attack",
    "vision.attributions": "Attribution grad_cam gradients integrated_gradients occlusion",
    "vision.entanglement": "Entanglement entanglement_matrix shared_features",
    "vision.feature_visualization": "Visualization render_vis visualize",
    "vision.isolation": "Isolation isolate_features",
    "vision.layer_table": "layers",
    "vision.measures": "KnownCauses activation_under deletion_and_insertion high_frequency_share "
    "intersection_over_union known_causes pointing_game radial_spectrum relevance_mass",
    "vision.prototypes": "Prototypes generate_prototypes",
    "vision.reference": "ClassMeans NaturalImages Similarity class_means natural_images similarity",
    "vision.report": "Report build_report",
    "vision.shortcuts": "Shortcuts find_shortcuts",
    "vision.slicing": "Effects Slices empty_cells factor_effects slices",
    "vision.statistics": "LayerStatistics StatisticsMatch natural_statistics statistics_distance",
}
__all__, __getattr__, __dir__ = lazily(__name__, _HOMES)
