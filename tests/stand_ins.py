"""Stand-ins for pretrained models: their architecture with random weights, in their file formats and cache layout.

With them, tests execute every cell that runs on a pretrained model without any download. What comes out means nothing.
"""

from __future__ import annotations

import atexit
import hashlib
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch

from course_utils import Classifier, LanguageModel
from course_utils.models.caches import check_pretrained, hub_folder, is_hub_name, source
from course_utils.models.load import SPECIAL
from course_utils.models.shipped import TOKENIZER, WEIGHTS
from course_utils.models.zoo import load_checkpoint, load_folder, quiet

REVISION = hashlib.sha1(b"stand-in").hexdigest()  # Hugging Face's folders are named by a commit
MARK = "stand-in"
# The configurations of language models that chapters and tests use; their other numbers are transformers' defaults.
LANGUAGE: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("gpt2", {}),
    "distilgpt2": ("gpt2", {"n_layer": 6}),
    "EleutherAI/pythia-70m": (
        "gpt_neox",
        {"vocab_size": 50304, "hidden_size": 512, "num_hidden_layers": 6, "num_attention_heads": 8,
         "intermediate_size": 2048},
    ),
    "HuggingFaceTB/SmolLM2-135M": (
        "llama",
        {"vocab_size": 49152, "hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9,
         "num_key_value_heads": 3, "intermediate_size": 1536, "tie_word_embeddings": True},
    ),
}  # fmt: skip

PACKAGED = {"smollm2-135m": "HuggingFaceTB/SmolLM2-135M"}  # the same architecture, as Hugging Face names it


def load_stand_in(name: str) -> Classifier | LanguageModel:
    """A stand-in where `load_if_available` would give the pretrained model, and a sentence that says so."""
    name = PACKAGED.get(name, name)
    check_pretrained(name)
    print(f"A stand-in: this is the architecture of {name} with random weights, and what it shows means nothing.")
    return language_stand_in(name) if is_hub_name(name) else classifier_stand_in(name)


def classifier_stand_in(name: str) -> Classifier:
    """A classifier of torchvision with random weights, by way of a file as Torch hub keeps it."""
    path = folder() / source(name).file
    if not path.exists():
        torch.save(random_classifier(name).state_dict(), path)
    classifier = load_checkpoint(path, name)
    classifier.name = f"{name} ({MARK})"
    return classifier


def random_classifier(name: str) -> torch.nn.Module:
    """A module of torchvision as it is before any training."""
    from torchvision import models

    slow = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}  # minutes, for the same purpose
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = models.get_model(name, weights=None, **slow)
        for head in module.modules():  # a vision transformer's starts at zero, and lets no gradient through
            if isinstance(head, torch.nn.Linear) and not head.weight.any():
                torch.nn.init.normal_(head.weight, std=0.02)
    return module


def language_stand_in(name: str) -> LanguageModel:
    """A language model of Hugging Face with random weights, by way of a folder as Hugging Face's cache has it.

    Raises:
        ValueError: a model whose configuration is not known here.
    """
    snapshot = folder() / hub_folder(name) / "snapshots" / REVISION
    if not snapshot.exists():
        write_language_model(name, folder())
    lm = load_folder(snapshot, name)
    lm.name = f"{name} ({MARK})"
    return lm


def write_language_model(name: str, cache_folder: Path, **changes: Any) -> Path:
    """Writes a random model of that name into a cache, laid out as Hugging Face does; returns its snapshot.

    Args:
        changes: of the configuration, such as fewer layers.
    """
    if name not in LANGUAGE:
        raise ValueError(f"no stand-in is known for {name}; there are some for {', '.join(LANGUAGE)}.")
    from transformers import AutoConfig, AutoModelForCausalLM

    kind, settings = LANGUAGE[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **(settings | changes)))
    own = cache_folder / hub_folder(name)
    snapshot = own / "snapshots" / REVISION
    with quiet():
        model.save_pretrained(snapshot)
    _tokenizer(model.config.vocab_size).save_pretrained(snapshot)
    (own / "refs").mkdir(parents=True, exist_ok=True)
    (own / "refs" / "main").write_text(REVISION)
    return snapshot


def _tokenizer(rows: int) -> Any:
    """A byte-level BPE as GPT-2's, of a model that comes with the course; the rest of the table's rows is padding."""
    from transformers import PreTrainedTokenizerFast

    for name in ("books-lm", "pocket-lm"):  # the one with more words, if the table has a row for each
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(WEIGHTS / f"{name}{TOKENIZER}"), **SPECIAL)
        if len(tokenizer) <= rows:
            break
    return tokenizer


@cache
def folder() -> Path:
    """A folder for stand-ins that goes when the process ends."""
    made = tempfile.TemporaryDirectory(prefix="course-stand-ins-")
    atexit.register(made.cleanup)
    return Path(made.name)
