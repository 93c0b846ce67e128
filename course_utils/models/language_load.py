"""`load_language_model`: a name or a folder in, a language model out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from course_utils.messages import unknown
from course_utils.models.caches import mode
from course_utils.models.hugging_face import OWNERS, find, is_hub_name, pickles, whole
from course_utils.models.language_model import LanguageModel
from course_utils.models.store import TOKENIZER, WEIGHTS, available, load_weights, read_card


def load_language_model(name_or_path: str | Path = "pocket-lm", *, download: bool | None = None) -> LanguageModel:
    """A language model that comes with the course, one of Hugging Face, or one from a local folder; on the CPU.

    `pocket-lm` was trained on the written world (`course_utils.corpus`), `books-lm` on 145 books from before 1930;
    what was measured about them stands in `course_utils.models.read_card("pocket-lm")`. Of Hugging Face every causal
    model of `transformers` goes whose weights are safetensors (`"gpt2"`, `"EleutherAI/pythia-70m"`, …), in the number
    format that they are kept in.

    Args:
        name_or_path: a shipped name, a name of Hugging Face, or a folder into which `model.save_pretrained` and
            `tokenizer.save_pretrained` have written.
        download: whether a model of Hugging Face that is not on this computer may be fetched; None: only where the
            environment says COURSE_MODELS=pretrained.

    Raises:
        ValueError: an unknown name (offers close ones), or a folder that cannot be read, whose weights are pickles or
            those of another architecture.
        TypeError: it is a model that predicts no next token.
        FileNotFoundError: it is not on this computer (says what to run).
        OSError: it cannot be fetched, or not be written.
    """
    if Path(name_or_path).is_dir():
        return load_folder(Path(name_or_path))
    name = str(name_or_path)
    if name in available():
        raise ValueError(f"{name} is a classifier, expected a language model; load_classifier({name!r}) loads it.")
    if name in available("language"):
        return load_shipped(name, WEIGHTS)
    if not is_hub_name(name):
        listed = unknown("language model", name, [*available("language"), *OWNERS])
        raise ValueError(
            f"{listed} Others of Hugging Face are named OWNER/NAME; a folder written by save_pretrained will do as "
            f"well, and {name!r} is none."
        )
    return load_folder(find(name, download=mode() == "pretrained" if download is None else download), name)


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


def load_folder(folder: Path, name: str | None = None) -> LanguageModel:
    """The causal model and its tokenizer that `save_pretrained` wrote into a folder, or Hugging Face into its cache.

    Raises:
        ValueError, TypeError: as `load_language_model`.
    """
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    named = name or folder.name
    _only_safetensors(folder, named)
    # A model that brings Python of its own is refused; transformers would ask at the keyboard whether to run it.
    here = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(folder, **here)
        if type(config) not in AutoModelForCausalLM._model_mapping:
            raise TypeError(f"{named} is a {config.model_type} model, which predicts no next token.")
        tokenizer = AutoTokenizer.from_pretrained(folder, **here)
        with quiet():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder, use_safetensors=True, output_loading_info=True, **here
            )
            model, absent = loaded[0], sorted(loaded[1]["missing_keys"])
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"{folder} holds no language model that can be read ({reason}); write model and tokenizer into it "
            f"with save_pretrained, or fetch it again: python -m course_utils prefetch {named}"
        ) from None
    if absent:  # transformers would go on with random numbers in their place
        raise ValueError(
            f"the weights in {folder} are for another architecture than {type(model).__name__}: {len(absent)} tensors "
            f"are missing, {absent[0]!r} among them."
        )
    return LanguageModel(model, tokenizer, named)


def _only_safetensors(folder: Path, name: str) -> None:
    found = pickles(folder)
    if found and not whole(folder):
        raise ValueError(
            f"{name} has its weights as a pickle ({found[0]} in {folder}), which may run any code when opened: it is "
            "refused. model.save_pretrained(…) of transformers writes model.safetensors, which holds numbers only."
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' bars and its table of what it loaded; what matters of it we say ourselves."""
    from transformers.utils import logging

    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
