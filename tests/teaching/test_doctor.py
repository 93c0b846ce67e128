"""`python -m course_utils doctor` says whether the course will run here, and what to do where it will not."""

import json

import pytest

import course_utils.teaching.doctor as home
from course_utils.__main__ import main
from course_utils.teaching import doctor as models
from course_utils.teaching import doctor as system
from course_utils.teaching import doctor as work
from course_utils.teaching.doctor import REFERENCE, Finding, Trials, trials


@pytest.fixture
def hurried(monkeypatch):
    """Every kind of work is tried, as briefly as possible; what this computer has does not matter."""
    monkeypatch.setattr(work, "SECONDS", 0.0)
    monkeypatch.setattr(system, "memory_gigabytes", lambda: (8.0, 16.0))
    for name in ("COURSE_MODELS", "COURSE_CACHE"):
        monkeypatch.delenv(name, raising=False)


def test_it_tries_every_kind_of_work_and_says_how_long_the_course_takes(hurried, capsys):
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("[ok]", "[warn]", "       ")) for line in lines[:-1])
    for about in ("Python", "packages", "memory", "disk", "jupyterlab", "widgets", "shipped models", *REFERENCE):
        assert any(line[7:].startswith(f"{about}: ") for line in lines), about
    assert any("minutes here, all chapters together" in line for line in lines)
    assert lines[-1].startswith("The course runs here")


def test_json_says_the_same_and_the_status_tells_failure(hurried, capsys, monkeypatch):
    monkeypatch.setattr(home, "trials", lambda: Trials({"attacks": 1.0}, {"prompt search": "OSError: gone"}))
    assert main(["doctor", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["ready"] is False
    failed = [finding for finding in said["findings"] if finding["level"] == "fail"]
    assert [finding["about"] for finding in failed] == ["prompt search"] and failed[0]["remedy"]


def test_a_trial_that_breaks_does_not_hide_the_others(monkeypatch):
    def broken():
        raise RuntimeError("no such kernel\nand more")

    monkeypatch.setattr(work, "SECONDS", 0.0)
    monkeypatch.setattr(work, "KINDS", {"attacks": broken, "prototypes": lambda: lambda: None})
    results = trials()
    assert results.errors == {"attacks": "RuntimeError: no such kernel"} and set(results.seconds) == {"prototypes"}
    assert {finding.level for finding in results.findings} == {"ok", "fail"}


def test_twice_as_slow_takes_twice_as_long():
    once = Trials(dict(REFERENCE), {})
    twice = Trials({kind: 2 * seconds for kind, seconds in REFERENCE.items()}, {})
    assert twice.slowness == pytest.approx(2 * once.slowness) == pytest.approx(2)
    assert once.estimate().level == "ok"
    assert Trials({kind: 9 * seconds for kind, seconds in REFERENCE.items()}, {}).estimate().level == "warn"
    assert Trials({}, {"attacks": "x"}).estimate().level == "fail"


def test_other_versions_warn_and_missing_packages_fail(tmp_path, monkeypatch):
    assert system.packages()[0].level == "ok"
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("# tested\ntorch==1.0 ; sys_platform != 'x'\nNumPy==1.0\n")
    (found,) = system.packages(constraints)
    assert found.level == "warn" and "(tested: 1.0)" in found.found and "constraints.txt" in found.remedy
    assert system.packages(tmp_path / "none")[0].level == "ok", "an installed package has no constraints beside it"
    asked = ["torch>=2.6", "no-such-package>=1", "nbmake>=1; extra == 'test'", "numpy>=99"]
    monkeypatch.setattr(system.metadata, "requires", lambda name: asked)
    (found,) = system.packages()
    assert found.level == "fail" and "no-such-package" in found.found and "(needs >=99)" in found.found


@pytest.mark.parametrize(("free", "level"), [(8.0, "ok"), (2.0, "warn"), (1.0, "fail"), (None, "warn")])
def test_memory(monkeypatch, free, level):
    monkeypatch.setattr(system, "memory_gigabytes", lambda: (free, None if free is None else 16.0))
    found = system.memory()
    assert found.level == level and bool(found.remedy) == (level != "ok")


def test_a_full_disk_and_an_old_python(monkeypatch):
    monkeypatch.setattr(system.shutil, "disk_usage", lambda folder: type("", (), {"free": 2e8}))
    assert system.disk().level == "warn" and "0.2 GB free" in system.disk().found
    monkeypatch.setattr(system.sys, "version_info", (3, 10, 1))
    assert system.python().level == "fail"


def test_jupyter_without_its_widgets(monkeypatch):
    assert system.widgets().level == "ok"
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda name: [])
    assert system.widgets().level == "warn" and "labs would not show" in system.widgets().found


def test_changed_weights_fail(monkeypatch):
    assert models.shipped_models().level == "ok"
    monkeypatch.setattr(models, "wrong_files", lambda: {"pocket.safetensors": "changed"})
    found = models.shipped_models()
    assert found.level == "fail" and "pocket.safetensors (changed)" in found.found and "git checkout" in found.remedy


def test_settings_that_lead_nowhere(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_MODELS", "pretrainde")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "none"))
    mode, cache = models.settings()
    assert mode.level == "fail" and "one of pretrained, shipped" in mode.remedy
    assert cache.level == "warn" and "prefetch --to" in cache.remedy
    monkeypatch.setenv("COURSE_MODELS", "pretrained")
    monkeypatch.setattr(models, "checkpoint", lambda name: None)
    monkeypatch.setattr(models, "snapshot", lambda name: None)
    assert [finding.level for finding in models.models_at_hand()] == ["warn", "warn"]
    monkeypatch.delenv("COURSE_MODELS")
    assert [finding.level for finding in models.models_at_hand()] == ["ok", "ok"], "nobody asked for them"


def test_a_finding_is_a_line_and_its_remedy_the_next():
    assert str(Finding("ok", "Python", "3.12")) == "[ok]   Python: 3.12"
    assert str(Finding("warn", "disk", "full", "make room")) == "[warn] disk: full\n       make room"
