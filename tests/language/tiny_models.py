"""Language models so small that searching them takes milliseconds; untrained, but with opinions."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from course_utils.models.language_model import LanguageModel

TEXT = ["The girl saw girls on the ship.", "A Girl girl is in the harbour; harbours are not."] * 3


def spoken(start: bool) -> PreTrainedTokenizerFast:
    """A byte-level BPE of a few words; with `start`, it puts its first token before every text."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(
        TEXT,
        trainers.BpeTrainer(vocab_size=320, special_tokens=["<s>"], initial_alphabet=alphabet, show_progress=False),
    )
    if start:
        raw.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="<s>")


def tiny(kind: str = "gpt2", seed: int = 0, context: int = 12) -> LanguageModel:
    """A GPT-2, or a Llama with a prefix and untied embeddings; large weights, so that prompts matter."""
    torch.manual_seed(seed)
    tokenizer = spoken(start=kind == "llama")
    size = len(tokenizer) + 4  # padded
    if kind == "gpt2":
        config = GPT2Config(
            vocab_size=size, n_positions=context, n_embd=16, n_layer=2, n_head=2, initializer_range=0.4,
            resid_pdrop=0, embd_pdrop=0, attn_pdrop=0,
        )  # fmt: skip
        return LanguageModel(GPT2LMHeadModel(config), tokenizer, "tiny-gpt2")
    config = LlamaConfig(
        vocab_size=size, max_position_embeddings=context, tie_word_embeddings=False, initializer_range=0.4,
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
    )  # fmt: skip
    return LanguageModel(LlamaForCausalLM(config), tokenizer, "tiny-llama")
