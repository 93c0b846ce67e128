"""What the tests of exercises share."""

import pytest


@pytest.fixture(autouse=True)
def progress_in_a_folder_of_its_own(tmp_path, monkeypatch):
    """No test reads or changes what the person who runs it has solved."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "state" / "progress.json"))
