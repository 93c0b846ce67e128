"""What this façade holds, and where: for editors and type checkers, and for whoever uses a name the first time."""

from course_utils.audit import audit_choices as audit_choices
from course_utils.audit import audit_scenes as audit_scenes
from course_utils.audit import reveal as reveal
from course_utils.images import load_image as load_image
from course_utils.images import load_image as load_picture  # noqa: F401 (what the first edition called it)
from course_utils.images import load_images as load_images
from course_utils.images import photographs as photographs
from course_utils.loop import optimize as optimize
from course_utils.models import Classifier as Classifier
from course_utils.models import LanguageModel as LanguageModel
from course_utils.models import at_hand as at_hand
from course_utils.models import load_classifier as load_classifier
from course_utils.models import load_if_available as load_if_available
from course_utils.models import load_language_model as load_language_model
from course_utils.sweeps import cluster as cluster
from course_utils.sweeps import sweep as sweep
