"""Prompts of SmolLM2 for four targets: python benchmarks/smollm2_prompts.py --folder FOLDER

Coordinate search outside the model's chat template, inside it, and on shuffled weights, for girl, boy, science and art.
Prompts consist of words that the books of books-lm have and that are single tokens of SmolLM2. Each target's prompts
are kept in --folder as they are found; chapter 9 reads what --collect makes of them. An hour and a half on one core.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from course_utils import LanguageModel, load_language_model
from course_utils.language import PromptResults, book_associations, coordinate_search, load_prompts, save_prompts
from course_utils.models.randomized import shuffled

TARGETS = ("girl", "boy", "science", "art")
SETTINGS = {"length": 3, "restarts": 32, "steps": 4, "candidates": 24}
# The user's message is the prompt; the reply begins with "The", so that a word within a sentence may follow.
CHAT = ("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\nThe")
HOME = Path(__file__).parents[1] / "book" / "computed"


def single_words(lm: LanguageModel) -> list[str]:
    """The words of the books that are one token of the model's."""
    return [word for word in book_associations().words if len(lm.tokens(f" {word}")) == 1]


def searched(lm: LanguageModel, name: str, folder: Path, **settings: int) -> dict[str, PromptResults]:
    """Prompts for each target, from the folder where they are there."""
    allowed = {lm.token(f" {word}") for word in single_words(lm)}
    exclude = ("target", *(token for token in range(lm.vocabulary) if token not in allowed))
    found = {}
    for seed, target in enumerate(TARGETS):
        path, begin = folder / f"{name}-{target}.safetensors", time.perf_counter()
        if path.exists():
            found[target] = load_prompts(path, lm)[0][target]
            continue
        found[target] = coordinate_search(lm, f" {target}", exclude=exclude, seed=seed, progress=False, **settings)
        save_prompts(path, {target: found[target]}, settings)
        print(name, f"{time.perf_counter() - begin:.0f} s", found[target], flush=True)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="for the prompts as they are found")
    given = parser.parse_args()
    torch.set_num_threads(1)
    lm = load_language_model("smollm2-135m")
    ways = {
        "outside": (lm, SETTINGS),
        "inside": (lm.with_template(CHAT), SETTINGS | {"restarts": 16}),
        "shuffled": (shuffled(lm, seed=10), SETTINGS | {"restarts": 16}),
    }
    for name, (model, settings) in ways.items():
        found = searched(model, name, given.folder, **settings)
        save_prompts(HOME / f"smollm2_{name}.safetensors", found, settings)
