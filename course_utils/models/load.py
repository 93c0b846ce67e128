"""`load_classifier`: a name in, a classifier out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from course_utils.models.classifier import Classifier
from course_utils.models.fetch import (
    OWNERS,
    checkpoint,
    find,
    is_hub_name,
    load_pretrained,
    megabytes,
    mode,
    pickles,
    snapshot,
    source,
    torchvision_names,
    whole,
)
from course_utils.models.language_model import LanguageModel
from course_utils.models.shipped import (
    TOKENIZER,
    WEIGHTS,
    available,
    build,
    is_bundle,
    load_bundle,
    load_weights,
    read_card,
)
from course_utils.validation import unknown


def load_classifier(name: str | Path = "pocket", *, download: bool | None = None) -> Classifier:
    """A classifier that comes with the course, or one of torchvision; in evaluation mode, on the CPU.

    `pocket` was trained the ordinary way, `pocket-robust` against an adversary, `pocket-judge` in a world without
    secrets. What was measured about each stands in `course_utils.models.read_card(name)`. Of torchvision every
    classifier goes (`"resnet50"`, `"vit_b_16"`, …), with the weights that torchvision recommends. A module of your own
    goes in through `Classifier(module, ...)`. The path of a bundle (`course_utils.models.shipped`) loads that.

    Args:
        download: whether weights of torchvision that are not on this computer may be fetched; None: only where the
            environment says COURSE_MODELS=pretrained.

    Raises:
        ValueError: an unknown name (offers close ones), or weights that are damaged or of another architecture.
        FileNotFoundError: the weights are not on this computer (says what to run).
        OSError: they cannot be fetched, or not be written.
    """
    if is_bundle(name):
        return load_bundle(name)
    name = str(name)
    if name in available("language"):
        raise ValueError(f"{name} is a language model, expected a classifier; load_language_model({name!r}) loads it.")
    if not (WEIGHTS / f"{name}.json").exists():  # with a card and no weights, `load_weights` says what to do
        if name not in torchvision_names():
            raise ValueError(unknown("classifier", name, [*available(), *torchvision_names()]))
        return load_pretrained(name, download=mode() == "pretrained" if download is None else download)
    architecture = read_card(name)["architecture"]
    with torch.random.fork_rng(devices=[]):  # the weights drawn here are overwritten; the reader's seed is left alone
        classifier = build(architecture, name)
    load_weights(classifier.module, WEIGHTS / f"{name}.safetensors")
    return classifier


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


def at_hand(name: str) -> Any:
    """A classifier of torchvision or a language model of Hugging Face, if its weights are at hand; otherwise None.

    Weights that are on this computer are used; others are fetched only where the environment says
    COURSE_MODELS=pretrained. If there is nothing to use, one printed sentence says what to run. COURSE_MODELS=shipped
    uses neither; nor does the book, unless it is built with COURSE_MODELS=pretrained.

    Args:
        name: what `load_classifier` or `load_language_model` takes, of torchvision or Hugging Face.

    Returns:
        A `Classifier`, a `LanguageModel`, or None.

    Raises:
        ValueError: an unknown name (offers close ones), or weights that are damaged.
    """
    vision = name in torchvision_names()
    if not vision and not is_hub_name(name):
        raise ValueError(unknown("pretrained model", name, [*OWNERS, *torchvision_names()]))
    chosen = mode()
    if chosen == "stand-in":
        return _stand_in(name, vision)
    if chosen == "shipped":
        print(f"This part runs on {name} where the environment says COURSE_MODELS=pretrained; {_fetch(name, vision)}")
        return None
    if chosen == "cached" and (checkpoint(name) if vision else snapshot(name)) is None:
        print(f"This part stays empty, for {name} is not on this computer: {_fetch(name, vision)}")
        return None

    try:
        return load_classifier(name) if vision else load_language_model(name)
    except OSError as error:  # no network, no room, no permission: the sentence says which
        print(f"This part stays empty, for {error}")
        return None


def _fetch(name: str, vision: bool) -> str:
    size = f" ({megabytes(source(name).bytes)})" if vision else ""
    return f"`python -m course_utils prefetch {name}` fetches it{size}."


def _stand_in(name: str, vision: bool) -> Any:
    from course_utils.models.stand_ins import classifier_stand_in, language_stand_in

    print(f"A stand-in: this is the architecture of {name} with random weights, and what it shows means nothing.")
    return classifier_stand_in(name) if vision else language_stand_in(name)
