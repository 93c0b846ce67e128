"""What this façade holds, and where: for editors and type checkers, and for whoever uses a name the first time."""

from course_utils.corpus.grammar import contexts as contexts
from course_utils.corpus.grammar import groups as groups
from course_utils.corpus.grammar import sample_sentences as sample_sentences
from course_utils.corpus.grammar import true_associations as true_associations
from course_utils.corpus.grammar import true_log_probability as true_log_probability
from course_utils.corpus.grammar import true_next as true_next
from course_utils.corpus.grammar import words as words
