"""A comparison goes on without the peer that fails, and the book's page says what was measured and nothing else."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CIRCUMSTANCES = {
    "date": "2026-01-02",
    "processor": "A processor",
    "cores": 2,
    "threads": 1,
    "clock": "processor time",
    "load before": 0.1,
    "python": "3.11",
    "versions": {"torch": "2.0", "peer": None},
}


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def measured(*rows):
    return {"circumstances": CIRCUMSTANCES, "time": "time a step", "ratio": "over ours", "quick": False, "rows": rows}


def row(way, median, **quality):
    ratio = {"median": median, "low": median, "high": median}
    return {"case": "ten pictures", "way": way, "seconds": ratio, "ratio": ratio, "quality": quality}


@pytest.fixture
def work(monkeypatch):
    """Work that takes as many seconds as it is told, by a clock of its own."""
    import measure

    now = [0.0]
    monkeypatch.setattr(measure, "clock", lambda: now[0])

    def taking(seconds):
        def way(about):
            now[0] += seconds

        return way

    return taking


def test_a_way_that_fails_says_why_and_the_others_go_on(work):
    from measure import side_by_side

    def missing(about):
        raise ModuleNotFoundError("No module named 'peer'")

    rows = side_by_side("case", {"ours": work(2), "peer": missing, "slow": work(5)}, rounds=3, per=2)
    assert [each["way"] for each in rows] == ["ours", "peer", "slow"]
    assert rows[1]["error"] == "ModuleNotFoundError: No module named 'peer'" and "seconds" not in rows[1]
    assert rows[0]["seconds"]["median"] == 1 and rows[0]["ratio"] == {"median": 1, "low": 1, "high": 1}
    assert rows[2]["ratio"]["median"] == 2.5


def test_ways_take_turns_and_the_first_round_is_not_counted():
    from measure import side_by_side

    calls = []
    ways = {name: lambda about, name=name: calls.append((name, about)) for name in ("ours", "peer")}
    rows = side_by_side("case", ways, rounds=["a", "b"], quality=lambda results: {"results": len(results)})
    assert calls == [(name, about) for about in ("a", "a", "b") for name in ("ours", "peer")]
    assert [each["quality"]["results"] for each in rows] == [2, 2]


def test_the_middle_half_lies_around_the_median():
    from measure import spread

    assert spread([5.0, 1.0, 2.0, 4.0, 3.0]) == {"median": 3, "low": 2, "high": 4}
    assert spread([7.0]) == {"median": 7, "low": 7, "high": 7}


def test_a_comparison_that_breaks_is_a_result_with_an_error(tmp_path):
    from bench import result_of

    script = tmp_path / "broken.py"
    script.write_text("import there_is_no_such_library")
    assert result_of(script, None)["error"] == "ModuleNotFoundError: No module named 'there_is_no_such_library'"


def test_a_peer_that_cannot_be_installed_is_a_result_with_an_error(tmp_path, monkeypatch):
    import bench
    import environments

    (tmp_path / "peer.txt").write_text("./there-is-no-such-folder\n")
    monkeypatch.setattr(environments, "PEERS", tmp_path)
    monkeypatch.setattr(environments, "HOME", tmp_path / "home")
    found = bench.result_of(tmp_path / "never_run.py", "peer")
    assert found["error"].startswith("pip could not install peer: ") and "there-is-no-such-folder" in found["error"]
    assert not (tmp_path / "home" / "peer").exists()


def test_a_comparison_is_put_among_the_others_and_a_failure_wipes_nothing_out(tmp_path):
    from bench import keep

    path = tmp_path / "results.json"
    keep(path, "roofline", measured(row("bare", 1)))
    keep(path, "attacks", measured(row("ours", 1)))
    keep(path, "roofline", {"error": "it broke"})
    keep(path, "start", {"error": "it broke"})
    kept = json.loads(path.read_text())
    assert list(kept) == ["attacks", "roofline", "start"]
    assert kept["roofline"]["rows"][0]["way"] == "bare" and kept["roofline"]["last error"] == "it broke"
    assert kept["start"] == {"error": "it broke"}


def test_a_part_takes_the_place_of_its_own_rows_only(tmp_path):
    from bench import keep

    path = tmp_path / "results.json"
    for part, seconds in (("02", 1), ("00", 1), ("02", 2)):
        keep(path, "memory", measured(row(f"chapter {part}", seconds)), part=part)
    rows = json.loads(path.read_text())["memory"]["rows"]
    assert [(each["way"], each["seconds"]["median"]) for each in rows] == [("chapter 00", 1), ("chapter 02", 2)]


def test_a_table_says_how_fast_how_good_and_what_failed():
    from bench_tables import markdown

    slow = {**row("x", 0.25), "ratio": {"median": 0.25, "low": 0.2, "high": 0.3}}
    failed = {"case": "ten pictures", "way": "peer", "error": "a | b"}
    text = markdown(measured(row("ours", 1.0, success=0.5), failed, slow))
    lines = text.replace("\N{NO-BREAK SPACE}", " ").splitlines()
    assert lines[0] == "| ten pictures | time a step | over ours | success |"
    assert lines[2] == "| ours | 1.00 s | 1.00 | 0.50 |"
    assert lines[3] == r"| peer | failed: a \| b |  |  |"
    assert lines[4] == "| x | 250 ms | 0.25 [0.20, 0.30] |  |"
    assert "peer (missing)" in text and "A processor" in text


def test_searches_stand_in_one_table_a_model_with_a_column_a_target():
    from bench_tables import searches

    def searched(model, target, probability):
        found = row("ours", 2.0, **{"best probability": probability, "surprise of the best": 9.5, "passes": 1000})
        return found | {"case": f"{model}, three tokens for {target}"}

    failed = {"case": "small, three tokens for art", "way": "peer", "error": "no"}
    rows = [searched("small", "girl", 0.5), searched("small", "art", 1e-4), searched("large", "girl", 0.25), failed]
    lines = searches(measured(*rows)).replace("\N{NO-BREAK SPACE}", " ").splitlines()
    assert lines[0] == "| small: best probability of | girl | art | surprise | passes | time a target |"
    assert lines[2] == "| ours | 0.50 | 0.0001 | 9.50 | 1,000 | 2.00 s |"
    assert lines[3] == "| peer |  | failed |  |  |  |"
    assert lines[7] == "| ours | 0.25 | 9.50 | 1,000 | 2.00 s |"
    assert searches({"error": "nobody ran it"}) == "Not measured: nobody ran it"

    several = searched("small", "girl", 0.2)
    several["quality"] |= {"lowest": 0.125, "highest": 0.5}
    assert "| ours | 0.20 (0.12 to 0.50) |" in searches(measured(several))


def test_the_page_is_made_from_what_was_measured(tmp_path, monkeypatch):
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    attacks = [row("ours", 1.0, **{"called volcano": 0.5}), row("peer", 3.25, **{"called volcano": 0.75})]
    for each in attacks:
        each["case"] = "pocket, 64 pictures, 20 steps"
    results = tmp_path / "results.json"
    results.write_text(json.dumps({"attacks": measured(*attacks)}))
    page = "# Page\n\n```{bench-table} attacks\n```\n\n```{bench-image} peers\n```\n\n```{bench-table} memory\n```\n\n"
    page += "It took {bench}`attacks; pocket; peer; ratio` times as long, {bench}`attacks; pocket; peer; seconds`.\n"
    (tmp_path / "index.md").write_text(page)
    monkeypatch.setattr(sys, "path", [str(ROOT / "book" / "_ext"), *sys.path])
    settings = {"extensions": ["myst_parser", "bench_page"], "benchmarks_results": str(results)}
    out = tmp_path / "out"
    with docutils_namespace():  # what one Sphinx registers, the next one must not find
        Sphinx(tmp_path, None, out, tmp_path / "trees", "html", confoverrides=settings, warningiserror=True).build()
    html = (out / "index.html").read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert "3.25 times as long, 3.25 s" in html and "<p>3.25</p>" in html
    assert "Not measured: make bench has not been run" in html
    assert "peer (attack: share tricked): time 3.2, quality 1.50" in html  # the picture's words


def test_the_page_names_only_what_is_in_the_results():
    import re

    from bench_figures import rows_of

    results = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    page = (ROOT / "book" / "benchmarks.md").read_text(encoding="utf-8")
    named = [[part.strip() for part in each.split(";")] for each in re.findall(r"\{bench\}`([^`]+)`", page)]
    assert named
    for comparison, case, way, _ in named:
        assert way in [each["way"] for each in rows_of(results, comparison, case)]
    assert set(results) <= set(re.findall(r"\{bench-table\} (\w+)", page))


def test_quality_over_ours_is_a_ratio_of_logits_and_of_probabilities():
    from bench_figures import peers

    seen = [row("ours", 1.0, **{"logit, mean": 20.0}), row("lucent", 5.0, **{"logit, mean": 10.0})]
    said = [
        row("ours", 1.0, **{"best log-probability": 0.0}),
        row("x", 5.0, **{"best log-probability": -0.5}),
    ]
    for each, case in ((seen, "pocket, a picture of each"), (said, "pocket-lm")):
        for one in each:
            one["case"] = case
    alt = peers({"visualization": measured(*seen), "prompt_peers": measured(*said)}).alt
    assert "lucent (visualisation: logit): time 5, quality 0.50" in alt
    assert "x (prompts: probability of the best): time 5, quality 0.61" in alt


def test_ticks_of_the_figures_are_numbers_that_can_be_read():
    import bench_figures

    results = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    figure = bench_figures.peers(results).figure
    figure.canvas.draw()
    ticks = [label.get_text() for axes in figure.axes for label in axes.get_xticklabels() if label.get_text()]
    assert "0.01" in ticks and not any("$" in text for text in ticks)
