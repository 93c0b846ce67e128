"""SmolLM2 asked about four targets: python benchmarks/smollm2_prompts.py --folder FOLDER

Girl, boy, science and art, asked directly and by coordinate search, outside the model's chat template and inside it.
Words are those of the books of books-lm that are single tokens of SmolLM2. Each answer is kept in --folder as it comes,
and all that are there are written to notebooks/data, where chapter 9 reads them. An hour on one core.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from null_clouds import searched

from course_utils import LanguageModel, load_language_model
from course_utils.language import DirectAssociations, book_associations, coordinate_search, direct_associations

TARGETS = ("girl", "boy", "science", "art")
SETTINGS = {"length": 3, "restarts": 32, "steps": 4, "candidates": 24}
CONTROLS = 2
# The user's message is the prompt; the reply begins with "The", so that a word within a sentence may follow.
CHAT = ("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\nThe")
HOME = Path(__file__).parents[1] / "notebooks" / "data"


def single_words(lm: LanguageModel) -> list[str]:
    """The words of the books that are one token of the model's."""
    return [word for word in book_associations().words if len(lm.tokens(f" {word}")) == 1]


def asked(lm: LanguageModel, path: Path) -> DirectAssociations:
    """What words do alone, from the folder if it is there."""
    if not path.exists():
        words, begin = [f" {word}" for word in single_words(lm)], time.perf_counter()
        direct = direct_associations(lm, [f" {each}" for each in TARGETS], words, controls=CONTROLS, progress=False)
        print(f"{path.stem} {time.perf_counter() - begin:.0f} s: {direct}", flush=True)
        direct.save(path)
    return DirectAssociations.load(path)


def first(direct: DirectAssociations, n: int = 100) -> DirectAssociations:
    """The table with the `n` first words of each target alone."""
    listed = {word for target in direct.targets for word in direct.top(target, n)}
    rows = [row for row, word in enumerate(direct.words) if word in listed]
    tables = {"effect": direct.effect[rows], "log_probability": direct.log_probability[rows]}
    return replace(direct, words=[direct.words[row] for row in rows], **tables)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="for the answers as they come")
    given = parser.parse_args()
    torch.set_num_threads(1)
    lm = load_language_model("smollm2-135m")
    given.folder.mkdir(parents=True, exist_ok=True)
    kept = {"settings": SETTINGS, "template": CHAT}
    for name, model in {"outside": lm, "inside": lm.with_template(CHAT)}.items():
        first(asked(model, given.folder / f"direct_{name}.json")).save(HOME / f"smollm2_asked_{name}.json")
        found = searched(coordinate_search, model, TARGETS, single_words(lm), SETTINGS, given.folder / name)
        kept[name] = {
            target: sorted(
                ([text, round(p, 4)] for text, p in zip(each.text, each.probability.tolist(), strict=True)),
                key=lambda row: -row[1],
            )
            for target, each in found.items()
        }
        (HOME / "smollm2_prompts.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
