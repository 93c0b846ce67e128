"""What the tests of caches and downloads share."""

import pytest
import torch


@pytest.fixture
def own(monkeypatch, tmp_path):
    """This computer's own caches, empty, and no setting."""
    for name in ("COURSE_MODELS", "COURSE_CACHE", "COURSE_BOOK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "own" / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "own" / "hf"))
    return tmp_path / "own"
