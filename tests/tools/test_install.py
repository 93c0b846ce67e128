"""The real language model comes with the environment; without it the course goes on, unless it is required."""

import sys
from pathlib import Path

import pytest

import install


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A computer whose caches are empty, and whose pip reaches nothing."""
    monkeypatch.delenv("COURSE_MODELS", raising=False)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(install, "PYTHON", sys.executable)
    return tmp_path


def test_a_model_that_cannot_be_had_is_one_line_and_an_error_only_where_it_is_required(empty, monkeypatch, capfd):
    said = "smollm2-135m cannot be fetched"
    monkeypatch.delenv("SMOLLM2", raising=False)
    assert install.smollm2_problem() is None
    [line] = [line for line in capfd.readouterr().out.splitlines() if said in line]
    assert line.startswith("Without the real language model, chapters show results that are shipped:")
    monkeypatch.setenv("SMOLLM2", "required")
    assert said in install.smollm2_problem()
    monkeypatch.setenv("COURSE_MODELS", "shipped")
    assert install.smollm2_problem() is None


@pytest.mark.parametrize("folder", ["cache", "own/course-utils"])
def test_a_model_that_is_there_is_not_fetched_again(empty, monkeypatch, folder):
    there = empty / folder / "smollm2-135m"
    there.mkdir(parents=True)
    assert not install.has_smollm2(sys.executable)
    (there / "model.safetensors").write_bytes(b"weights")
    assert install.has_smollm2(sys.executable)
    monkeypatch.setenv("SMOLLM2", "required")
    assert install.smollm2_problem() is None


def test_nowhere_may_a_package_come_from_either_of_two_indexes():
    root = Path(install.__file__).parents[1]
    folders = ("book", "course_utils", "tools", "notebooks", "tutorials", ".ci", ".devcontainer", ".github")
    inside = [path for folder in folders for path in (root / folder).rglob("*") if path.is_file()]
    kinds = {"", ".yml", ".md", ".py", ".toml", ".json", ".ipynb"}
    texts = [path for path in (*root.iterdir(), *inside) if path.is_file() and path.suffix in kinds]
    assert {"environment.yml", "postBuild", "README.md", "colab_cell.py", "run"} <= {path.name for path in texts}
    for path in texts:
        text = path.read_text(encoding="utf-8", errors="replace")
        assert "--extra-index" + "-url" not in text and "extra" + "_index" not in text, path
