"""Every loader and every command says in a sentence what it refuses, and what to do: the table of bad input.

what goes wrong               load_classifier             load_language_model      prefetch
unknown name                  test_pretrained, _store     test_hugging_face        test_prefetch
weights of another net        test_pretrained, _store     test_hugging_face, here  (their hash tells)
a truncated file              test_pretrained, _store     test_hugging_face, here  test_prefetch
code in place of numbers      test_pretrained             test_hugging_face, here  test_prefetch
no permission to read         test_pretrained             test_hugging_face        -
no permission to write        -                           -                        test_download, here
no space                      -                           -                        test_download, here
no network                    here                        here                     test_prefetch, here
"""

import errno
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import pytest
import torch
from huggingface_hub import HfApi
from server import serving

import build_book
from course_utils import at_hand, load_classifier, load_language_model
from course_utils.__main__ import main
from course_utils.models.caches import folder_in, source
from course_utils.models.fetch import ELSEWHERE
from stand_ins import write_language_model

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"n_layer": 1, "n_embd": 16, "n_head": 2, "vocab_size": 1500}


@pytest.fixture
def offline(own, monkeypatch):
    """No host answers."""

    def nobody(*_, **__):
        raise URLError(OSError(errno.ENETUNREACH, "Network is unreachable"))

    monkeypatch.setattr(torch.hub, "urlopen", nobody)
    monkeypatch.setattr(HfApi, "model_info", nobody)


# ------------------------------------------------------------------ a language model's folder


@pytest.fixture
def folder(tmp_path):
    return write_language_model("gpt2", tmp_path, **SMALL)


def changed(folder, **settings):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return folder


def test_weights_of_another_width_are_refused(folder):
    with pytest.raises(ValueError, match=r"holds no language model that can be read \(.*size.*fetch it again"):
        load_language_model(changed(folder, n_embd=24))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_truncated_file_beside_the_weights_is_refused(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes()[:20])
    with pytest.raises(ValueError, match=r"holds no language model that can be read \(.*fetch it again"):
        load_language_model(folder)


def test_a_model_that_brings_code_is_refused_without_a_question_and_the_code_does_not_run(folder, monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asked"))
    for kind in ("configuration", "modeling"):
        (folder / f"{kind}_own.py").write_text("print('this ran')\nclass Own: pass\n")
    own = {"AutoConfig": "configuration_own.Own", "AutoModelForCausalLM": "modeling_own.Own"}
    with pytest.raises(ValueError, match="holds no language model that can be read"):
        load_language_model(changed(folder, model_type="own", auto_map=own))
    assert "this ran" not in capsys.readouterr().out


# ------------------------------------------------------------------ no permission, no space


@pytest.mark.parametrize("name", ["squeezenet1_1", "owner/tiny"])
def test_a_folder_that_cannot_be_made_is_named(name, folder, own, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "host" / "owner").mkdir(parents=True)
    folder.rename(tmp_path / "host" / "owner" / "tiny")
    with serving(tmp_path / "host") as (address, _):
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        assert main(["prefetch", name, "--to", str(tmp_path / "file" / "stick")]) == 1
    said = capsys.readouterr().err
    assert "cannot be written to" in said and "name another folder with --to DIR or COURSE_CACHE=DIR" in said
    assert said.count("\n") == 1


def test_too_little_room_for_a_language_model_is_said_before_it_is_fetched(folder, own, tmp_path, monkeypatch, capsys):
    (tmp_path / "host" / "owner").mkdir(parents=True)
    folder.rename(tmp_path / "host" / "owner" / "tiny")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with serving(tmp_path / "host") as (address, settings):
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        assert main(["prefetch", "owner/tiny"]) == 1
    assert "are needed in" in capsys.readouterr().err and not any("resolve" in asked for asked in settings.asked)


@pytest.mark.parametrize("name", ["squeezenet1_1", "gpt2"])
def test_too_little_room_for_a_copy_leaves_none(name, own, tmp_path, monkeypatch, capsys):
    if name == "gpt2":
        write_language_model(name, own / "hf", **SMALL)
    else:
        path = own / "hub" / "checkpoints" / source(name).file
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(2_000_000))
        monkeypatch.setattr("course_utils.models.caches.check_digest", lambda *_: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    stick = tmp_path / "stick"
    assert main(["prefetch", name, "--to", str(stick)]) == 1
    assert "0 MB are free: make room" in capsys.readouterr().err
    found = [*folder_in(stick, "resnet50").rglob("*"), *folder_in(stick, "gpt2").rglob("*")]
    assert not [path for path in found if path.is_file()]


# ------------------------------------------------------------------ no network


@pytest.mark.parametrize("setting", [None, "shipped"])
def test_without_being_asked_to_nothing_is_fetched(own, setting, monkeypatch):
    if setting:
        monkeypatch.setenv("COURSE_MODELS", setting)
    monkeypatch.setattr(torch.hub, "urlopen", lambda *_, **__: pytest.fail("it asked a host"))
    monkeypatch.setattr(HfApi, "model_info", lambda *_, **__: pytest.fail("it asked a host"))
    for load, name in ((load_classifier, "resnet50"), (load_language_model, "gpt2")):
        with pytest.raises(FileNotFoundError, match=rf"weights of {name}.* are not on this computer.*prefetch {name}`"):
            load(name)
        assert at_hand(name) is None


def test_the_book_quotes_what_is_said(own, capsys):
    quoted = (ROOT / "book" / "running.md").read_text(encoding="utf-8")
    for load, name in ((load_classifier, "resnet50"), (load_language_model, "gpt2")):
        with pytest.raises(FileNotFoundError) as refused:
            load(name)
        assert str(refused.value) in quoted
    at_hand("resnet50")
    said = capsys.readouterr().out.strip()
    assert said and said in quoted
    assert ELSEWHERE in quoted


SENTENCE = r"cannot be fetched from \S+ \(.*unreachable.*\)\. .*prefetch --to DIR` on another one"


def test_pretrained_without_network_is_one_sentence(offline, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_MODELS", "pretrained")
    for load, name in ((load_classifier, "resnet50"), (load_language_model, "gpt2")):
        with pytest.raises(OSError, match=SENTENCE):
            load(name)
        capsys.readouterr()
        assert at_hand(name) is None
        *what, sentence = capsys.readouterr().out.splitlines()
        assert sentence.startswith("This part stays empty, for ") and len(what) <= 1


def test_a_book_of_pretrained_models_is_not_begun_without_them(offline, monkeypatch):
    assert build_book.pretrained_problem() is None, "nobody asked for it"
    monkeypatch.setenv("COURSE_MODELS", "pretrained")
    said = build_book.pretrained_problem()
    assert said.startswith("COURSE_MODELS=pretrained asks for pretrained models: resnet50") and "\n" not in said


@pytest.mark.parametrize(
    "command", [["prefetch"], ["prefetch", "gpt2"], ["report", "resnet50", "--out", "report.html"]], ids=" ".join
)
def test_commands_without_network_fail_in_one_line(command, offline, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_MODELS", "pretrained")
    assert main(command) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"python -m course_utils {command[0]}: ") and said.count("\n") == 1
    assert "cannot be fetched" in said and not (tmp_path / "report.html").exists()
