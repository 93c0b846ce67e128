"""What this façade holds, and where: for editors and type checkers, and for whoever uses a name the first time."""

from course_utils.teaching.exercises.cards import check as check
from course_utils.teaching.exercises.cards import exercise as exercise
from course_utils.teaching.exercises.cards import hint as hint
from course_utils.teaching.exercises.cards import progress as progress
from course_utils.teaching.exercises.cards import solution as solution
from course_utils.teaching.exercises.exercise import Exercise as Exercise
from course_utils.teaching.exercises.exercise import Mistake as Mistake
from course_utils.teaching.exercises.exercise import all_exercises as all_exercises
from course_utils.teaching.exercises.exercise import common_slips as common_slips
from course_utils.teaching.exercises.exercise import find as find
from course_utils.teaching.exercises.quizzes import quiz as quiz
