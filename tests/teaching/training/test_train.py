"""Training: a miniature learns, an interrupted run ends where an uninterrupted one does, nothing is overwritten."""

from dataclasses import replace

import pytest
import torch

from course_utils.__main__ import main
from course_utils.teaching.training import make as make_module
from course_utils.teaching.training import train as train_module
from course_utils.teaching.training.data import PaintedScenes
from course_utils.teaching.training.evaluate import accuracy
from course_utils.teaching.training.recipes import RECIPES
from course_utils.teaching.training.train import train
from course_utils.world import PaintedWorld

MINIATURE = replace(RECIPES["pocket"], width=4, data=PaintedScenes(scenes=640), epochs=4, batch=32, learning_rate=1e-2)


def weights(classifier) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in classifier.parameters()])


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    return train(MINIATURE, checkpoint=tmp_path_factory.mktemp("run") / "mini.checkpoint")


def test_a_miniature_learns(miniature):
    classifier, spent = miniature
    fresh = PaintedWorld().sample(160, seed=99)
    assert accuracy(classifier, fresh).low > 2 / 16  # far above guessing, also at the interval's lower end
    assert spent["seconds"] > 0 and spent["processor seconds"] > 0 and not classifier.training


def test_an_interrupted_run_goes_on_from_its_checkpoint_and_ends_with_the_same_weights(
    tmp_path, monkeypatch, miniature
):
    advance, calls = train_module.Run.advance, []

    def interrupted(run, *batch):
        calls.append(run.step)
        if len(calls) == 30:
            raise KeyboardInterrupt
        return advance(run, *batch)

    checkpoint = tmp_path / "mini.checkpoint"
    monkeypatch.setattr(train_module.Run, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(MINIATURE, checkpoint=checkpoint)
    assert checkpoint.exists()
    again, _ = train(MINIATURE, checkpoint=checkpoint)
    assert calls[29] == calls[30] == 29  # the step that was cut short is done again, and no other
    assert torch.allclose(weights(again), weights(miniature[0]), atol=1e-5)


def test_recalibration_estimates_batch_norm_anew_and_leaves_the_weights_alone(miniature, tmp_path):
    recalibrated, _ = train(
        replace(MINIATURE, recalibration_batches=5), checkpoint=tmp_path / "recalibrated.checkpoint"
    )
    kept, moved = dict(miniature[0].named_parameters()), dict(miniature[0].named_buffers())
    assert all(torch.allclose(p, kept[name], atol=1e-5) for name, p in recalibrated.named_parameters())
    means = [(name, b) for name, b in recalibrated.named_buffers() if name.endswith("running_mean")]
    assert means and all(not torch.allclose(mean, moved[name], atol=1e-4) for name, mean in means)
    assert all(b == 5 for name, b in recalibrated.named_buffers() if name.endswith("num_batches_tracked"))
    assert not recalibrated.training


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path):
    tiny = replace(MINIATURE, data=PaintedScenes(scenes=64), epochs=1)
    train(tiny, checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="belongs to another recipe"):
        train(replace(tiny, seed=7), checkpoint=tmp_path / "c")


def test_the_adversary_stays_in_its_ball_and_raises_the_loss():
    robust = replace(RECIPES["pocket-robust"], width=4)
    torch.manual_seed(0)
    classifier = train_module.build(robust.architecture, "mini")
    scenes = PaintedWorld().sample(16, seed=3)
    attacked = train_module.augment(robust, classifier, scenes.images, scenes.labels)
    assert (attacked - scenes.images).abs().max() <= robust.adversary_eps + 1e-6
    assert attacked.min() >= 0 and attacked.max() <= 1
    loss = torch.nn.functional.cross_entropy
    assert loss(classifier(attacked), scenes.labels) > loss(classifier(scenes.images), scenes.labels)


def test_the_command_trains_writes_a_card_and_refuses_to_overwrite(tmp_path, monkeypatch, capsys):
    tiny = replace(MINIATURE, name="pocket", data=PaintedScenes(scenes=64), epochs=1)
    monkeypatch.setitem(RECIPES, "pocket", tiny)
    monkeypatch.setattr(make_module, "figures", lambda recipe, classifier, data: {"measured": recipe.name})
    assert main(["train", "pocket", "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"pocket.safetensors", "pocket.json", "SHA256SUMS"}
    assert main(["train", "pocket", "--out", str(tmp_path)]) == 1
    assert "--force trains anew" in capsys.readouterr().err
    assert main(["train", "pocket", "--out", str(tmp_path), "--force"]) == 0


def test_the_command_names_a_device_that_is_not_there(capsys, tmp_path):
    assert main(["train", "pocket", "--out", str(tmp_path), "--device", "no-such-device"]) == 1
    assert "--device no-such-device cannot be used here" in capsys.readouterr().err


def test_ctrl_c_ends_the_command_with_the_usual_status(monkeypatch, tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(train_module.Run, "advance", interrupted)
    monkeypatch.setitem(RECIPES, "pocket", replace(MINIATURE, name="pocket", data=PaintedScenes(scenes=64), epochs=1))
    assert main(["train", "pocket", "--out", str(tmp_path)]) == 130
    assert (tmp_path / "pocket.checkpoint").exists() and not (tmp_path / "pocket.safetensors").exists()


def test_the_command_offers_close_names(capsys):
    assert main(["train", "poket"]) == 1
    assert "did you mean 'pocket'" in capsys.readouterr().err
