"""What this façade holds, and where: for editors and type checkers, and for whoever uses a name the first time."""

from course_utils.world.factors import COURSE_SECRETS as COURSE_SECRETS
from course_utils.world.factors import BlindSpot as BlindSpot
from course_utils.world.factors import Shortcut as Shortcut
from course_utils.world.world import PaintedWorld as PaintedWorld
from course_utils.world.world import Scenes as Scenes
