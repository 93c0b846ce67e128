"""The package by itself: a wheel, installed alone, imports, loads its models and runs its methods without Jupyter."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What the book and the labs need, and somebody with a model of their own does not.
JUPYTER = ["IPython", "ipykernel", "ipywidgets", "jupyter_client", "jupyter_core", "jupyterlab", "nbformat", "notebook"]
WITHOUT_JUPYTER = f"""
import sys
sys.modules.update(dict.fromkeys({JUPYTER}))  # importing one of them now fails
"""

EVERY_METHOD = """
from course_utils.corpus import groups
from course_utils.language import next_token_distribution, optimize_prompts, sequence_log_probability
from course_utils.models import available, load_classifier, load_language_model
from course_utils.vision import entanglement_matrix, generate_prototypes, gradients, isolate_features
from course_utils.vision import targeted_attack, untargeted_attack, visualize
from course_utils.world import PaintedWorld
import course_utils

assert "pocket" in available()
pocket, lm, scenes = load_classifier("pocket"), load_language_model("pocket-lm"), PaintedWorld().sample(2, seed=1)
images = scenes.images
results = [
    targeted_attack(pocket, images, "volcano", steps=2),
    untargeted_attack(pocket, images, scenes.labels, steps=2),
    visualize(pocket, "logits:volcano", steps=2),
    prototypes := generate_prototypes(pocket, ["volcano", "mushroom", "goldfish"], copies=2, steps=2),
    entanglement_matrix(pocket, prototypes, draws=1),
    isolate_features(pocket, images, steps=2),
    gradients(pocket, images),
    next_token_distribution(lm, "the girl"),
    sequence_log_probability(lm, "the girl"),
    optimize_prompts(lm, f" {groups()[0]}", length=2, restarts=2, steps=2, progress=False),
]
for result in results:
    assert str(result)
print(course_utils.__file__)
"""

TYPED = """
from course_utils.models import load_classifier

reveal_type(load_classifier("pocket"))
load_classifier(name=3)
"""

# The types of these take a minute to read, and are not ours.
TYPES_OF_OTHERS = """
[mypy-torch.*,torchvision.*,numpy.*,PIL.*,matplotlib.*,transformers.*,tokenizers.*,safetensors.*]
follow_imports = skip
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder into which the wheel was installed; what it depends on is in the environment of the tests."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*pip, "--target", str(folder), str(wheel)], check=True, capture_output=True)
    return folder


def python(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python with the wheel's package, not the one of this folder."""
    environment = os.environ | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True, check=False)


def test_a_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"course_utils"}
    assert "course_utils/py.typed" in names
    assert any(name.endswith("pocket.safetensors") for name in names)
    assert not [name for name in names if "__pycache__" in name or name.endswith((".ipynb", ".pt", ".checkpoint"))]


def test_every_method_runs_from_the_wheel_without_jupyter(installed):
    ran = python(installed, "-c", WITHOUT_JUPYTER + EVERY_METHOD)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip().endswith(str(installed / "course_utils" / "__init__.py"))


def test_the_command_line_says_which_version_it_is(installed):
    ran = python(installed, "-m", "course_utils", "--version")
    assert ran.stdout.split()[0] == "course-utils", ran.stderr


def test_types_are_checked_from_outside(installed, tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "own.py").write_text(TYPED)
    (tmp_path / "mypy.ini").write_text("[mypy]\n" + TYPES_OF_OTHERS)
    settings = ["--config-file", str(tmp_path / "mypy.ini"), "--cache-dir", str(tmp_path / "cache")]
    ran = python(installed, "-m", "mypy", *settings, str(tmp_path / "own.py"))
    assert 'Revealed type is "course_utils.models.classifier.Classifier"' in ran.stdout
    assert 'expected "str | Path"' in ran.stdout
