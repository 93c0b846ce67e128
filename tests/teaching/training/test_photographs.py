"""Training on photographs, on a stand-in of the same layouts: a folder by class, and torchvision's own download."""

import hashlib
import json
import pickle
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.__main__ import main
from course_utils.models.shipped import WEIGHTS, build, load_weights
from course_utils.teaching.training import data
from course_utils.teaching.training.data import CLASSES, read_photographs
from course_utils.teaching.training.recipes import RECIPES
from course_utils.teaching.training.train import erased


def photograph(label: int, seed: int, size: int = 32) -> np.ndarray:
    """Noise in a colour of its class: enough to be learnt."""
    colour = np.random.default_rng(label).integers(40, 216, 3)
    noise = np.random.default_rng(1000 * label + seed).integers(-30, 31, (size, size, 3))
    return (colour + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    for split, each in (("train", 16), ("test", 4)):
        for label, name in enumerate(CLASSES):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            for seed in range(each):
                picture = Image.fromarray(photograph(label, seed + 100 * (split == "test")))
                picture.save(tmp_path / "data" / split / name / f"{seed}.png")
    return tmp_path / "data"


@pytest.fixture
def tiny(monkeypatch):
    recipe = replace(
        RECIPES["photo-robust"], name="photo", adversary_steps=0, width=4, epochs=6, batch=32, bfloat16=False
    )
    monkeypatch.setitem(RECIPES, "photo", recipe)
    return recipe


def test_the_command_trains_on_a_folder_measures_on_its_test_part_and_says_so_on_the_card(folder, tiny, tmp_path):
    assert main(["train", "photo", "--data", str(folder), "--out", str(tmp_path / "out")]) == 0
    card = json.loads((tmp_path / "out" / "photo.json").read_text())
    assert card["figures"]["accuracy on 40 test photographs"]["value"] > 0.5  # guessing: 0.1
    assert "accuracy under 20-step PGD at 8/255" in card["figures"] and card["recipe"]["data"]["kind"] == "CIFAR-10"
    again = build(card["architecture"], "photo")
    load_weights(again.module, tmp_path / "out" / "photo.safetensors")
    right = again.predict(read_photographs("test", folder).images).logits.argmax(1)
    reached = (right == read_photographs("test", folder).labels).float().mean().item()
    assert reached == pytest.approx(card["figures"]["accuracy on 40 test photographs"]["value"], abs=1e-4)


def test_the_same_photographs_come_from_torchvisions_layout(folder, tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR10

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "cache" / "hub"))
    root = tmp_path / "cache" / "datasets" / CIFAR10.base_folder
    root.mkdir(parents=True)
    listed = {"train_list": ("data_batch_1", "train"), "test_list": ("test_batch", "test")}
    for attribute, (name, split) in listed.items():
        photographs = read_photographs(split, folder)
        rows = photographs.pixels.flatten(1).numpy()
        (root / name).write_bytes(pickle.dumps({"data": rows, "labels": photographs.labels.tolist()}))
        monkeypatch.setattr(CIFAR10, attribute, [[name, hashlib.md5((root / name).read_bytes()).hexdigest()]])
    (root / "batches.meta").write_bytes(pickle.dumps({"label_names": list(CLASSES)}))
    digest = hashlib.md5((root / "batches.meta").read_bytes()).hexdigest()
    monkeypatch.setattr(CIFAR10, "meta", {"filename": "batches.meta", "key": "label_names", "md5": digest})
    for split in ("train", "test"):
        ours, theirs = read_photographs(split, folder), read_photographs(split)
        assert torch.equal(ours.pixels, theirs.pixels) and torch.equal(ours.labels, theirs.labels)


def test_without_folder_and_without_network_one_sentence_says_what_to_do(tiny, tmp_path, monkeypatch, capsys):
    import urllib.request

    def unreachable(*_, **__):
        raise urllib.request.URLError("no route")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "cache" / "hub"))
    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    assert main(["train", "photo", "--out", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert "fetching CIFAR-10, 170 MB, from" in printed.out and printed.err.count("\n") == 1
    assert "could not be fetched" in printed.err and "--data DIR" in printed.err


def test_a_class_that_is_missing_or_empty_and_a_file_that_is_no_image_are_named(folder):
    (folder / "train" / "cat" / "0.png").write_text("no image")
    with pytest.raises(ValueError, match=r"0\.png cannot be read as an image"):
        read_photographs("train", folder)
    for path in (folder / "train" / "cat").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="cat is empty; every class needs images"):
        read_photographs("train", folder)
    (folder / "train" / "cat").rmdir()
    with pytest.raises(ValueError, match="cat is missing"):
        read_photographs("train", folder)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        read_photographs("train", folder / "elsewhere")


def test_images_of_other_sizes_and_kinds_are_brought_to_size_and_that_is_said(folder, capsys):
    Image.fromarray(photograph(3, 0, size=80)).convert("L").save(folder / "test" / "cat" / "0.png")
    Image.fromarray(photograph(3, 0, size=9)).convert("RGBA").save(folder / "test" / "cat" / "1.png")
    assert read_photographs("test", folder).pixels.shape == (40, 3, 32, 32)
    assert "2 of 40 images are not 32x32 pixels: resized" in capsys.readouterr().out


def test_large_images_are_made_small_one_by_one(folder, monkeypatch):
    opened, alive = data.open_image, []

    def watched(path):
        image, *rest = opened(path)
        assert sum(each() is not None for each in alive) <= 1, "images are kept at full size"
        alive.append(weakref.ref(image))
        return image, *rest

    monkeypatch.setattr(data, "open_image", watched)
    assert len(read_photographs("test", folder).pixels) == len(alive) == 40


def test_the_painted_world_takes_no_photographs(folder, capsys, tmp_path):
    assert main(["train", "pocket", "--data", str(folder), "--out", str(tmp_path / "o")]) == 1
    assert "paints its own" in capsys.readouterr().err


def test_a_square_is_missing_somewhere_else_in_each_image():
    torch.manual_seed(0)
    images = torch.rand(200, 3, 32, 24)
    before, missing = images.clone(), (erased(images, 10) == 0.5).all(1)
    assert images.equal(before)  # the caller's images stay whole
    assert missing.flatten(1).sum(1).max() == 100 and missing.flatten(1).sum(1).min() >= 25
    heights, widths = missing.any(2).sum(1), missing.any(1).sum(1)
    assert (missing.flatten(1).sum(1) == heights * widths).all()  # a rectangle
    assert missing.any(0).all()  # every place is met


def test_weights_of_another_net_are_refused(tmp_path):
    photo = build(RECIPES["photo"].architecture, "photo")
    with pytest.raises(ValueError, match="for another architecture than PhotoNet"):
        load_weights(photo.module, WEIGHTS / "pocket.safetensors")
