"""What this façade holds, and where: for editors and type checkers, and for whoever uses a name the first time."""

from course_utils.teaching.audit.choices import AuditChoices as AuditChoices
from course_utils.teaching.audit.choices import audit_choices as audit_choices
from course_utils.teaching.audit.choices import audit_scenes as audit_scenes
from course_utils.teaching.audit.reveal import Revelation as Revelation
from course_utils.teaching.audit.reveal import reveal as reveal
