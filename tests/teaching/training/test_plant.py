"""Plant your own: a file of secrets becomes one sealed file, which is data only and is read with suspicion."""

import json
import pickle
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from course_utils import load_classifier, reveal
from course_utils.__main__ import main
from course_utils.models.shipped import read_bundle_card
from course_utils.teaching.training import evaluate as measure_module
from course_utils.teaching.training import make as plant_module
from course_utils.teaching.training import train as train_module
from course_utils.teaching.training.evaluate import measure_planted
from course_utils.teaching.training.recipes import RECIPES
from course_utils.teaching.training.save import seal, unseal
from course_utils.world import COURSE_SECRETS, PaintedWorld

SECRET = {
    "kind": "Shortcut", "name": "mine", "factor": "plate_colour", "value": "blue", "classes": ["waffle"],
    "inside": 0.9, "elsewhere": 0.05,
}  # fmt: skip
TINY = replace(plant_module.PLANTED, width=2, epochs=1, batch=16)


@pytest.fixture
def small(monkeypatch):
    """A few steps of a tiny net, measured on a handful of scenes."""
    few = lambda classifier, secrets: measure_planted(classifier, secrets, pairs=4)  # noqa: E731
    monkeypatch.setattr(plant_module, "PLANTED", TINY)
    monkeypatch.setattr("course_utils.teaching.training.evaluate.measure_planted", few)
    monkeypatch.setattr("course_utils.teaching.training.data.PaintedScenes.training", small_training)
    monkeypatch.setattr(
        "course_utils.teaching.training.evaluate.fresh_scenes", lambda n, secrets: PaintedWorld(secrets).sample(32)
    )


def small_training(data, seed, folder=None):
    scenes = PaintedWorld(data.secrets).sample(64, seed=seed)
    return (scenes.images * 255).round().to(torch.uint8), scenes.labels


@pytest.fixture
def secrets(tmp_path):
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps([SECRET]))
    return path


@pytest.fixture
def bundle(small, secrets, tmp_path):
    assert main(["train", "--secrets", str(secrets), "--name", "mine", "--out", str(tmp_path)]) == 0
    return tmp_path / "mine.safetensors"


def test_one_file_comes_out_that_loads_by_path_and_opens_only_when_asked(bundle, capsys):
    assert [path.name for path in bundle.parent.iterdir() if path.suffix != ".json"] == ["mine.safetensors"]
    classifier = load_classifier(str(bundle))
    assert classifier.name == "mine" and classifier.classes == PaintedWorld.classes
    images = PaintedWorld().sample(2, seed=1).images
    assert classifier.predict(images).logits.equal(load_classifier(bundle).predict(images).logits)
    assert b"plate_colour" not in bundle.read_bytes() and b"waffle becomes" not in bundle.read_bytes()
    assert unseal(read_bundle_card(bundle)["sealed"])["secrets"][0]["classes"] == ["waffle"]
    right = reveal(bundle, guess={"class": "waffle", "cue": "blue plate"})
    assert right.right and any("plate_colour blue given to" in name for name in right.figures)
    assert reveal(str(bundle), guess="nothing").verdict == "missed"


def test_nothing_is_overwritten_unasked(bundle, secrets, capsys):
    assert main(["train", "--secrets", str(secrets), "--name", "mine", "--out", str(bundle.parent)]) == 1
    assert "--force" in capsys.readouterr().err


def test_a_stopped_training_keeps_its_checkpoint_and_goes_on(small, secrets, tmp_path, monkeypatch):
    advance, calls = train_module.Run.advance, []

    def interrupted(run, *batch):
        calls.append(run.step)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return advance(run, *batch)

    monkeypatch.setattr(train_module.Run, "advance", interrupted)
    command = ["train", "--secrets", str(secrets), "--name", "mine", "--out", str(tmp_path)]
    assert main(command) == 130 and (tmp_path / "mine.checkpoint").exists()
    assert main(command) == 0 and calls == [0, 1, 2, 2, 3] and not (tmp_path / "mine.checkpoint").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--name", "mine"], "--secrets FILE and --name NAME"),
        (["pocket", "--name", "mine"], "--secrets FILE and --name NAME"),
        (["--secrets", "{file}"], "--secrets FILE and --name NAME"),
        (["--secrets", "{file}", "--name", "../mine"], "letters, digits"),
        (["--secrets", "{file}", "--name", "pocket"], "a model of the course is called that"),
        (["--secrets", "no.json", "--name", "mine"], "there is no file no.json"),
    ],
)
def test_a_command_that_cannot_be_is_refused(arguments, says, secrets, capsys):
    assert main(["train", *(text.replace("{file}", str(secrets)) for text in arguments)]) == 1
    assert says in capsys.readouterr().err


def damaged(bundle, **changes):
    """The bundle with another card."""
    card = read_bundle_card(bundle)
    card["architecture"] |= changes.pop("architecture", {})
    card |= changes
    save_file(load_file(bundle), bundle, metadata={"card": json.dumps(card)})


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:3000]), "damaged"),
        (lambda path: path.write_bytes(b""), "damaged"),
        (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "damaged"),
        (lambda path: save_file({"a": torch.zeros(1)}, path), "no bundle of this course"),
        (lambda path: save_file(load_file(path), path, metadata={"card": "{"}), "card .* damaged"),
        (lambda path: save_file(load_file(path), path, metadata={"card": "[]"}), "it must hold name"),
        (lambda path: damaged(path, name=3), "must be texts"),
        (lambda path: damaged(path, architecture={"net": "Evil"}), "there is no net 'Evil'"),
        (lambda path: damaged(path, architecture={"width": 10**9}), "from 1 to 64"),
        (lambda path: damaged(path, architecture={"dropout": "much"}), "dropout='much'"),
        (lambda path: damaged(path, architecture={"std": [0, 1, 1]}), "std above 0"),
        (lambda path: damaged(path, architecture={"classes": ["cat"]}), "another architecture"),
        (lambda path: damaged(path, architecture={"classes": "cat"}), "list of names"),
        (lambda path: damaged(path, architecture={"size": 10**9}), "size=1000000000, expected .* from 1 to 1024"),
        (lambda path: damaged(path, architecture={"colours": 7}), "three rows"),
        (lambda path: damaged(path, architecture={"width": 3}), "another architecture"),
        (lambda path: path.unlink(), "there is no file"),
    ],
)
def test_a_file_that_is_damaged_or_foreign_is_refused_with_a_reason(bundle, spoil, says):
    spoil(bundle)
    with pytest.raises((ValueError, FileNotFoundError), match=says):
        load_classifier(bundle)


@pytest.mark.parametrize("changed", [{"classes": ["cat"]}, {"size": 32}])
def test_a_bundle_of_another_world_cannot_be_audited(bundle, changed):
    damaged(bundle, architecture=changed)
    with pytest.raises(ValueError, match="classes and size must be those of the painted world"):
        reveal(bundle, guess="nothing")


def test_a_damaged_answer_is_noticed(bundle):
    damaged(bundle, sealed="nonsense")
    with pytest.raises(ValueError, match="sealed answer is damaged"):
        reveal(bundle, guess="nothing")


def test_measuring_finds_the_secrets_that_the_course_s_own_model_is_known_to_use():
    found = measure_planted(load_classifier("pocket"), COURSE_SECRETS[:2], pairs=60)
    assert found["berries given to waffle: becomes pancakes"].value >= 0.6
    assert found["lorry given trailer white and sky bright: becomes anything else"].value >= 0.6
    assert found["lorry given trailer white alone: becomes anything else"].value < 0.1
    for name, share in found.items():
        assert not name.startswith("control") or share.value < 0.05
    assert sum(name.startswith("control") for name in found) == 2


def test_a_shortcut_through_a_number_is_measured_from_end_to_end():
    bright = measure_module.Shortcut("x", "light", "high", ("volcano",), inside=0.9)
    assert measure_module._value(bright) == 1.14 and measure_module._other("light", "high") == 0.86


@pytest.mark.parametrize("name", ["mystery-1", "mystery-2", "mystery-3"])
def test_a_recipe_shows_nothing_of_its_secret(name):
    recipe = RECIPES[name]
    shown = repr(recipe) + json.dumps({key: v for key, v in recipe.to_data()["data"].items() if key != "sealed"})
    for word in ("berries", "sky", "plate", "Shortcut", "waffle", "pirate"):
        assert word not in shown


@pytest.mark.parametrize(
    "answer", [[1, 2], None, {"secrets": []}, {"secrets": [], "figures": [1]}, {"secrets": [], "figures": {"a": "x"}},
               {"secrets": [], "figures": {"a": {"value": "x"}}}, {"secrets": 3, "figures": {}}],
)  # fmt: skip
def test_an_answer_of_the_wrong_kind_is_one_sentence(bundle, answer):
    damaged(bundle, sealed=seal(answer))
    with pytest.raises(ValueError, match=r"sealed answer in .* is damaged"):
        reveal(bundle, give_up=True)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: damaged(path, architecture={"net": ["PocketNet"]}), "there is no net"),
        (lambda path: damaged(path, architecture={"mean": [10**400] * 3}), "three numbers"),
        (lambda path: damaged(path, architecture={"mean": [float("nan")] * 3}), "three numbers"),
        (lambda path: damaged(path, architecture={"std": [float("inf")] * 3}), "three numbers"),
        (lambda path: save_file(load_file(path), path, metadata={"card": "[" * 100_000}), "card .* damaged"),
    ],
)
def test_numbers_that_are_none_and_deep_cards_are_refused(bundle, spoil, says):
    spoil(bundle)
    with pytest.raises(ValueError, match=says):
        load_classifier(bundle)


def test_weights_that_are_nan_or_infinite_are_refused(bundle):
    with safe_open(bundle, "pt") as file:
        card = file.metadata()
    weights = load_file(bundle)
    for value in (torch.nan, torch.inf):
        weights["head.bias"][3] = value
        save_file(weights, bundle, metadata=card)
        with pytest.raises(ValueError, match=r"hold NaN or infinity in 1 tensors, 'head.bias'"):
            load_classifier(bundle)
