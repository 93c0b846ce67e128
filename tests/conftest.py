"""What all tests share."""

import pytest
from hypothesis import settings
from jaxtyping import config

# The same examples on every machine and in every run, however busy it is.
settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")


@pytest.fixture
def unchecked():
    """Without the tests' run-time type checks: a reader who passes the wrong type sees our own message."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)
