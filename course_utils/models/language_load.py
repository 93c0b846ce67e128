"""`load_language_model`: a name or a folder in, a language model out."""

from __future__ import annotations

from pathlib import Path

import torch

from course_utils.messages import unknown
from course_utils.models.language_model import LanguageModel
from course_utils.models.store import TOKENIZER, WEIGHTS, available, load_weights, read_card


def load_language_model(name_or_path: str | Path = "pocket-lm") -> LanguageModel:
    """A shipped language model by name, or a causal model of `transformers` from a local folder; on the CPU.

    `pocket-lm` was trained on the written world (`course_utils.corpus`); what was measured about it stands in
    `course_utils.models.read_card("pocket-lm")`.

    Args:
        name_or_path: a shipped name, or a folder into which `model.save_pretrained` and `tokenizer.save_pretrained`
            have written. Nothing is downloaded.

    Raises:
        ValueError: neither a shipped name nor a folder (offers close names), or a folder that cannot be read.
        TypeError: the folder holds a model that predicts no next token.
        FileNotFoundError: the shipped weights are missing.
    """
    if Path(name_or_path).is_dir():
        return load_folder(Path(name_or_path))
    name = str(name_or_path)
    if name in available():
        raise ValueError(f"{name} is a classifier, expected a language model; load_classifier({name!r}) loads it.")
    if name not in available("language"):
        listed = unknown("language model", name, available("language"))
        raise ValueError(f"{listed} A folder written by save_pretrained will do as well, and {name!r} is none.")
    return load_shipped(name, WEIGHTS)


def load_shipped(name: str, folder: Path) -> LanguageModel:
    """The language model whose weights, card and tokenizer stand side by side in a folder."""
    from transformers import PreTrainedTokenizerFast

    with torch.random.fork_rng(devices=[]):  # the weights drawn here are overwritten; the reader's seed is left alone
        model = build_language_model(read_card(name, folder)["architecture"])
    load_weights(model.transformer, folder / f"{name}.safetensors")  # the head shares the table of embeddings
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / f"{name}{TOKENIZER}"), **SPECIAL)
    return LanguageModel(model, tokenizer, name)


END_OF_TEXT = "<|endoftext|>"  # GPT-2's name for what stands between two texts
SPECIAL = {"bos_token": END_OF_TEXT, "eos_token": END_OF_TEXT, "unk_token": None}


def build_language_model(architecture: dict):
    """A GPT-2 with random weights.

    Args:
        architecture: arguments of `transformers.GPT2Config`.
    """
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(**architecture))


def load_folder(folder: Path) -> LanguageModel:
    """The causal model and its tokenizer that `save_pretrained` wrote into a folder."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        if type(config) not in AutoModelForCausalLM._model_mapping:
            raise TypeError(f"{folder} holds a {config.model_type} model, which predicts no next token.")
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"{folder} holds no language model that can be read ({reason}); write model and tokenizer into it "
            "with save_pretrained."
        ) from None
    return LanguageModel(model, tokenizer, folder.name)
