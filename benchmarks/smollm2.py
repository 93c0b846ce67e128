"""What chapters 10 and 11 show of smollm2-135m and do not compute again in full: python benchmarks/smollm2.py

Writes to book/computed, each part with its settings, by the public calls that the chapters show. Needs the model
(`python -m course_utils prefetch smollm2-135m`); a quarter of an hour on one free core.

    ascent      16 runs by gradient for " girl", their vectors and the tokens nearest to them, step by step
    sentences  a corpus: sentences that the model wrote itself, each from another first word
    neurons    of three layers the most selective neuron, with its top sentences and its front of fluent texts

A neuron is selective where the mean of its six strongest sentences lies most deviations above the median of all. Of
each layer the first in that order is taken: none was left out for being hard to read.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import torch

from course_utils import load_language_model
from course_utils.activations import record
from course_utils.language import FromEmbeddings, fluent_prompts, is_offensive, optimize_prompts, top_sentences
from course_utils.language.fluent import FluentPrompts
from course_utils.language.vocabulary import allowed_tokens
from course_utils.models.language_model import LanguageModel

OUT = Path(__file__).resolve().parent.parent / "book" / "computed"
SENTENCES = OUT / "smollm2_sentences.txt"
CLIMB = {"restarts": 16, "steps": 30, "distance_weight": 0.0, "snap_every": 2}
WORDS = ("target", "stem", "special", "non-words", "offensive")
LAYERS, STRONGEST = (6, 14, 22), 6
FLUENT = {"length": 6, "population": 6, "children": 8, "steps": 16}
READABLE = ("special", "unprintable", "offensive")


def ascent(lm: LanguageModel) -> dict[str, Any]:
    found = optimize_prompts(lm, " girl", exclude=WORDS, **CLIMB)
    best = found.best(3)
    return {
        "settings": {**CLIMB, "target": " girl", "exclude": WORDS, "seed": 0},
        "steps": found.history.steps.tolist(),
        "soft": found.history.soft_probability.tolist(),
        "discrete": found.history.probability.tolist(),
        "distance": found.history.distance.tolist(),
        "best": {"text": best.text, "probability": best.probability.tolist()},
        "passes": found.passes,
    }


@torch.no_grad()
def sentences(lm: LanguageModel, count: int = 320) -> list[str]:
    """Different sentences of at least six tokens, sampled at temperature 1 from the most probable 95 %."""
    words = allowed_tokens(lm, ("special", "non-words", "offensive")).nonzero().squeeze(1)
    first = words[torch.randint(len(words), (count,), generator=torch.Generator().manual_seed(0))]
    special, found = set(lm.tokenizer.all_special_ids), []
    torch.manual_seed(0)
    for part in first[:, None].split(40):
        given = {"input_ids": part, "attention_mask": torch.ones_like(part), "pad_token_id": 2}
        written = lm.model.generate(**given, do_sample=True, top_p=0.95, top_k=0, max_new_tokens=18)
        for row in written.tolist():
            text = lm.decode([token for token in row if token not in special]).split("\n")[0]
            whole = re.match(r"(.*?[.!?])(\s|$)", text)
            text = (whole.group(1) if whole else text).strip()
            if len(lm.tokens(text)) >= 6 and text.isprintable() and not is_offensive(text):
                found.append(text)
    return list(dict.fromkeys(found))


@torch.no_grad()
def selective(lm: LanguageModel, corpus: list[str]) -> list[str]:
    """The most selective neuron of each layer."""
    names = [f"model.layers.{layer}.mlp.down_proj.input" for layer in LAYERS]
    forward, table = record(FromEmbeddings(lm), names), lm.embeddings
    # The first token does not count, as in `top_sentences`.
    read = [forward(table[lm.encode(text)][None]).layers for text in corpus]
    strongest = {name: torch.stack([each[name][0, 1:].amax(0) for each in read]) for name in names}
    units = []
    for name in names:
        every = strongest[name]
        above = (every.topk(STRONGEST, 0).values.mean(0) - every.median(0).values) / every.std(0)
        units.append(f"{name}:{int(above.argmax())}")
    return units


def front(found: FluentPrompts) -> dict[str, Any]:
    return {
        "token_ids": found.token_ids.tolist(),
        "text": found.text,
        "score": found.score.tolist(),
        "surprise": found.surprise.tolist(),
        "random": {"score": found.random_score.tolist(), "surprise": found.random_surprise.tolist()},
        "forward_passes": found.forward_passes,
        "backward_passes": found.backward_passes,
    }


def write(name: str, what: dict[str, Any]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / name).write_text(json.dumps(what, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=("ascent", "sentences", "neurons"))
    parser.add_argument("--neurons", nargs="+", help="these, not the most selective ones")
    given = parser.parse_args()
    parts = given.only or ["ascent", "sentences", "neurons"]
    lm = load_language_model("smollm2-135m")
    if "ascent" in parts:
        write("smollm2_ascent.json", ascent(lm))
    if "sentences" in parts:
        OUT.mkdir(parents=True, exist_ok=True)
        SENTENCES.write_text("\n".join(sentences(lm)) + "\n", encoding="utf-8")
    if "neurons" in parts:
        corpus = SENTENCES.read_text(encoding="utf-8").splitlines()
        path = OUT / "smollm2_neurons.json"
        known = json.loads(path.read_text(encoding="utf-8"))["neurons"] if path.exists() else {}
        for unit in given.neurons or selective(lm, corpus):
            top = top_sentences(lm, unit, corpus, k=STRONGEST)
            found = fluent_prompts(lm, unit, exclude=READABLE, **FLUENT)
            known[unit] = {
                "sentences": top.sentences, "at": top.at.tolist(), "score": top.score.tolist(), "median": top.median,
                "front": front(found),
            }  # fmt: skip
            settings = {**FLUENT, "exclude": READABLE, "seed": 0, "sentences": len(corpus)}
            write("smollm2_neurons.json", {"settings": settings, "neurons": known})


if __name__ == "__main__":
    main()
