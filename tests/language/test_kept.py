"""Prompts in a file: tokens and settings are kept, and what the prompts do is measured again."""

import pytest
import torch

from course_utils import load_language_model
from course_utils.language import load_prompts, optimize_prompts, save_prompts


@pytest.fixture(scope="module")
def lm():
    return load_language_model()


def test_prompts_come_back_with_their_probabilities_and_settings(lm, tmp_path):
    found = {name: optimize_prompts(lm, f" {name}", restarts=4, steps=4, progress=False) for name in ("girl", "art")}
    save_prompts(tmp_path / "prompts.safetensors", found, {"restarts": 4, "steps": 4})
    again, settings = load_prompts(tmp_path / "prompts.safetensors", lm)
    assert settings == {"restarts": 4, "steps": 4} and list(again) == ["girl", "art"]
    for name, each in again.items():
        assert each.text == found[name].text and each.target == f" {name}"
        assert torch.allclose(each.probability, found[name].probability, atol=1e-5)


def test_other_files_and_other_models_prompts_are_refused(lm, tmp_path):
    with pytest.raises(FileNotFoundError, match="no file of prompts"):
        load_prompts(tmp_path / "none", lm)
    (tmp_path / "other").write_bytes(b"other")
    with pytest.raises(ValueError, match="not written by save_prompts"):
        load_prompts(tmp_path / "other", lm)
    found = optimize_prompts(lm, " girl", restarts=1, steps=1, progress=False)
    found.token_ids[0, 0] = lm.vocabulary
    save_prompts(tmp_path / "larger", {"girl": found}, {})
    with pytest.raises(ValueError, match="it was made for another model"):
        load_prompts(tmp_path / "larger", lm)
