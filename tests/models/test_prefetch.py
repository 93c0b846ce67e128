"""`python -m course_utils prefetch`: in the caches' own layouts, whole or not at all, and nothing twice."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from server import COMMIT, serving

from course_utils import load_classifier, load_language_model
from course_utils.__main__ import main
from course_utils.models import caches
from course_utils.models.caches import Source, folder_in
from course_utils.models.fetch import CHAPTERS, prefetch, wanted
from stand_ins import random_classifier, write_language_model

NAME = "squeezenet1_1"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def host(monkeypatch, tmp_path):
    """A host that has the weights, as torchvision names them."""
    (tmp_path / "host").mkdir()
    file = tmp_path / "host" / "squeezenet1_1-b8a52dc0.pth"
    torch.save(random_classifier(NAME).state_dict(), file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    with serving(tmp_path / "host") as (address, settings):
        there = Source(f"{address}/{file.name}", file.name, digest[:8], file.stat().st_size)
        monkeypatch.setattr(caches, "source", lambda name: there)
        yield settings


def test_weights_of_torchvision_come_once_to_where_torch_hub_looks(own, host, capsys):
    (path,) = prefetch([NAME])
    assert path == own / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    assert re.match(rf"{NAME}: 5 MB from http://\S+/{path.name} to {path.parent}", capsys.readouterr().out)
    prefetch([NAME])
    assert "and whole" in capsys.readouterr().out and len(host.asked) == 1
    net = load_classifier(NAME)
    assert net.name == NAME and torch.equal(net.module.classifier[1].bias, random_classifier(NAME).classifier[1].bias)


def test_a_folder_for_others_is_copied_from_the_cache_and_used_by_name(own, host, tmp_path, monkeypatch):
    prefetch([NAME])
    prefetch([NAME], to=tmp_path / "stick")
    assert len(host.asked) == 1 and (folder_in(tmp_path / "stick", NAME) / "squeezenet1_1-b8a52dc0.pth").exists()
    (own / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth").unlink()
    with pytest.raises(FileNotFoundError, match=rf"squeezenet1_1 \(5 MB\) are not on this.*prefetch {NAME}` fetches"):
        load_classifier(NAME)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "stick"))
    assert load_classifier(NAME).size == (224, 224)


def test_pretrained_fetches_by_itself_and_so_does_the_readers_word(own, host, monkeypatch):
    assert load_classifier(NAME, download=True)
    monkeypatch.setenv("COURSE_MODELS", "pretrained")
    assert load_classifier(NAME) and len(host.asked) == 1


def test_a_damaged_file_is_refused_and_fetched_again(own, host, capsys):
    (path,) = prefetch([NAME])
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=rf"are damaged: their SHA-256 .*fetch it again: .*prefetch {NAME}"):
        load_classifier(NAME)
    prefetch([NAME])
    assert "is damaged, it is fetched again" in capsys.readouterr().out
    assert load_classifier(NAME)


def test_unknown_names_are_refused_before_anything_is_fetched(own, host, capsys):
    assert main(["prefetch", NAME, "vit_b16"]) == 1
    assert "unknown pretrained model 'vit_b16': did you mean 'vit_b_16'" in capsys.readouterr().err
    assert host.asked == []


def test_the_default_is_what_the_chapters_use():
    used = set()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        used |= {name for cell in cells for name in re.findall(r'at_hand\("([^"]+)"\)', "".join(cell["source"]))}
    assert used <= set(CHAPTERS)


# ------------------------------------------------------------------ Hugging Face


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A folder of models as a host of Hugging Face's kind serves them: owner/tiny, and owner/old with a pickle."""
    made = tmp_path_factory.mktemp("made")
    snapshot = write_language_model("gpt2", made, n_layer=1, n_embd=16, n_head=2, vocab_size=1500)
    root = tmp_path_factory.mktemp("hub")
    (root / "owner").mkdir()
    snapshot.rename(root / "owner" / "tiny")
    (root / "owner" / "tiny" / "pytorch_model.bin").write_bytes(b"a pickle")
    (root / "owner" / "old").mkdir()
    (root / "owner" / "old" / "config.json").write_text("{}")
    (root / "owner" / "old" / "pytorch_model.bin").write_bytes(b"a pickle")
    return root


def course(address: str, home_folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """The command in a process of its own: huggingface_hub reads its settings once."""
    settings = {"HF_ENDPOINT": address, "HF_HOME": str(home_folder), "HF_HUB_DISABLE_TELEMETRY": "1"}
    hidden = ("COURSE_MODELS", "COURSE_CACHE", "HF_HUB_CACHE", "HF_HUB_OFFLINE")
    environment = {name: value for name, value in os.environ.items() if name not in hidden} | settings
    command = [sys.executable, "-m", "course_utils", "prefetch", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT, timeout=120)


def test_a_language_model_comes_as_safetensors_into_a_folder_without_links(hub, tmp_path, monkeypatch, own):
    stick = tmp_path / "stick"
    with serving(hub) as (address, settings):
        first = course(address, tmp_path / "home", "owner/tiny", "--to", str(stick))
        asked = len(settings.asked)
        again = course(address, tmp_path / "home", "owner/tiny", "--to", str(stick))
    assert first.returncode == 0, first.stderr
    assert re.search(r"owner/tiny: \d files, \d MB, from http://\S+/owner/tiny to ", first.stdout)
    assert len(settings.asked) == asked and "and whole" in again.stdout, "it was there already"
    snapshot = folder_in(stick, "gpt2") / "models--owner--tiny" / "snapshots" / COMMIT
    names = {path.name for path in snapshot.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= names and "pytorch_model.bin" not in names
    assert not any(path.is_symlink() for path in stick.rglob("*"))
    monkeypatch.setenv("COURSE_CACHE", str(stick))
    lm = load_language_model("owner/tiny")
    assert lm.name == "owner/tiny" and lm.width == 16


def test_what_lies_in_hugging_faces_own_cache_is_copied_not_fetched(hub, tmp_path):
    home_folder = tmp_path / "home"
    with serving(hub) as (address, settings):
        assert course(address, home_folder, "owner/tiny").returncode == 0
        asked = len(settings.asked)
        copied = course(address, home_folder, "owner/tiny", "--to", str(tmp_path / "stick"))
    assert copied.returncode == 0 and len(settings.asked) == asked
    assert (folder_in(tmp_path / "stick", "gpt2") / "models--owner--tiny" / "snapshots" / COMMIT).is_dir()
    assert (home_folder / "hub" / "models--owner--tiny" / "snapshots" / COMMIT / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("owner/old", {}, "owner/old has no weights as safetensors, only pickles if any"),
        ("owner/none", {}, "knows no model 'owner/none': check the name's spelling"),
        ("owner/tiny", {"lies": True}, "model.safetensors is not what was asked for"),
    ],
)
def test_what_cannot_be_had_is_one_sentence_and_leaves_no_model(hub, tmp_path, name, settings, says):
    with serving(hub, **settings) as (address, _):
        tried = course(address, tmp_path / "home", name)
    assert tried.returncode == 1 and "Traceback" not in tried.stderr
    assert says in tried.stderr.splitlines()[-1]
    assert not list((tmp_path / "home").rglob("*.safetensors"))


def test_without_network_it_says_what_to_do(tmp_path):
    tried = course("http://127.0.0.1:9", tmp_path / "home", "owner/tiny")
    assert tried.returncode == 1 and "Traceback" not in tried.stderr
    assert re.search(r"owner/tiny cannot be fetched from http://127.0.0.1:9 \(.*COURSE_CACHE=DIR", tried.stderr)


def test_of_many_formats_one_is_taken():
    files = ["model.safetensors", "model-00001-of-00002.safetensors", "pytorch_model.bin", "onnx/model.onnx",
             "config.json", "merges.txt", "README.md", "flax_model.msgpack", "tokenizer.json"]  # fmt: skip
    assert wanted(files, "x/y") == ["model.safetensors", "config.json", "merges.txt", "tokenizer.json"]
    parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
    assert wanted(parts, "x/y") == parts
