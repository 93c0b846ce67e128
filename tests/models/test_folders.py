"""Folders that are no whole model in floating-point numbers are named for what they are, with the line that helps."""

import json

import pytest
import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel, ViTConfig, ViTForImageClassification

from course_utils import load_classifier, load_language_model


@pytest.fixture(scope="module")
def lm():
    return load_language_model("pocket-lm")


def language_folder(folder, lm):
    lm.model.save_pretrained(folder)
    lm.tokenizer.save_pretrained(folder)
    return folder


def vision_folder(folder):
    config = ViTConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, image_size=16, patch_size=8
    )
    ViTForImageClassification(config).save_pretrained(folder)
    return folder


def test_an_adapter_is_no_model_and_what_training_leaves_is_no_weights(lm, tmp_path):
    lm.tokenizer.save_pretrained(tmp_path)
    save_file({"base_model.model.h.0.lora_A.weight": torch.zeros(2, 8)}, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "task_type": "CAUSAL_LM"}))
    torch.save({}, tmp_path / "training_args.bin")
    for load in (load_language_model, load_classifier):
        with pytest.raises(ValueError, match=r"is an adapter .*merge_and_unload\(\).save_pretrained"):
            load(tmp_path)


def test_quantised_weights_are_refused_before_they_are_read(lm, tmp_path):
    folders = {
        load_language_model: language_folder(tmp_path / "lm", lm),
        load_classifier: vision_folder(tmp_path / "v"),
    }
    for load, folder in folders.items():
        config = json.loads((folder / "config.json").read_text())
        config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
        (folder / "config.json").write_text(json.dumps(config))
        with pytest.raises(ValueError, match=r"has quantised weights \(bitsandbytes\), through which no gradient"):
            load(folder)


def test_a_pointer_of_git_lfs_is_named(lm, tmp_path):
    folders = {
        load_language_model: language_folder(tmp_path / "lm", lm),
        load_classifier: vision_folder(tmp_path / "v"),
    }
    for load, folder in folders.items():
        (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
        with pytest.raises(ValueError, match="pointer of Git LFS and holds no weights: run `git lfs pull`"):
            load(folder)


ODD = {
    "tokenizer.json": ("[]", {"junk": "A"}),
    "config.json": ({"n_embd": "big"}, {"n_head": 0}, {"dtype": "float99"}),
    "tokenizer_config.json": ("[]",),
}


@pytest.mark.parametrize(("name", "change"), [(name, change) for name, some in ODD.items() for change in some])
def test_a_file_with_values_of_the_wrong_kind_is_one_sentence_or_does_no_harm(name, change, lm, tmp_path):
    path = language_folder(tmp_path / "m", lm) / name
    old = json.loads(path.read_text())
    path.write_text(change if isinstance(change, str) else json.dumps(old | change))
    try:
        loaded = load_language_model(tmp_path / "m")
    except ValueError as error:
        assert str(error).startswith(f"{tmp_path / 'm'} holds no language model that can be read (")
        assert "\n" not in str(error)
    else:
        assert loaded.encode("The girl").tolist() == lm.encode("The girl").tolist()


def test_a_folder_without_a_tokenizer_is_refused(tmp_path):
    GPT2LMHeadModel(GPT2Config(vocab_size=30, n_positions=8, n_embd=8, n_layer=1, n_head=2)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"has no tokenizer \(tokenizer.json, .*tokenizer.save_pretrained"):
        load_language_model(tmp_path)


def test_a_path_that_does_not_exist_is_not_only_taken_for_a_repository(own):
    for load in (load_language_model, load_classifier):
        with pytest.raises(
            FileNotFoundError, match="of models/mine are not on this computer, and models/mine is no fol"
        ):
            load("models/mine")
