"""`at_hand`: a pretrained model where it can be had, and otherwise one sentence that says what to run."""

from importlib import import_module

import pytest
import torch

from course_utils import Classifier, LanguageModel, at_hand
from course_utils.models import stand_ins
from course_utils.models.fetch import hugging_face_folder, source, torch_folder
from course_utils.models.stand_ins import random_classifier, write_language_model
from course_utils.show import show_images

SMALL = "squeezenet1_1"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, tmp_path):
    for name in ("COURSE_MODELS", "COURSE_CACHE", "COURSE_BOOK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "own"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "own-hf"))


def one_sentence(text: str) -> str:
    assert text.count("\n") == 1 and text.endswith(".\n"), text
    return text


@pytest.mark.parametrize("name", [SMALL, "gpt2"])
def test_what_is_not_here_is_none_and_one_sentence_says_what_to_run(name, capsys):
    assert at_hand(name) is None
    said = one_sentence(capsys.readouterr().out)
    assert f"{name} is not on this computer" in said and f"`python -m course_utils prefetch {name}`" in said


def test_weights_that_are_here_are_used_unasked(tmp_path, monkeypatch):
    file = torch_folder(tmp_path) / source(SMALL).file
    file.parent.mkdir(parents=True)
    torch.save(random_classifier(SMALL).state_dict(), file)
    monkeypatch.setattr("course_utils.models.fetch.check_digest", lambda *_: None)  # random ones have another
    assert isinstance(at_hand(SMALL), Classifier)
    write_language_model("gpt2", hugging_face_folder(tmp_path), n_layer=1, n_embd=12, n_head=2, vocab_size=1500)
    assert isinstance(at_hand("gpt2"), LanguageModel)


@pytest.mark.parametrize("setting", [("COURSE_MODELS", "shipped"), ("COURSE_BOOK", "1")])
def test_the_book_does_not_depend_on_what_this_computer_has(setting, monkeypatch, capsys):
    monkeypatch.setenv(*setting)
    home = import_module("course_utils.models.load")  # the package has the function under the same name
    monkeypatch.setattr(home, "checkpoint", lambda name: pytest.fail("it looked"))
    assert at_hand(SMALL) is None
    assert "COURSE_MODELS=pretrained" in one_sentence(capsys.readouterr().out)


def test_a_stand_in_is_made_and_marked(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_MODELS", "stand-in")
    net = at_hand(SMALL)
    assert net.name == f"{SMALL} (stand-in)" and len(net.classes) == 1000 and net.size == (224, 224)
    assert "random weights" in one_sentence(capsys.readouterr().out)
    assert (torch_folder(stand_ins.folder()) / source(SMALL).file).exists()
    picture = show_images(torch.rand(1, 3, 8, 8), ["x"], alt="An image.")
    assert picture.alt.startswith("stand-in: random weights")
    assert any("stand-in" in text.get_text() for text in picture.figure.texts)


def test_figures_are_unmarked_otherwise():
    picture = show_images(torch.rand(1, 3, 8, 8), ["x"], alt="An image.")
    assert picture.alt == "An image." and not picture.figure.texts


def test_unknown_names_and_settings_offer_close_ones(monkeypatch):
    with pytest.raises(ValueError, match=r"unknown pretrained model 'resnet5O': did you mean 'resnet50'"):
        at_hand("resnet5O")
    monkeypatch.setenv("COURSE_MODELS", "pretraind")
    with pytest.raises(ValueError, match="COURSE_MODELS=pretraind is unknown; it is one of pretrained, shipped"):
        at_hand(SMALL)
