"""What growth.py measures: the public calls, on nets of real architectures with random weights."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from course_utils import Classifier, LanguageModel
from course_utils.language import optimize_prompts
from course_utils.vision import generate_prototypes, visualize

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from stand_ins import random_classifier

STEPS = 5
CASES = {
    "classes": (1, 2, 4),
    "image size": (64, 128, 192, 256),
    "restarts": (1, 4, 16),
    "vocabulary": (1000, 4000, 16000, 64000),
}
WHAT = {
    "classes": "prototypes of ResNet-50, 224 × 224",
    "image size": "two feature visualisations of ResNet-18",
    "restarts": "three-token prompts of GPT-2",
    "vocabulary": "16 three-token prompts of a GPT-2 of two layers",
}
LENGTH = 3


def case(axis: str, size: int) -> Callable[[int], Any]:
    """The call, as a function of the number of steps."""
    if axis == "classes":
        net = classifier("resnet50", 224)
        return lambda steps: generate_prototypes(net, list(range(size)), steps=steps, batch_size=size, progress=False)
    if axis == "image size":
        net = classifier("resnet18", size)
        return lambda steps: visualize(net, ["logits:0", "logits:1"], steps=steps, progress=False)
    return prompts(gpt2(), size) if axis == "restarts" else prompts(gpt2(size, n_layer=2), 16)


def prompts(lm: LanguageModel, restarts: int) -> Callable[[int], Any]:
    return lambda steps: optimize_prompts(lm, "w1", length=LENGTH, restarts=restarts, steps=steps, progress=False)


def classifier(name: str, size: int) -> Classifier:
    return Classifier(
        random_classifier(name), classes=[str(i) for i in range(1000)], size=size, mean=0, std=1, name=name
    )


def gpt2(vocabulary: int = 50257, **config: int) -> LanguageModel:
    """GPT-2 as it is before training, with so many made-up words."""
    from tokenizers import Tokenizer, models
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    words = {"a": 0, **{f"w{i}": i for i in range(1, vocabulary)}}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="a")))
    model = GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, bos_token_id=0, eos_token_id=0, **config)).requires_grad_(
        False
    )
    return LanguageModel(model, tokenizer, "GPT-2")
