"""The same work on many tasks: here, on many cores or on a cluster; what is done is kept."""

from course_utils.sweeps.cluster import cluster
from course_utils.sweeps.records import Failure, Record
from course_utils.sweeps.result import Sweep
from course_utils.sweeps.resume import sweep

__all__ = ["Failure", "Record", "Sweep", "cluster", "sweep"]
