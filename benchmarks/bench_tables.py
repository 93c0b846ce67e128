"""The tables of the book's page of benchmarks, out of what a comparison measured: JSON in, Markdown out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan
from statistics import median
from typing import Any

GLUE = "\N{NO-BREAK SPACE}"  # a number stays with its unit, and an interval in one line
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def markdown(found: dict[str, Any]) -> str:
    """A table for each case of one comparison, as in `results.json`; and with what and where it was measured."""
    if "rows" not in found:
        return f"Not measured: {found['error']}"
    cases: dict[str, list[dict]] = {}
    for row in found["rows"]:
        cases.setdefault(row["case"], []).append(row)
    parts = [table(case, rows, found["time"], found["ratio"]) for case, rows in cases.items()]
    return "\n\n".join([*parts, "\n".join(note(found))])


def searches(found: dict[str, Any]) -> str:
    """A table for each model of what prompt_search_real.py found: the best probability, a column for each target.

    Where a way was called with several seeds, their geometric mean and, in brackets, the lowest and the highest.
    """
    if "rows" not in found:
        return markdown(found)
    models: dict[str, dict[str, dict[str, dict]]] = {}  # by model, way and target
    for row in found["rows"]:
        model, _, target = row["case"].partition(", three tokens for ")
        models.setdefault(model, {}).setdefault(row["way"], {})[target] = row
    parts = []
    for model, ways in models.items():
        targets = list(dict.fromkeys(target for by in ways.values() for target in by))
        rows = []
        for way, by in ways.items():
            done = [row for row in by.values() if "error" not in row]
            judged = [
                [value for row in done if not isnan(value := row["quality"][name])]  # one token has no surprise
                for name in ("surprise of the best", "passes")
            ]
            cells = [reached(by[target]) if target in by else "" for target in targets]
            cells += [number(median(values)) if values else "" for values in judged]
            cells.append(seconds({"median": median([row["seconds"]["median"] for row in done])}) if done else "")
            rows.append((way, *cells))
        parts.append(grid([f"{model}: best probability of", *targets, "surprise", "passes", "time a target"], rows))
    return "\n\n".join([*parts, "\n".join(note(found))])


def reached(row: dict) -> str:
    if "error" in row:
        return "failed"
    best, lowest, highest = (row["quality"].get(name) for name in ("best probability", "lowest", "highest"))
    return number(best) if lowest in (None, highest) else f"{number(best)} ({number(lowest)} to {number(highest)})"


def table(case: str, rows: list[dict], time: str, ratio: str) -> str:
    """One case: a line for each way; one that failed says why."""
    judged = list(dict.fromkeys(name for row in rows for name in row.get("quality", {})))
    timed = any(row.get("seconds") for row in rows)
    compared = any(row.get("ratio") for row in rows)
    heads = [case, *[time] * timed, *[ratio] * compared, *judged]
    lines = [f"| {' | '.join(heads)} |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    for row in rows:
        if "error" in row:
            cells = [row["way"], f"failed: {escaped(row['error'])}", *[""] * (len(heads) - 2)]
        else:
            cells = [row["way"]]
            cells += [seconds(row["seconds"])] * timed + [times(row["ratio"])] * compared
            cells += [number(row["quality"].get(name)) for name in judged]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def isolation(measured: dict[str, Any]) -> str:
    """A table for each net of what isolation.py found: means over its scenes, with bootstrapped 95 % intervals."""
    parts = []
    for net in (name for name, found in measured.items() if isinstance(found, dict) and "methods" in found):
        methods = measured[net]["methods"]
        scores = list(dict.fromkeys(score for found in methods.values() for score in found["scores"]))
        lines = [f"| {net}, {measured['scenes']} scenes | {' | '.join(scores)} |", "|---" + "|---:" * len(scores) + "|"]
        for name, found in methods.items():
            cells = [found["scores"][score] for score in scores]
            lines.append(f"| {name} | {' | '.join(times({'median': each['mean'], **each}) for each in cells)} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def isolation_photographs(measured: dict[str, Any]) -> str:
    """What isolation_photographs.py found: mean areas under the curves, by what stands in place of the hidden part."""
    fills = next(iter(next(iter(measured["methods"].values())).values()))
    heads = [f"{what}, {fill}" for what in ("deletion", "insertion") for fill in fills]
    rows = [
        (
            name,
            *[f"{curves[what][fill]:.3f}" for what in ("deletion", "insertion") for fill in fills],
            f"{measured['seconds'][name]:.1f} s" if name in measured["seconds"] else "",
        )
        for name, curves in measured["methods"].items()
    ]
    return grid([f"{len(measured['photographs'])} photographs", *heads, "processor, an image"], rows)


def grid(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [f"| {' | '.join(heads)} |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    return "\n".join(lines + [f"| {' | '.join(map(str, row))} |" for row in rows])


def prototypes(measured: dict[str, Any]) -> str:
    """What prototypes.py found: five a class beside controls, layer by layer, and with weights drawn anew."""
    found = [(net, kind, measured[net][kind]) for net in measured["settings"]["nets"] for kind in measured[net]]
    heads = ["network", "images", "named", "look-alikes apart", "logit above all", "all layers, literally", "at 95 %"]
    keys = ("logit above all", "definition", "definition at 95 %")
    rows = [
        (net, kind, *map(per_cent, (each["judge"]["named"], each["judge"]["named, look-alikes apart"])),
         *(per_cent(each[key]) for key in keys))
        for net, kind, each in found
    ]  # fmt: skip
    parts = [grid(heads, rows)]
    groups = {"in the loss": "layers of the objective", "left out": "other layers", "judge": "layers of the judge"}
    for group, said in groups.items():
        layers = list(found[0][2]["layers"][group])
        rows = [
            (net, kind, *(per_cent(each["layers"][group][layer]["above 95 %"]) for layer in layers))
            for net, kind, each in found
        ]
        parts.append(grid([f"closer than 95 %, {said}", "images", *layers], rows))
    rows = [
        (", ".join(row["drawn anew"]) or "nothing", *(per_cent(row[kind]["named"]) for kind in ("match", "data-free")))
        for row in measured["randomized"]
    ]
    return "\n\n".join([*parts, grid(["named, with weights drawn anew", "match", "data-free"], rows)])


def entanglement(measured: dict[str, Any]) -> str:
    """What entanglement.py found: rank correlations with soft confusions, and the lead over mean images."""
    heads = ["network, recipe, seed", "entanglement", "answer alone", "match alone", "mean images", "lead"]
    rows = [
        (", ".join(str(row[name]) for name in ("net", "recipe", "seed")),
         *map(digits, (row["entanglement"]["value"], *row["alone"].values())),
         digits(row["pictures"]["value"]), times({"median": row["ahead"]["value"], **row["ahead"]}),
         row["planted pair"])
        for row in measured["rows"]
    ]  # fmt: skip
    return grid([*heads, "rank of the planted pair"], rows)


def imagenet(settings: dict[str, Any]) -> str:
    """What imagenet_prototypes.py found of a hundred classes, and of photographs."""
    heads = ["100 classes", "judge, top 1", "top 5", "contrast", "fine", "distance"]
    measured = settings["100 classes"] | {f"{settings['photographs']['count']:,} photographs": settings["photographs"]}
    rows = [
        (recipe, *(per_cent(each[top]) for top in ("top 1", "top 5")), *(digits(each[key]) for key in heads[3:]))
        for recipe, each in measured.items()
    ]
    return grid([*heads[:4], "above half Nyquist", heads[5]], rows)


def note(found: dict[str, Any]) -> list[str]:
    """In one paragraph: the versions, the machine, the clock, the day; and a failure since."""
    where = found["circumstances"]
    versions = ", ".join(f"{name} {version or '(missing)'}" for name, version in where["versions"].items())
    many = "one thread" if where["threads"] == 1 else f"{where['threads']} threads"
    lines = [
        f"*{versions}; Python {where['python']}; {where['processor']}, {where['cores']} cores, {many}, "
        f"{where['clock']}, load {where['load before']} before; {where['date']}.*"
    ]
    if found.get("quick"):
        lines.append("\n*Only a trial: too few rounds to mean anything.*")
    if "last error" in found:
        lines.append(f"\n*A later attempt failed: {escaped(found['last error'])}*")
    return lines


def seconds(found: dict[str, float] | None) -> str:
    if found is None:
        return ""
    unit, name = next(((u, n) for u, n in UNITS if found["median"] >= u), UNITS[-1])
    return f"{digits(found['median'] / unit)}{GLUE}{name}"


def times(found: dict[str, float] | None) -> str:
    """A ratio, and the middle half of all where they differ."""
    if found is None:
        return ""
    median, low, high = (digits(found[name]) for name in ("median", "low", "high"))
    return median if low == high else f"{median}{GLUE}[{low},{GLUE}{high}]"


def number(value: float | str | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:,}" if isinstance(value, int) else digits(value)


def per_cent(share: float) -> str:
    return f"{100 * share:.0f}{GLUE}%"


def digits(value: float) -> str:
    """Two digits after the point for what is about one, fewer for what is large, and three for what is small."""
    size = abs(value)
    for least, places in ((100, 0), (10, 1), (0.1, 2)):
        if size >= least or not value:
            return f"{value:,.{places}f}"
    return f"{value:.2g}"


def escaped(text: str) -> str:
    return text.replace("|", "\\|")


def shortcuts(measured: dict[str, Any]) -> str:
    """What the finder found in models whose secrets are known: a line for each model, and the sums below."""
    used = 0.6  # share of answers that an intervention must turn for a cue to count, as in shortcuts.py
    alone = {row["model"]: row for row in measured["searches"] if not row["reference"]}
    hits: dict[str, list[bool]] = {"local": [], "larger": []}
    clean: list[list[int]] = []
    lines = [
        "| model | planted, and used | found | false alarms | without the second network |",
        "|---|---|---|---:|---:|",
    ]
    for row in (row for row in measured["searches"] if row["reference"]):
        cues = [each for each in row["cues"] if each["turned"] >= used]
        own = {name: "local" if each["local"] else "larger" for each in cues for name in each["classes"]}
        named = [{each["carrier"] for each in found["found"]} for found in (row, alone[row["model"]])]
        false = [len(each - own.keys()) for each in named]
        for name, kind in own.items():
            hits[kind].append(name in named[0])
        if not own:
            clean.append(false)
        said = ", ".join(f"{each['factor']} on {' and '.join(each['classes'])}" for each in cues) or "none"
        found = f"{len(own.keys() & named[0])} of {len(own)}" if own else ""
        lines.append(f"| {row['model']} | {said} | {found} | {false[0]} | {false[1]} |".replace("_", " "))
    found = ", ".join(f"{kind} {sum(each)} of {len(each)}" for kind, each in hits.items())
    means = " | ".join(f"{sum(each) / len(clean):.1f}" for each in zip(*clean, strict=True))
    return "\n".join([*lines, f"| all; false alarms of a model without a cue in use | | {found} | {means} |"])


def spray(measured: dict[str, Any]) -> str:
    """Where spectral relevance analysis ranks the classes of the cues that a model uses, and what a bar lists."""
    lines = ["| model | class of a cue in use, its rank of 16 | listed above the bar |", "|---|---|---|"]
    for row in measured["models"]:
        ranks = ", ".join(f"{name} {rank}" for name, rank in row["rank"].items()) or "no cue in use"
        lines.append(f"| {row['model']} | {ranks} | {', '.join(row['listed']) or 'nothing'} |".replace("_", " "))
    ranks = [rank for row in measured["models"] for rank in row["rank"].values()]
    hits = sum(name in row["listed"] for row in measured["models"] for name in row["rank"])
    false = sum(len(set(row["listed"]) - row["rank"].keys()) for row in measured["models"])
    mean = f"mean rank {sum(ranks) / len(ranks):.1f}, by chance 8.5"
    return "\n".join([*lines, f"| all | {mean} | right {hits} of {len(ranks)}, wrong {false} |"])
