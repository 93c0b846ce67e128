"""What this façade holds, and where: for editors and type checkers, and for whoever uses a name the first time."""

from course_utils.figures.curves import plot_curves as plot_curves
from course_utils.figures.curves import plot_shares as plot_shares
from course_utils.figures.images import Scrubber as Scrubber
from course_utils.figures.images import show_images as show_images
from course_utils.figures.style import DescribedFigure as DescribedFigure
from course_utils.figures.style import DescribedFigure as Picture  # noqa: F401 (what the first edition called it)
from course_utils.figures.style import show_table as show_table
from course_utils.language.next_token import plot_calibration as plot_calibration
from course_utils.language.next_token import plot_next_tokens as plot_next_tokens
from course_utils.language.prompt_results import plot_prompts as plot_prompts
from course_utils.language.word_scores import plot_associations as plot_associations
from course_utils.models.classifier import show_predictions as show_predictions
from course_utils.teaching.labs.attack import attack_lab as attack_lab
from course_utils.teaching.labs.features import feature_lab as feature_lab
from course_utils.teaching.labs.features import penalty_lab as penalty_lab
from course_utils.teaching.labs.features import transform_lab as transform_lab
from course_utils.teaching.labs.isolation import isolation_lab as isolation_lab
from course_utils.teaching.labs.lab import Lab as Lab
from course_utils.teaching.labs.language import cloud_lab as cloud_lab
from course_utils.teaching.labs.language import next_token_lab as next_token_lab
from course_utils.teaching.labs.language import plot_forward_pass as plot_forward_pass
from course_utils.teaching.labs.language import plot_landscape as plot_landscape
from course_utils.teaching.labs.language import prompt_lab as prompt_lab
from course_utils.teaching.labs.prototypes import prototype_lab as prototype_lab
from course_utils.teaching.labs.world import audit_lab as audit_lab
from course_utils.teaching.labs.world import lorry_lab as lorry_lab
from course_utils.teaching.labs.world import world_lab as world_lab
from course_utils.teaching.scoreboard import plot_scoreboard as plot_scoreboard
from course_utils.vision.attacks import plot_attack as plot_attack
from course_utils.vision.attacks import show_perturbation as show_perturbation
from course_utils.vision.attributions import show_isolation as show_isolation
from course_utils.vision.slicing import plot_effects as plot_effects
