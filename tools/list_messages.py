"""What the checks say to wrong answers: python tools/list_messages.py writes book/messages.md.

The answers are those of the tests: what readers hand in, each with a mistake of its own, and the right ones. All of
them are judged here as in a reader's notebook. Takes half a minute; run it when an exercise or its check has changed.
"""

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "book" / "messages.md"
HEAD = """# What the checks say

For teachers: every exercise, done wrong and done right. Each line is an answer that the tests hand in, with the
message that its author would read. To look up what a learner sees, search this page for a word of the message.
"""


def main() -> None:
    """Judges all answers and writes the page."""
    os.environ["COURSE_PROGRESS"] = str(Path(tempfile.mkdtemp()) / "progress.json")  # nobody's own progress
    PAGE.write_text("\n".join([HEAD, *sections()]) + "\n", encoding="utf-8")
    print(f"wrote {PAGE}")


def sections() -> list[str]:
    """The page's parts, a folded list for each exercise."""
    sys.path.insert(0, str(ROOT / "tests" / "learning"))
    from test_answers import CHAPTERS, named
    from tqdm import tqdm

    from course_utils.learning import find
    from course_utils.learning.judging import judge

    parts = []
    for number, chapter in tqdm(CHAPTERS.items(), desc="chapters"):
        parts.append(f"## Chapter {int(number)}\n")
        for id, cases in chapter.WRONG.items():
            exercise = find(id)
            lines = [
                line(name if isinstance(cases, dict) else function.__name__, judge(exercise, function).message)
                for name, (function, _) in named(cases)
            ]
            passed = [judge(exercise, answer).status in ("passed", "reference") for answer in chapter.RIGHT[id]]
            right = f"- {sum(passed)} of {len(passed)} right answers, each written in another way, pass."
            parts += [f":::{{dropdown}} {id}: {exercise.title}", *lines, right, ":::\n"]
    return parts


def line(name: str, message: str) -> str:
    """A wrong answer and its message; functions without a name of their own are told by their message alone."""
    told = "" if name == "<lambda>" else f"**{name.replace('_', ' ')}**: "
    said = " ".join(message.split())
    return f"- {told}{said}"


if __name__ == "__main__":
    main()
