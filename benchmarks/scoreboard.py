"""Every method of the course against every planted secret: python benchmarks/scoreboard.py

What counts as found stands in `scoreboard_criteria.py`. The same criteria are applied to nets from a world without
secrets: what they find there is a false alarm. Chapter 12 reads `notebooks/data/scoreboard.json` and measures some of
it again. `--nets` and `--methods` measure some and keep the other rows.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from report_criteria import ranked_findings
from scoreboard_criteria import (
    BLIND,
    BLUE,
    CRITERIA,
    DISHES,
    FACTORS,
    MAGENTA,
    MARK,
    NAMED,
    NOTHING,
    OBJECT,
    PAIRS,
    PARTS,
    SECRETS,
    SEED,
    Found,
    among_the_first,
    leads,
    near,
    on_the_part,
    with_part,
)
from torch import Tensor

from course_utils import Classifier, load_classifier
from course_utils.teaching.scoreboard import Scoreboard, Verdict
from course_utils.vision import (
    Prototypes,
    class_means,
    entanglement_matrix,
    factor_effects,
    find_shortcuts,
    generate_prototypes,
    isolate_features,
    slices,
    untargeted_attack,
    visualize,
)
from course_utils.vision.slicing import ALARM
from course_utils.world import PaintedWorld, Scenes

COPIES, STEPS = 3, 100


class Audit:
    """All methods, applied to one net."""

    def __init__(self, classifier: Classifier, collected: Scenes, balanced: Scenes) -> None:
        self.net, self.collected, self.balanced = classifier, collected, balanced
        self.alarms: dict[str, list[str]] = {}
        self.seconds: dict[str, float] = {}

    def all(self, wanted: Sequence[str] = tuple(CRITERIA)) -> dict[str, Found]:
        """What each wanted method found, in the order of the criteria."""
        methods: dict[str, Callable[[], Found]] = {
            "average accuracy": self.average,
            "slices, as collected": lambda: self.slices("slices, as collected", self.collected),
            "slices, balanced": lambda: self.slices("slices, balanced", self.balanced),
            "interventions": self.interventions,
            "attacks": self.attacks,
            "naive pictures": self.naive,
            "prototypes, no data": lambda: self.coloured(self.prototypes(None).images),
            "prototypes, match": self.matched,
            "entanglement": self.entanglement,
            "isolation": self.isolation,
            "report": self.report,
            "finder": self.finder,
        }
        found = {}
        for name, method in ((name, method) for name, method in methods.items() if name in wanted):
            begin = time.process_time()
            found[name] = method()
            self.seconds[name] = round(time.process_time() - begin, 1)
            print(f"{self.net.name}: {name} {found[name]}", flush=True)
        return found

    def average(self) -> Found:
        right = self.net.predict(self.collected.images).logits.argmax(1) == self.collected.labels
        value = right.float().mean().item()
        return dict.fromkeys(SECRETS, (value < 0.9, value, 0.9))

    def slices(self, method: str, scenes: Scenes) -> Found:
        found = slices(self.net, scenes)
        self.alarms[method] = [str(each) for each in found.alarms()]
        behind = {
            secret: max((each.behind for each in found.found if set(each.factors) <= factors), default=0.0)
            for secret, factors in FACTORS.items()
        }
        behind[BLIND] = max(s.behind for s in found.found if s.name == "lorry" and set(s.factors) <= FACTORS[BLIND])
        return {secret: (value >= ALARM, value, ALARM) for secret, value in behind.items()}

    def interventions(self) -> Found:
        """Every factor by itself, and every pair of factors with named values."""
        alone = factor_effects(self.net, self.balanced[:320])
        pairs = factor_effects(self.net, self.balanced[:160], factors=NAMED, together=2)
        self.alarms["interventions"] = [str(each) for each in (*alone.alarms(), *pairs.alarms())]
        most = {
            secret: max(each.flips.value for each in alone.found if set(each.factors) == factors)
            for secret, factors in FACTORS.items()
            if secret != BLIND
        }
        most[BLIND] = max(
            each.flips.value for each in pairs.found if each.name == "lorry" and set(each.factors) == FACTORS[BLIND]
        )
        return {secret: (most[secret] >= ALARM, most[secret], ALARM) for secret in SECRETS}

    def attacks(self) -> Found:
        some, found = self.collected[:96], {}
        for eps in (1, 2, 4, 8, 16, 32):
            attacked = untargeted_attack(self.net, some.images, some.labels, eps=eps / 255, steps=10, progress=False)
            said = self.net.predict(attacked.images).logits.argmax(1)
            if (said != some.labels).float().mean() >= 0.5:
                break
        table = torch.zeros(len(some.classes), len(some.classes))
        table.index_put_((some.labels, said), torch.ones(len(some)), accumulate=True)
        for secret, pair in PAIRS.items():
            found[secret] = among_the_first(table + table.T, some.classes, pair)
        for secret, (name, part) in PARTS.items():
            scenes = with_part(name, part)
            attacked = untargeted_attack(
                self.net, scenes.images, scenes.labels, eps=2.0, norm="l2", steps=20, progress=False
            )
            change = (attacked.images - scenes.images).square().sum(1)
            found[secret] = on_the_part(change, scenes.mask(part))
        return {secret: found[secret] for secret in SECRETS}

    def naive(self) -> Found:
        wanted = [f"logits:{name}" for name in self.net.classes]
        run = visualize(
            self.net, wanted, canvas="pixel", priors=(), transforms=(), copies=COPIES, steps=STEPS, progress=False
        )
        return self.coloured(run.images)

    def prototypes(self, reference) -> Prototypes:
        return generate_prototypes(self.net, reference=reference, copies=COPIES, steps=STEPS, progress=False)

    def matched(self) -> Found:
        self.made = self.prototypes(class_means(self.net, self.collected[:960], progress=False))
        return self.coloured(self.made.images)

    def coloured(self, images: Tensor) -> Found:
        """In how many of three pictures the class has most of the part's colour."""
        by_class = images.reshape(len(self.net.classes), COPIES, *images.shape[1:])
        blue = near(by_class, BLUE)[..., 12:52, 12:52].float().mean((2, 3))
        magenta = near(by_class, MAGENTA)[..., 44:, 44:].float().mean((2, 3))
        return {
            **NOTHING,
            OBJECT: leads(blue, self.net, "pancakes", DISHES),
            MARK: leads(magenta, self.net, "sailboat", self.net.classes),
        }

    def entanglement(self) -> Found:
        self.entangled = entanglement_matrix(self.net, self.made, images=self.collected[:480], progress=False)
        table = self.entangled.matrix
        pairs = {secret: among_the_first(table, self.entangled.classes, pair) for secret, pair in PAIRS.items()}
        return NOTHING | pairs

    def isolation(self) -> Found:
        found = dict(NOTHING)
        for secret, (name, part) in PARTS.items():
            scenes = with_part(name, part)
            masks = isolate_features(self.net, scenes.images, progress=False).masks
            found[secret] = on_the_part(masks, scenes.mask(part))
        return found

    def report(self) -> Found:
        """The findings of `build_report`, from two scenes of each class and from the entanglement above."""
        isolated = isolate_features(self.net, self.collected[:32].images, progress=False)
        findings = ranked_findings(self.net, isolation=isolated, entanglement=self.entangled)
        self.alarms["report"] = [str(each) for each in findings]
        named = [(each.kind, each.classes) for each in findings]
        found = {
            secret: any(kind != "pair" and classes[0] == name for kind, classes in named)
            for secret, (name, _) in PARTS.items()
        }
        found |= {s: any(kind == "pair" and set(classes) == p for kind, classes in named) for s, p in PAIRS.items()}
        return {secret: (found[secret], float(found[secret]), 1.0) for secret in SECRETS}

    def finder(self) -> Found:
        """Suspect shortcuts beside a second network, from 30 scenes of each class as they were collected."""
        some, judge = self.collected[:480], load_classifier("pocket-judge")
        shortcuts = find_shortcuts(self.net, some.images, some.names, reference=judge, progress=False).shortcuts
        self.alarms["finder"] = [str(each) for each in shortcuts]
        found = {s: any(each.carrier == name for each in shortcuts) for s, (name, _) in PARTS.items()}
        found |= {s: any({each.carrier, each.onto} == pair for each in shortcuts) for s, pair in PAIRS.items()}
        return {secret: (found[secret], float(found[secret]), 1.0) for secret in SECRETS}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    planted, clean = ["pocket", "pocket-robust"], ["pocket-clean", "pocket-robust-clean"]
    parser.add_argument("--nets", nargs="+", default=planted + clean, choices=planted + clean)
    parser.add_argument("--methods", nargs="+", default=list(CRITERIA), choices=list(CRITERIA), metavar="METHOD")
    parser.add_argument("--scenes", type=int, default=1280, help="of each kind, for the slices; 960 at least")
    home = Path(__file__).parents[1] / "notebooks" / "data" / "scoreboard.json"
    parser.add_argument("--out", type=Path, default=home, help="where the scoreboard goes")
    given = parser.parse_args()
    begin = time.process_time()
    balanced = PaintedWorld(()).sample(given.scenes, seed=SEED + 1)
    collected = {
        True: PaintedWorld().sample(given.scenes, seed=SEED),
        False: PaintedWorld(()).sample(given.scenes, seed=SEED),
    }
    print(f"scenes painted in {time.process_time() - begin:.0f} s", flush=True)
    for name in given.nets:
        audit = Audit(load_classifier(name), collected[name in planted], balanced)
        measured = audit.all(given.methods).items()
        rows = tuple(Verdict(m, s, name, *each) for m, found in measured for s, each in found.items())
        old = Scoreboard.load(given.out) if given.out.exists() else Scoreboard(CRITERIA, ())
        kept = {
            kind: tuple(v for v in getattr(old, kind) if v.model != name or v.method not in given.methods)
            for kind in ("verdicts", "clean")
        }
        kept["verdicts" if name in planted else "clean"] += rows
        settings = {"scenes": given.scenes, "seed": SEED, "copies": COPIES, "steps": STEPS}
        seconds = old.settings.get("processor seconds", {})
        seconds = {**seconds, name: {**seconds.get(name, {}), **audit.seconds}}
        board = Scoreboard(
            CRITERIA,
            **kept,
            alarms={**old.alarms, name: {**old.alarms.get(name, {}), **audit.alarms}},
            settings={**settings, "processor seconds": seconds, "torch": torch.__version__},
        )
        board.save(given.out)
