"""`python -m course_utils doctor` says whether the course will run here, and what to do where it will not."""

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from course_utils.__main__ import main
from course_utils.models import fetch
from course_utils.teaching import doctor
from course_utils.teaching.doctor import Finding


@pytest.fixture(autouse=True)
def usual(monkeypatch):
    """What this computer has free, and its environment, do not matter."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8e9, total=16e9))
    for name in ("COURSE_MODELS", "COURSE_CACHE"):
        monkeypatch.delenv(name, raising=False)


def test_it_looks_at_everything_and_says_so_a_line_each(capsys):
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("[ok]", "[warn]", "       ")) for line in lines[:-1])
    for about in ("Python", "packages", "memory", "disk", "processors", "shipped models", "cache", "gpt2"):
        assert any(line[7:].startswith(f"{about}: ") for line in lines), about
    assert lines[-1].startswith("The course runs here")


def test_a_check_that_fails_is_told_and_so_does_the_status(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "wrong_files", lambda: {"pocket.safetensors": "changed"})
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    (failed,) = (place for place, line in enumerate(lines) if line.startswith("[fail]"))
    assert "shipped models: " in lines[failed] and lines[failed + 1].startswith("       get the course's folder again")
    assert lines[-1].startswith("The course will not run here as it is: 1 of ")


def test_missing_and_old_packages_fail(monkeypatch):
    assert doctor.packages().level == "ok"
    asked = ["torch>=2.6", "no-such-package>=1", "nbmake>=99; extra == 'test'", "numpy>=99", "lob; extra == 'book'"]
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: asked)
    found = doctor.packages()
    assert found.level == "fail" and "no-such-package is missing" in found.found and "(needs >=99)" in found.found
    assert "lob is missing" in found.found, "what JupyterLab and the book need is required as well"
    assert "torch" not in found.found and "nbmake" not in found.found and "constraints.txt" in found.remedy


@pytest.mark.parametrize(("free", "level"), [(8.0, "ok"), (2.0, "warn"), (1.0, "fail")])
def test_memory(monkeypatch, free, level):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1e9 * free, total=16e9))
    found = doctor.memory()
    assert found.level == level and bool(found.remedy) == (level != "ok")


def test_a_full_disk_and_an_old_python(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: SimpleNamespace(free=2e8))
    assert doctor.disk().level == "warn" and "0.2 GB free" in doctor.disk().found
    monkeypatch.setattr(doctor.sys, "version_info", (3, 10, 1))
    assert next(iter(doctor.examine())).level == "fail"


def test_changed_weights_fail(monkeypatch):
    assert doctor.shipped_weights().level == "ok"
    monkeypatch.setattr(doctor, "wrong_files", lambda: {"pocket.safetensors": "changed"})
    found = doctor.shipped_weights()
    assert found.level == "fail" and "pocket.safetensors (changed)" in found.found and "git checkout" in found.remedy


def test_settings_that_lead_nowhere(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_MODELS", "pretrainde")
    (found,) = doctor.pretrained_models()
    assert found.level == "fail" and "one of pretrained, shipped" in found.remedy
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "none"))
    assert doctor.cache().level == "warn" and "prefetch --to" in doctor.cache().remedy
    monkeypatch.setenv("COURSE_MODELS", "pretrained")
    monkeypatch.setattr(doctor.caches, "locate", lambda name: None)
    assert [finding.level for finding in doctor.pretrained_models()] == ["warn", "warn"]
    monkeypatch.delenv("COURSE_MODELS")
    assert [finding.level for finding in doctor.pretrained_models()] == ["ok", "ok"], "nobody asked for them"


def test_a_cache_that_may_not_be_written_to_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    assert doctor.cache().level == "ok" and str(tmp_path) in doctor.cache().found
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    assert doctor.cache().level == "warn" and "not writable" in doctor.cache().found


def test_a_finding_is_a_line_and_its_remedy_the_next():
    assert str(Finding("Python", "3.12")) == "[ok]   Python: 3.12"
    assert str(Finding("disk", "full", "make room", "warn")) == "[warn] disk: full\n       make room"


@pytest.fixture
def homeless(monkeypatch):
    """A user without an entry and without HOME, as in some containers: `~` stands for nothing."""

    def expanduser(path):
        if str(path).startswith("~"):
            raise RuntimeError("Could not determine home directory.")
        return path

    monkeypatch.setattr(Path, "expanduser", expanduser)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: "~/.cache/torch/hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "~/.cache/huggingface/hub")


def test_without_a_home_the_course_runs_and_the_caches_are_absent(homeless, capsys):
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "[warn] cache: there is no home folder for ~" in said and "set COURSE_CACHE" in said
    assert "gpt2: not on this computer" in said


def test_a_cache_in_no_home_fails_in_a_sentence(homeless, capsys, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", "~/models")
    assert main(["doctor"]) == 1
    assert "[fail] COURSE_CACHE: the path '~/models' cannot be used" in capsys.readouterr().out


def test_without_a_home_nothing_is_written_into_a_folder_named_tilde(homeless, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match=r"there is no home folder for ~.*--to DIR or COURSE_CACHE=DIR"):
        fetch.make_room(Path("~/.cache/torch/hub/checkpoints"), 1)
    assert not list(tmp_path.iterdir())
