"""What all tests share."""

import pytest
from jaxtyping import config


@pytest.fixture
def unchecked():
    """Without the tests' run-time type checks: a reader who passes the wrong type sees our own message."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)
