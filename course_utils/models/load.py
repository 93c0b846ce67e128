"""Models by name: `load_classifier`, `load_language_model`, and `load_if_available` where a chapter can do without.

A name is one of the models that come with the course, of a classifier of torchvision, or of a language model of
Hugging Face; a path is a file or folder of the reader's own. Weights are read as numbers, never unpickled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from course_utils.models import caches, shipped, zoo
from course_utils.models.classifier import Classifier
from course_utils.models.fetch import obtain
from course_utils.models.language_model import LanguageModel
from course_utils.utils import expanded
from course_utils.validation import unknown


def load_classifier(name: str | Path = "pocket", *, download: bool | None = None) -> Classifier:
    """A classifier by name or path; in evaluation mode, on the CPU.

    `pocket` was trained the ordinary way, `pocket-robust` against an adversary, `pocket-judge` in a world without
    secrets; `photo` and `photo-robust` on photographs. What was measured about each stands in
    `course_utils.models.read_card(name)`. `efficientnet-lite0` and `efficientnet-lite2` are networks of ImageNet whose
    weights come as packages. A module of your own goes in through `Classifier(module, ...)`.

    Args:
        name: a shipped model; `"efficientnet-lite0"`; a classifier of torchvision (`"resnet50"`, with the weights that
            torchvision recommends), of timm (`"timm/resnet18.a1_in1k"`) or of Hugging Face (`"OWNER/NAME"`, an image
            classifier of transformers with safetensors); a folder that transformers' `save_pretrained` wrote, with an
            image processor; or the path of a bundle (`course_utils.models.shipped`).
        download: whether weights that are not on this computer may be fetched; name, size and folder are said first.
            None: only where the environment says COURSE_MODELS=pretrained.

    Raises:
        ValueError: an unknown name (offers close ones), or weights that are damaged or of another architecture.
        FileNotFoundError: the weights are not on this computer (says what to run).
        OSError: they cannot be fetched, or not be written.
    """
    path = expanded(name)
    if path.is_dir():
        return zoo.load_image_classifier(path)
    if shipped.is_bundle(name):
        return shipped.load_bundle(path)
    name = str(name)
    if name in shipped.available("language"):
        raise ValueError(f"{name} is a language model, expected a classifier; load_language_model({name!r}) loads it.")
    if (shipped.WEIGHTS / f"{name}.json").exists():  # with a card and no weights, `load_weights` says what to do
        return shipped.build(shipped.read_card(name)["architecture"], name, shipped.WEIGHTS / f"{name}{shipped.SUFFIX}")
    if name in zoo.PACKAGED:
        return zoo.load_packaged(name)
    if name.startswith("timm/"):
        return zoo.load_timm(name, download=download)
    if name in caches.torchvision_names():
        return zoo.load_checkpoint(obtain(name, download=download), name)
    if caches.is_hub_name(name) and name not in caches.OWNERS:
        return zoo.load_image_classifier(obtain(name, download=download), name)
    known = [*shipped.available(), *zoo.PACKAGED, *caches.torchvision_names()]
    raise ValueError(unknown("classifier", name, known))


def load_language_model(name_or_path: str | Path = "pocket-lm", *, download: bool | None = None) -> LanguageModel:
    """A language model that comes with the course, one of Hugging Face, or one from a local folder; on the CPU.

    `pocket-lm` was trained on the written world (`course_utils.corpus`), `books-lm` on 145 books from before 1930;
    what was measured about them stands in `course_utils.models.read_card("pocket-lm")`. Of Hugging Face every causal
    model of `transformers` goes whose weights are safetensors (`"gpt2"`, `"EleutherAI/pythia-70m"`, …), in the number
    format that they are kept in. `smollm2-135m` is SmolLM2-135M-Instruct, which comes as a package of 93 MB.

    Args:
        name_or_path: a shipped name, `"smollm2-135m"`, a name of Hugging Face, a folder into which
            `model.save_pretrained` and `tokenizer.save_pretrained` have written, or the path of a GGUF file.
        download: whether a model of Hugging Face that is not on this computer may be fetched; None: only where the
            environment says COURSE_MODELS=pretrained.

    Raises:
        ValueError: an unknown name (offers close ones), or a folder that cannot be read, whose weights are pickles or
            those of another architecture.
        TypeError: it is a model that predicts no next token.
        FileNotFoundError: it is not on this computer (says what to run).
        OSError: it cannot be fetched, or not be written.
    """
    path, name = expanded(name_or_path), str(name_or_path)
    if path.is_dir():
        return zoo.load_folder(path)
    if path.suffix == ".gguf":
        return zoo.load_gguf(path)
    if name == zoo.SMOLLM2:
        return zoo.load_smollm2(download=caches.mode() == "pretrained" if download is None else download)
    if name in shipped.available():
        raise ValueError(f"{name} is a classifier, expected a language model; load_classifier({name!r}) loads it.")
    if name in shipped.available("language"):
        return load_shipped(name, shipped.WEIGHTS)
    if not caches.is_hub_name(name):
        listed = unknown("language model", name, [*shipped.available("language"), zoo.SMOLLM2, *caches.OWNERS])
        raise ValueError(
            f"{listed} Others of Hugging Face are named OWNER/NAME; a folder written by save_pretrained will do as "
            f"well, and {name!r} is none."
        )
    return zoo.load_folder(obtain(name, download=download), name)


def load_if_available(name: str) -> Any:
    """A real model that may be missing: the classifier or language model, or None if its weights are not here.

    Weights that are on this computer are used; others are fetched only where the environment says
    COURSE_MODELS=pretrained. If there is nothing to use, one printed sentence says what to run. COURSE_MODELS=shipped
    uses neither; nor does the book, unless it is built with COURSE_MODELS=pretrained.

    Args:
        name: a classifier of torchvision, a language model of Hugging Face, `"efficientnet-lite0"` or `-lite2"`, or
            `"smollm2-135m"`; the last two kinds come as packages, and are used wherever they are.

    Returns:
        A `Classifier`, a `LanguageModel`, or None.

    Raises:
        ValueError: an unknown name (offers close ones), or weights that are damaged.
    """
    if name in zoo.PACKAGED or name == zoo.SMOLLM2:
        try:
            return load_classifier(name) if name in zoo.PACKAGED else load_language_model(name)
        except OSError as error:
            print(f"This part stays empty: {error}")
            return None
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
        load = zoo.load_folder if caches.is_hub_name(name) else zoo.load_checkpoint
        return load(path, name)
    except OSError as error:  # no network, no room, no permission: the sentence says which
        print(f"This part stays empty, for {error}")
        return None


at_hand = load_if_available  # the first edition's name


# ------------------------------------------------------------------ language models


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
