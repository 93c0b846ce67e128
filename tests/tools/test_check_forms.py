"""Workflows and issue forms follow their schemas, and what does not is found."""

import pytest

pytest.importorskip("check_jsonschema")

from check_forms import ROOT, main

WORKFLOW = "on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - run: make test\n"


def test_the_forms_of_this_repository_follow_their_schemas():
    assert (ROOT / ".github" / "workflows").is_dir()
    assert main() == 0


def test_a_workflow_with_a_misspelt_key_is_found(tmp_path):
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "good.yml").write_text(WORKFLOW)
    assert main(tmp_path) == 0
    (folder / "bad.yml").write_text(WORKFLOW.replace("runs-on", "run-on"))
    assert main(tmp_path) == 1
