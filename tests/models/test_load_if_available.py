"""`load_if_available`: a pretrained model where it can be had, and otherwise one sentence that says what to run."""

import pytest
import torch

from course_utils import Classifier, LanguageModel, at_hand, load_if_available
from course_utils.models import caches
from course_utils.models.caches import folder_in, source
from stand_ins import random_classifier, write_language_model

SMALL = "squeezenet1_1"


@pytest.fixture(autouse=True)
def course_cache(own, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))


def one_sentence(text: str) -> str:
    assert text.count("\n") == 1 and text.endswith(".\n"), text
    return text


@pytest.mark.parametrize("name", [SMALL, "gpt2"])
def test_what_is_not_here_is_none_and_one_sentence_says_what_to_run(name, capsys):
    assert load_if_available(name) is None
    said = one_sentence(capsys.readouterr().out)
    assert f"{name} is not on this computer" in said and f"`python -m course_utils prefetch {name}`" in said


def test_weights_that_are_here_are_used_unasked(tmp_path, monkeypatch):
    file = folder_in(tmp_path, SMALL) / source(SMALL).file
    file.parent.mkdir(parents=True)
    torch.save(random_classifier(SMALL).state_dict(), file)
    monkeypatch.setattr("course_utils.models.caches.check_digest", lambda *_: None)  # random ones have another
    assert isinstance(load_if_available(SMALL), Classifier)
    write_language_model("gpt2", folder_in(tmp_path, "gpt2"), n_layer=1, n_embd=12, n_head=2, vocab_size=1500)
    assert isinstance(load_if_available("gpt2"), LanguageModel)


@pytest.mark.parametrize("setting", [("COURSE_MODELS", "shipped"), ("COURSE_BOOK", "1")])
def test_the_book_does_not_depend_on_what_this_computer_has(setting, monkeypatch, capsys):
    monkeypatch.setenv(*setting)
    monkeypatch.setattr(caches, "locate", lambda name: pytest.fail("it looked"))
    assert load_if_available(SMALL) is None
    assert "COURSE_MODELS=pretrained" in one_sentence(capsys.readouterr().out)


def test_the_first_editions_name_still_holds():
    assert at_hand is load_if_available


def test_unknown_names_and_settings_offer_close_ones(monkeypatch):
    with pytest.raises(ValueError, match=r"unknown pretrained model 'resnet5O': did you mean 'resnet50'"):
        load_if_available("resnet5O")
    monkeypatch.setenv("COURSE_MODELS", "stand-in")
    with pytest.raises(ValueError, match="COURSE_MODELS=stand-in is unknown; it is one of pretrained, shipped, or"):
        load_if_available(SMALL)
