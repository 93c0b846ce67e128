"""`import course_utils` is light, and what it offers is there."""

import subprocess
import sys

import pytest

import course_utils

HEAVY = ("torchvision", "transformers", "matplotlib", "IPython", "ipywidgets", "scipy.stats", "captum")


@pytest.mark.parametrize(
    "module", ["course_utils", "course_utils.world", "course_utils.vision", "course_utils.language"]
)
def test_importing_the_package_pulls_in_nothing_heavy(module):
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_every_name_that_is_offered_can_be_used_again_and_again():
    from course_utils.loop import optimize

    assert set(course_utils.__all__) <= set(dir(course_utils))
    for _ in range(2):
        assert course_utils.optimize is optimize
        assert callable(course_utils.load_classifier) and callable(course_utils.Classifier)


def test_a_name_that_is_not_offered_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'optimise'"):
        course_utils.optimise  # noqa: B018
