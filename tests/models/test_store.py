"""Weights on disk: what is written comes back, and what is damaged is refused in one sentence."""

import json
import shutil

import pytest
import torch

from course_utils import load_classifier
from course_utils.models import available
from course_utils.models import shipped as store
from course_utils.models.shipped import PocketNet
from course_utils.teaching.training.save import save_weights


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder with a copy of `pocket`, in place of the package's own."""
    for path in store.WEIGHTS.glob("pocket.*"):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(store, "WEIGHTS", tmp_path)
    return tmp_path


def test_weights_come_back_rounded_to_half_precision(tmp_path):
    net = PocketNet(16)
    save_weights(net, tmp_path / "net.safetensors", {"name": "net"})
    other = PocketNet(16)
    store.load_weights(other, tmp_path / "net.safetensors")
    for name, tensor in net.state_dict().items():
        assert torch.equal(
            other.state_dict()[name], tensor.half().to(tensor.dtype) if tensor.is_floating_point() else tensor
        )
    assert not list(tmp_path.glob("*.part"))


def test_loading_leaves_the_readers_own_random_numbers_alone():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    load_classifier("pocket")
    assert torch.equal(torch.rand(1), expected)


def test_an_unknown_name_offers_close_ones():
    with pytest.raises(ValueError, match="unknown classifier 'pockets': did you mean 'pocket'"):
        load_classifier("pockets")


def test_missing_weights_say_how_to_get_them(shelf):
    (shelf / "pocket.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="python -m course_utils train pocket --force"):
        load_classifier("pocket")


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"not weights at all", lambda data: b""]
)
def test_damaged_weights_are_refused(shelf, damage):
    path = shelf / "pocket.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"pocket.safetensors are damaged .*train pocket --force"):
        load_classifier("pocket")


def test_weights_of_another_architecture_are_refused(shelf):
    card = json.loads((shelf / "pocket.json").read_text())
    save_weights(PocketNet(16, width=8), shelf / "pocket.safetensors", card)
    with pytest.raises(ValueError, match="another architecture than PocketNet"):
        load_classifier("pocket")


def test_a_damaged_card_is_refused(shelf):
    (shelf / "pocket.json").write_text("{")
    with pytest.raises(ValueError, match=r"card pocket.json is damaged"):
        load_classifier("pocket")


def test_all_shipped_weights_are_small():
    files = list(store.WEIGHTS.glob("*.safetensors"))
    assert {path.stem for path in files} == {*available(), *available("language")}
    sizes = {path.stem: path.stat().st_size for path in files}
    of_the_real_world = {name for name in sizes if name.startswith(("photo", "books"))}
    assert sum(sizes.values()) < 40e6
    assert sum(size for name, size in sizes.items() if name not in of_the_real_world) < 12e6
