"""Models by name: `load_classifier`, `load_language_model`, and `load_if_available` where a chapter can do without.

A name is one of the models that come with the course, of a classifier of torchvision, or of a language model of
Hugging Face; a path is a file or folder of the reader's own. Weights are read as numbers, never unpickled.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from course_utils.models import caches, shipped
from course_utils.models.classifier import Classifier
from course_utils.models.fetch import obtain
from course_utils.models.language_model import LanguageModel
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
    if shipped.is_bundle(name):
        return shipped.load_bundle(name)
    name = str(name)
    if name in shipped.available("language"):
        raise ValueError(f"{name} is a language model, expected a classifier; load_language_model({name!r}) loads it.")
    if (shipped.WEIGHTS / f"{name}.json").exists():  # with a card and no weights, `load_weights` says what to do
        return shipped.build(shipped.read_card(name)["architecture"], name, shipped.WEIGHTS / f"{name}{shipped.SUFFIX}")
    if name not in caches.torchvision_names():
        raise ValueError(unknown("classifier", name, [*shipped.available(), *caches.torchvision_names()]))
    return load_checkpoint(name, obtain(name, download=download))


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
    if name in shipped.available():
        raise ValueError(f"{name} is a classifier, expected a language model; load_classifier({name!r}) loads it.")
    if name in shipped.available("language"):
        return load_shipped(name, shipped.WEIGHTS)
    if not caches.is_hub_name(name):
        listed = unknown("language model", name, [*shipped.available("language"), *caches.OWNERS])
        raise ValueError(
            f"{listed} Others of Hugging Face are named OWNER/NAME; a folder written by save_pretrained will do as "
            f"well, and {name!r} is none."
        )
    return load_folder(obtain(name, download=download), name)


def load_if_available(name: str) -> Any:
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
    caches.check_pretrained(name)
    allowed, command = caches.mode(), f"`python -m course_utils prefetch {name}` fetches it{caches.stated_size(name)}."
    if allowed == "shipped":
        print(f"This part runs on {name} where the environment says COURSE_MODELS=pretrained; {command}")
        return None
    if allowed == "cached" and caches.locate(name) is None:
        print(f"This part stays empty, for {name} is not on this computer: {command}")
        return None
    try:
        path = obtain(name, download=allowed == "pretrained")
        return load_folder(path, name) if caches.is_hub_name(name) else load_checkpoint(name, path)
    except OSError as error:  # no network, no room, no permission: the sentence says which
        print(f"This part stays empty, for {error}")
        return None


at_hand = load_if_available  # the first edition's name


# ------------------------------------------------------------------ classifiers of torchvision


def load_checkpoint(name: str, path: Path) -> Classifier:
    """The classifier of torchvision of that name, with the weights in a file.

    Raises:
        ValueError: the file is damaged, holds more than tensors, or is for another network.
    """
    from torchvision import models

    weights: Any = models.get_model_weights(name).DEFAULT
    state = read_tensors(path)
    # torchvision's builders know what goes with weights (GoogLeNet's own normalisation, DenseNet's old names); they
    # fetch them through this method and unpickle them, and get here what was read safely.
    with mock.patch.object(type(weights), "get_state_dict", lambda *_, **__: state):
        try:
            module = models.get_model(name, weights=weights, progress=False)
        except (RuntimeError, KeyError, AttributeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise ValueError(f"the weights {path.name} are for another network than {name} ({reason} …)") from None
    preset: Any = weights.transforms()
    return Classifier(
        module, classes=weights.meta["categories"], size=preset.crop_size[0], mean=preset.mean, std=preset.std,
        name=name,
    )  # fmt: skip


def read_tensors(path: Path) -> dict:
    """The tensors in a file that torch.save has written; anything else in it is refused.

    Raises:
        ValueError: a damaged file, or one that holds more than tensors.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        more = "Unsupported" in str(error) or "unsafe" in str(error).lower() or "WeightsUnpickler" in str(error)
        reason = "it holds more than tensors, which could run code" if more else "it cannot be read"
        raise ValueError(f"the weights {path} were refused: {reason}; delete the file and fetch it again.") from None
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise ValueError(f"the weights {path} are damaged ({reason}); delete the file and fetch it again.") from None
    if not isinstance(state, dict):
        raise ValueError(f"the weights {path} hold {type(state).__name__}, expected tensors by name.")
    return state


# ------------------------------------------------------------------ language models


def load_folder(folder: Path, name: str | None = None) -> LanguageModel:
    """The causal model and its tokenizer that `save_pretrained` wrote into a folder, or Hugging Face into its cache.

    Raises:
        ValueError, TypeError: as `load_language_model`.
    """
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    named = name or folder.name
    if not caches.whole(folder) and (found := caches.pickles(folder)):
        raise ValueError(
            f"{named} has its weights as a pickle ({found[0]} in {folder}), which may run any code when opened: it is "
            "refused. model.save_pretrained(…) of transformers writes model.safetensors, which holds numbers only."
        )
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


@contextmanager
def quiet() -> Iterator[None]:
    """Silence of transformers: no progress bars, no table of what was loaded. What matters of it we say ourselves."""
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


def load_shipped(name: str, folder: Path) -> LanguageModel:
    """The language model whose weights, card and tokenizer stand side by side in a folder."""
    from transformers import PreTrainedTokenizerFast

    with torch.random.fork_rng(devices=[]):  # the weights drawn here are overwritten; the reader's seed is left alone
        model = build_language_model(shipped.read_card(name, folder)["architecture"])
    # The head shares the table of embeddings, and so needs no weights of its own.
    shipped.load_weights(model.transformer, folder / f"{name}{shipped.SUFFIX}")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / f"{name}{shipped.TOKENIZER}"), **SPECIAL)
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
