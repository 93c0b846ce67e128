"""`~` is the home folder wherever a path is taken, and a path that no file can have is refused in a sentence."""

import shutil

import numpy as np
import pytest
from PIL import Image

from course_utils import load_classifier, load_image, load_language_model, sweep
from course_utils.__main__ import main
from course_utils.models.shipped import WEIGHTS
from course_utils.teaching.training import command
from course_utils.utils import expanded


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(WEIGHTS)
    return tmp_path


def double(task):
    return {"double": 2 * task}


def test_a_tilde_is_the_home_folder(home):
    Image.new("RGB", (20, 20), "red").save(home / "red.png")
    assert load_image("~/red.png", 16).images.shape == (1, 3, 16, 16)
    sweep(double, [1], save_to="~/records", progress=False)
    assert len(list((home / "records").iterdir())) == 1
    assert command.path("~/stick") == home / "stick"
    shutil.copytree(WEIGHTS, home / "copied", ignore=lambda _, names: [n for n in names if not n.startswith("pocket.")])
    for load, path in ((load_classifier, "~/nothing.safetensors"), (load_language_model, "~/nothing.gguf")):
        with pytest.raises(FileNotFoundError, match=str(home)):
            load(path)
    assert not list(WEIGHTS.glob("~*")), "no folder is called ~"


@pytest.mark.parametrize("path", ["x" * 5000, "a\0b", "\ud800", "~nobody-of-this-name/x"])
def test_a_path_that_no_file_can_have_is_a_sentence(path):
    for use in (expanded, load_classifier, load_language_model, lambda p: load_image(p, 16)):
        with pytest.raises(ValueError, match=r"the path .* cannot be used"):
            use(path)


def test_arrays_of_truth_values_are_images_and_other_channels_are_refused():
    assert load_image(np.ones((20, 20), bool), 16).images.max() == 1
    with pytest.raises(ValueError, match="channels=2 given, expected 3, or 1 for greys"):
        load_image(np.ones((20, 20), np.uint8), 16, channels=2)
    for array in (np.ones((20, 20), complex), np.full((20, 20), "a")):
        with pytest.raises(TypeError, match="expected whole numbers, floating-point ones or truth values"):
            load_image(array, 16)


@pytest.mark.parametrize("encoding", ["ascii", "cp1251", "cp1253"])
def test_a_terminal_without_a_character_gets_another(encoding, monkeypatch):
    import io
    import sys

    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    with pytest.raises(SystemExit):
        main(["--help"])
    print("≤ – ␣ 猫")
    sys.stdout.flush()
