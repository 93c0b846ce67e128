"""Causal models of Hugging Face from its cache's own layout: GPT-2, Llama, GPT-NeoX; random weights, half precision."""

import json
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from course_utils import load_language_model
from course_utils.language import association_scores, nearest_tokens, next_token_distribution, optimize_prompts
from course_utils.models.caches import folder_in, snapshot
from stand_ins import write_language_model

SMALL = {"vocab_size": 1500, "bos_token_id": 0, "eos_token_id": 0}
WIDE = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
KINDS = {
    "gpt2": {"n_layer": 2, "n_embd": 24, "n_head": 2},
    "HuggingFaceTB/SmolLM2-135M": WIDE | {"num_key_value_heads": 1},
    "EleutherAI/pythia-70m": WIDE,
}


@pytest.fixture
def cache(monkeypatch, tmp_path):
    for name in ("COURSE_MODELS", "COURSE_BOOK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "own"))
    return folder_in(tmp_path, "gpt2")


def made(name, cache):
    return write_language_model(name, cache, **SMALL, **KINDS[name])


@pytest.mark.parametrize("name", KINDS)
def test_prompts_and_neighbours_run_on_every_kind(name, cache):
    made(name, cache)
    lm = load_language_model(name)
    assert lm.name == name and lm.width == 24
    assert next_token_distribution(lm, "The girl").probabilities.isfinite().all()
    found = optimize_prompts(lm, " girl", length=2, restarts=4, steps=2, progress=False)
    assert found.probability.isfinite().all() and found.token_ids.shape == (4, 2)
    near = nearest_tokens(lm, lm.embeddings[:3], k=2)
    assert near.ids[:, 0].tolist() == [0, 1, 2]


def test_prompts_make_word_scores(cache):
    made("gpt2", cache)
    lm = load_language_model("gpt2")
    ours, theirs = (
        optimize_prompts(lm, word, length=2, restarts=6, steps=2, progress=False) for word in (" girl", " boy")
    )
    assert association_scores(ours, theirs) is not None


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_number_format_follows_the_file(dtype, cache):
    folder = made("gpt2", cache)
    path = folder / "model.safetensors"
    save_file({n: t.to(dtype) for n, t in load_file(path).items()}, path, metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text()) | {"dtype": str(dtype).removeprefix("torch.")}
    (folder / "config.json").write_text(json.dumps(config))
    lm = load_language_model("gpt2")
    assert lm.dtype == dtype
    found = optimize_prompts(lm, " girl", length=2, restarts=3, steps=2, progress=False)
    assert found.probability.dtype == torch.float32 and found.probability.isfinite().all()


def test_either_of_a_models_names_finds_it(cache):
    folder = made("gpt2", cache)
    assert snapshot("gpt2") == folder == snapshot("openai-community/gpt2")
    own = cache / "models--openai-community--gpt2"
    own.rename(cache / "models--gpt2")
    assert snapshot("gpt2") == cache / "models--gpt2" / "snapshots" / folder.name


# ------------------------------------------------------------------ bad input


def test_what_is_not_here_says_what_to_run(cache):
    with pytest.raises(FileNotFoundError, match=r"gpt2 are not on this computer; `.* prefetch gpt2` fetches"):
        load_language_model("gpt2")
    with pytest.raises(ValueError, match=r"unknown language model 'gtp2': did you mean 'gpt2'"):
        load_language_model("gtp2")


def test_a_pickle_is_refused(cache):
    folder = made("gpt2", cache)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"gpt2 has its weights as a pickle \(pytorch_model.bin .*it is refused"):
        load_language_model("gpt2")


def test_a_truncated_file_and_another_architectures_weights_are_refused(cache):
    path = made("gpt2", cache) / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"holds no language model that can be read .*prefetch gpt2"):
        load_language_model("gpt2")
    path.write_bytes(whole)
    some = {name: tensor for name, tensor in load_file(path).items() if ".h.1." not in name}
    save_file(some, path, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"are for another architecture than GPT2LMHeadModel: \d+ tensors are missing"):
        load_language_model("gpt2")


def test_a_part_that_is_missing_is_as_if_nothing_were_there(cache):
    folder = made("gpt2", cache)
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text("{}")
    assert snapshot("gpt2") is None


def test_a_file_that_may_not_be_read_is_a_sentence(cache, monkeypatch):
    made("gpt2", cache)

    def refuse(*_, **__):
        raise PermissionError(13, "Denied", "/x")

    monkeypatch.setattr("transformers.AutoConfig", SimpleNamespace(from_pretrained=refuse))
    with pytest.raises(ValueError, match=r"holds no language model that can be read \(\[Errno 13\] Denied: '/x'\)"):
        load_language_model("gpt2")
