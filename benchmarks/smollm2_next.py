"""What SmolLM2 says next: python benchmarks/smollm2_next.py

The most probable next tokens after four beginnings, outside the model's chat template and inside it, as chapter 8 shows
them where the model is not at hand.
"""

from __future__ import annotations

import json
from pathlib import Path

from course_utils import load_language_model
from course_utils.language import next_token_distribution

BEGINNINGS = ("The moon goes round the", "She was a very pretty", "The boy was afraid of the", "Shanghai is a city in")
HOME = Path(__file__).parents[1] / "notebooks" / "data" / "smollm2_next.json"

if __name__ == "__main__":
    lm = load_language_model("smollm2-135m")
    kept: dict[str, object] = {"beginnings": BEGINNINGS}
    for name, model in {"outside": lm, "inside": lm.with_template("chat")}.items():
        answers = [next_token_distribution(model, beginning, k=4) for beginning in BEGINNINGS]
        kept[name] = [
            ", ".join(f"{token} {share:.0%}" for token, share in zip(a.tokens, a.probabilities.tolist(), strict=True))
            for a in answers
        ]
    HOME.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(kept, indent=1, ensure_ascii=False))
