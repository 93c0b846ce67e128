"""books-lm against its books: python benchmarks/books_prompts.py

Searches for prompts for sixteen targets and writes them to notebooks/data, where chapter 9 reads them. Then holds the
association scores of these prompts against those of the books (`book_associations`), beside random prompts. Takes
about four minutes on one core; --restarts 8 --steps 5 --out try.safetensors shows in seconds that it runs.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from course_utils import load_language_model
from course_utils.language import (
    association_scores,
    book_associations,
    compare_with_text,
    null_scores,
    optimize_prompts,
    save_prompts,
)
from course_utils.utils import progress_bar

OUT = Path(__file__).parent.parent / "notebooks" / "data" / "books_prompts.safetensors"
# Chosen on the targets king and garden, of which nothing is reported.
SETTINGS = {"length": 3, "restarts": 128, "steps": 60, "learning_rate": 1.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--restarts", type=int, default=SETTINGS["restarts"])
    parser.add_argument("--steps", type=int, default=SETTINGS["steps"])
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    lm, books = load_language_model("books-lm"), book_associations()
    allowed = {lm.token(f" {word}") for word in books.words}
    others = [token for token in range(lm.vocabulary) if token not in allowed]
    settings = SETTINGS | {"restarts": options.restarts, "steps": options.steps}
    search = partial(optimize_prompts, lm, exclude=("target", *others), progress=False, **settings)
    found = {}
    for seed, name in enumerate(progress_bar(books.targets, "targets")):  # the same starts for all would be in all
        found[name] = search(f" {name}", seed=seed)
    save_prompts(options.out, found, settings)
    compare(found)


def compare(found: dict) -> None:
    """A line for each target: the rank correlation with the books, near (3 words) and wide (20), and the null."""
    near, wide = book_associations(3), book_associations(20)
    rows = []
    for name, prompts in found.items():
        rest = {other: each for other, each in found.items() if other != name}
        scores = association_scores(prompts, rest, leave_out=near.targets)
        null = null_scores(scores, near.words)
        told = [compare_with_text(scores, table.scores(name)) for table in (near, wide)]
        chance = [compare_with_text(null, table.scores(name)) for table in (near, wide)]
        rows.append([each.correlation for each in (*told, *chance)])
        print(f"{told[0]}\n    20 words before: {told[1]}\n    random prompts: {chance[0]}")
        print(f"    best P {prompts.probability.max():.3f}, median {prompts.probability.median():.4f}")
    means = (sum(column) / len(rows) for column in zip(*rows, strict=True))
    print("mean of 3 words, 20 words, and of random prompts: " + ", ".join(f"{mean:+.3f}" for mean in means))


if __name__ == "__main__":
    main()
