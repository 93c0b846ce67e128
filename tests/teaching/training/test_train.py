"""Training: a miniature learns, an interrupted run ends where an uninterrupted one does, nothing is overwritten."""

import base64
import errno
import os
import subprocess
import sys
import zlib
from dataclasses import replace

import pytest
import torch

from course_utils.__main__ import main
from course_utils.teaching.training import make as make_module
from course_utils.teaching.training import train as train_module
from course_utils.teaching.training.data import PaintedScenes
from course_utils.teaching.training.evaluate import accuracy
from course_utils.teaching.training.recipes import RECIPES
from course_utils.teaching.training.save import save_bundle, save_weights, unseal
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


# ------------------------------------------------------------------ accidents


TINY = replace(MINIATURE, data=PaintedScenes(scenes=64), epochs=1)


@pytest.mark.parametrize("content", ["half", b"", b"\x9f" * 500])
def test_a_damaged_or_foreign_checkpoint_is_one_sentence_without_advice_to_unpickle(content, tmp_path):
    path = tmp_path / "c"
    train(TINY, checkpoint=path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if content == "half" else content)
    with pytest.raises(ValueError, match="is damaged, or none of this course; delete it to start anew") as refused:
        train(TINY, checkpoint=path)
    assert "weights_only" not in str(refused.value)


def test_training_is_not_resumed_with_other_data(tmp_path, monkeypatch):
    train(TINY, checkpoint=tmp_path / "c")
    other = PaintedScenes.training
    monkeypatch.setattr(PaintedScenes, "training", lambda self, seed, folder=None: other(self, seed + 1, folder))
    with pytest.raises(ValueError, match="was begun with other data"):
        train(TINY, checkpoint=tmp_path / "c")


def test_fewer_images_than_a_batch_are_refused_before_training(tmp_path):
    with pytest.raises(ValueError, match="64 images to train on, expected at least a batch of 128"):
        train(replace(TINY, batch=128), checkpoint=tmp_path / "c")


def test_stopped_while_measuring_the_same_command_goes_on_to_it(tmp_path, monkeypatch):
    measured, trained = make_module.measured_part, []

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(make_module, "figures", lambda *_: {})
    monkeypatch.setattr(make_module, "measured_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_module.make(TINY, tmp_path)
    monkeypatch.setattr(make_module, "measured_part", measured)
    monkeypatch.setattr(train_module.Run, "advance", lambda self, *batch: trained.append(self.step))
    make_module.make(TINY, tmp_path)
    assert not trained and not list(tmp_path.glob("*.checkpoint"))
    with pytest.raises(FileExistsError):
        make_module.make(TINY, tmp_path)


def test_files_are_readable_as_the_umask_says_and_a_full_disk_leaves_no_part(tmp_path, monkeypatch):
    classifier = train_module.build(TINY.architecture, "mini")
    save_weights(classifier.module, tmp_path / "w.safetensors", {})
    save_bundle(classifier, tmp_path / "b.safetensors", {})
    (tmp_path / "plain").write_text("as others are")
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    before = sorted(tmp_path.iterdir())
    run = train_module.Run(TINY, classifier, 2)
    for write in (lambda: save_bundle(classifier, tmp_path / "new.safetensors", {}), lambda: run.save(tmp_path / "c")):
        with pytest.raises(OSError, match=r"/(new.safetensors|c) cannot be written \(no space left on device\)"):
            write()
    assert sorted(tmp_path.iterdir()) == before


def test_two_runs_into_one_folder_have_part_files_of_their_own(tmp_path, monkeypatch):
    run, seen = train_module.Run(TINY, train_module.build(TINY.architecture, "mini"), 2), []
    monkeypatch.setattr(os, "replace", lambda part, path: seen.append(str(part)))
    for process in (7, 8):
        monkeypatch.setattr(os, "getpid", lambda process=process: process)
        run.save(tmp_path / "c")
    assert len(set(seen)) == 2


def test_a_second_process_that_trains_into_one_checkpoint_is_told_who_is_there(tmp_path):
    waits = "import sys, time; from pathlib import Path; from course_utils.teaching.training.train import alone\n"
    waits += "with alone(Path(sys.argv[1])): print('there', flush=True); time.sleep(60)"
    checkpoint = tmp_path / "new" / "mini.checkpoint"
    with subprocess.Popen([sys.executable, "-c", waits, str(checkpoint)], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "there\n"
        run = train_module.Run(TINY, train_module.build(TINY.architecture, "mini"), 1)
        with pytest.raises(ValueError, match=f"process {first.pid} is training into .*mini.checkpoint: wait for it"):
            run.finish(checkpoint, lambda step: (torch.rand(1, 3, 64, 64), torch.tensor([0])))
        first.kill()
    with train_module.alone(checkpoint):  # who was killed holds nothing
        pass
    assert not list(checkpoint.parent.iterdir())


def test_a_sealed_answer_unpacks_to_a_limit_only():
    packed = zlib.compress(b'"' + b"A" * 3_000_000 + b'"', 9)
    with pytest.raises(ValueError, match=r"sealed answer is damaged .*more than 1000000 bytes"):
        unseal(base64.b85encode(packed).decode())
    with pytest.raises(ValueError, match="sealed answer is damaged"):
        unseal(base64.b85encode(zlib.compress(b"[" * 100_000)).decode())
