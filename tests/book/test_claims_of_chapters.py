"""What chapters say in prose about figures that were computed beforehand: the files bear it out."""

import json
from pathlib import Path

import pytest

from course_utils.teaching.scoreboard import Scoreboard

ROOT = Path(__file__).parents[2]
DATA, COMPUTED = ROOT / "notebooks" / "data", ROOT / "book" / "computed"


def stored(path):
    return json.loads(path.read_text(encoding="utf-8"))


def cells_of(chapter):
    (path,) = (ROOT / "notebooks").glob(f"{chapter}_*.ipynb")
    return ["".join(cell["source"]) for cell in stored(path)["cells"]]


def text_of(chapter):
    return "\n".join(cells_of(chapter))


def test_in_an_linf_ball_the_sign_gets_further_than_the_gradient():
    there = {}
    for cell in cells_of("02"):
        if cell.startswith(("from functools", "class LargestEntryStep", "by_sign, ")):
            exec(cell, there)
    by_sign, by_gradient = there["by_sign"], there["by_gradient"]
    assert by_sign[0] == by_gradient[0] < 0.01
    assert all(sign > gradient for sign, gradient in zip(by_sign[1:], by_gradient[1:], strict=True))
    assert by_sign[-1] > 0.9, "chapter 2: the title of its first figure of curves"


def test_specks_change_the_answer_and_mirrored_they_do_not():
    there = {}
    for cell in cells_of("03"):
        if cell.startswith(("import json", "pair = ", "from course_utils.canvas", "blurred, mask")):
            exec(cell, there)
        elif cell.startswith("net = "):
            exec(cell.splitlines()[0], there)
    whole, hidden, mirrored = (each.classes[0] for each in there["said"])
    assert whole == mirrored == "espresso" != hidden, "chapter 3: below its table of specks"


def test_controls_leave_at_most_one_word_in_twenty_clouds_of_nothing():
    for bar in ("bar 0.5", "as many top prompts"):
        for kind, ways in stored(DATA / "null_clouds.json")["pocket-lm"][bar]["null clouds"].items():
            assert ways["all controls"]["survivors"] <= 1 and ways["all controls"]["clouds"] == 20, (bar, kind)
    for bar in ("bar 0.01", "as many top prompts"):
        for kind, ways in stored(DATA / "null_clouds.json")["books-lm"][bar]["null clouds"].items():
            assert ways["all controls"]["survivors"] <= 1 and ways["all controls"]["clouds"] > 15, (bar, kind)


def test_on_smollm2_no_word_passes_all_controls_and_a_shuffled_copy_has_prompts_that_work_too():
    clouds = stored(COMPUTED / "smollm2_clouds.json")
    sizes = {len(rows) for by in clouds["prompts"].values() for rows in by.values()}
    assert sizes == {clouds["settings"]["prompts"]}, "as many prompts for every target, in both models"
    best = {model: max(p for rows in by.values() for _, p in rows) for model, by in clouds["prompts"].items()}
    assert best["shuffled"] > best["trained"], "chapter 9: no bar on probability tells the two apart"
    for bar, kinds in clouds["survivors"].items():
        assert all(ways["all controls"]["survivors"] == 0 for ways in kinds.values()), bar
        assert kinds["found"]["permutations alone"]["survivors"] == 1, "chapter 9: one word of the four clouds"
    for target, inside in clouds["in the template"].items():
        outside = [p for _, p in clouds["prompts"]["trained"][target]]
        assert max(inside) < min(1e-3, sorted(outside)[len(outside) // 2]), f"chapter 9: {target} inside the template"
        chance = clouds["random in the template"][target]
        assert sorted(inside)[len(inside) // 2] > sorted(chance)[len(chance) // 2], f"chapter 9: {target}, what is left"
    for target, words in clouds["interventions"]["trained"].items():
        above = [word for word, change in words["strongest"].items() if change > max(words["random"].values())]
        assert len(above) >= len(words["strongest"]) - 1, f"chapter 9: words of {target} in any context"
        trained, shuffled = (
            sum(kinds["strongest"].values()) - sum(kinds["random"].values())
            for kinds in (by[target] for by in clouds["interventions"].values())
        )
        assert trained > shuffled > 0, f"chapter 9: favourites of a shuffled copy for {target} work less"


def test_on_smollm2_vectors_reach_the_target_and_the_best_prompt_stands_at_the_start():
    runs = stored(COMPUTED / "smollm2_ascent.json")
    assert sorted(runs["soft"][-1])[len(runs["soft"][-1]) // 2] > 0.9
    best_at_each_step = [max(row) for row in runs["discrete"]]
    assert max(best_at_each_step) == best_at_each_step[0] < 1e-4, "chapter 10: drawn before the first step"


def test_searches_with_a_gradient_are_far_ahead_of_random_search_on_smollm2():
    for target, ways in stored(COMPUTED / "smollm2_search.json")["targets"].items():
        chance = ways["random search"]["probability"]
        assert all(row["probability"] > 10 * chance for way, row in ways.items() if way != "random search"), target


@pytest.mark.parametrize(
    ("layer", "word", "sentences", "search_wins"),
    [(6, "just", 3, True), (14, "%", 3, False), (22, "when", 3, False)],
)
def test_a_neuron_is_explained_by_what_the_chapter_says(layer, word, sentences, search_wins):
    neurons = stored(COMPUTED / "smollm2_neurons.json")["neurons"]
    (about,) = (each for unit, each in neurons.items() if unit.startswith(f"model.layers.{layer}."))
    with_word = sum(word in text for text in about["sentences"][:4])
    assert with_word >= sentences
    assert (max(about["front"]["score"]) > max(about["score"])) == search_wins
    assert any("simply" in text.lower() for text in about["front"]["text"]) == (layer == 6)


def test_only_balanced_slices_and_interventions_find_every_secret():
    board = Scoreboard.load(DATA / "scoreboard.json")
    every = {method for method in board.methods if board.count(method)[0] == board.count(method)[1]}
    assert every == {"slices, balanced", "interventions"}
    for method in ("average accuracy", "slices, as collected", "attacks", "naive pictures"):
        assert board.count(method)[0] == 0, method
    gaps = {m for m in board.methods for net in board.models if board.verdict(m, "blind spot", net).found}
    assert gaps == every, "chapter 12: the blind spot is found by asking about combinations"


def test_in_the_written_world_no_search_finds_a_group_that_the_direct_question_misses():
    ways = stored(DATA / "scoreboard_written.json")["ways"]
    assert ways["one word, asked directly"]["groups found"] == 14 == max(row["groups found"] for row in ways.values())
    assert "they find no group that the direct question misses" in text_of("12")


def test_what_was_planted_by_the_command_is_used_in_one_direction_only():
    for row in stored(DATA / "planted.json")["planted"].values():
        given, taken = (
            [share["value"] for name, share in row["figures"].items() if f" {word} " in name]
            for word in ("given to", "taken from")
        )
        assert max(given) < 0.4 <= min(taken), "chapter 12: planting is not enough"
