"""Every method runs on every kind of classifier that torchvision has; on which, stands in a file."""

import json
import sys
from pathlib import Path

import pytest
from torchvision import models

HOME = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(HOME))


@pytest.fixture
def rows():
    return json.loads((HOME / "architectures.json").read_text(encoding="utf-8"))["rows"]


def test_every_family_of_torchvision_was_measured_and_none_failed(rows):
    from architectures import METHODS, NAMES

    assert set(rows) == set(NAMES)
    files = {models.get_model_builder(name).__module__ for name in models.list_models(module=models)}
    assert {models.get_model_builder(name).__module__ for name in rows} == files and len(files) >= 15
    for name, row in rows.items():
        assert all(row[method]["seconds"] > 0 and row[method]["megabytes"] > 0 for method in METHODS), name


def test_what_does_not_run_is_grad_cam_on_a_transformer_and_the_sentence_says_so(rows):
    refused = {name: row["grad_cam"] for name, row in rows.items() if row["grad_cam"] != "runs"}
    assert "vit_b_16" in refused and all("no feature maps" in sentence for sentence in refused.values())


def test_the_table_has_a_line_for_each(rows):
    from architectures import table

    lines = table(rows).splitlines()
    assert len(lines) == 2 + len(rows) and len({line.count("|") for line in lines}) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the most memory so far")
def test_one_is_measured_from_loading_to_grad_cam():
    from architectures import METHODS, measured

    row = measured("squeezenet1_1")
    assert row["size"] == 224 and row["parameters"] == 1_235_496 and row["grad_cam"] == "runs"
    assert all(row["loaded"] <= row[method]["megabytes"] < 20_000 for method in METHODS)
