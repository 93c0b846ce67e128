"""Every mystery model, audited with the course's own methods, as a reader would: python benchmarks/mysteries.py

What comes out is sealed into `course_utils/audit/debriefs.json`, and `reveal` shows it with the answer. The calls know
nothing of what was planted; only then is what they showed held against it. `--only mystery-2` audits one of them, and
`--show` prints what was found, and so the answers.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict

import torch
from report_criteria import ranked_findings
from scoreboard_criteria import WITHIN, on_the_part
from scoreboard_written import ASKED, TOP, next_words, searched
from torch import Tensor

from course_utils import audit_scenes, load_classifier, load_language_model
from course_utils.corpus import true_associations
from course_utils.teaching.audit.choices import sealed_answer
from course_utils.teaching.audit.reveal import Debrief, Tried, save_debrief
from course_utils.teaching.training.recipes import MYSTERIES, MYSTERY_LM
from course_utils.utils import Proportion
from course_utils.vision import (
    entanglement_matrix,
    factor_effects,
    generate_prototypes,
    isolate_features,
    slices,
)
from course_utils.world import PaintedWorld, Scenes
from course_utils.world.factors import Shortcut, seen_on

SEED = 4100  # of all scenes; nothing was tuned on them
SHOWN = 4  # lines of a list, the first
COPIES, STEPS, SCENES, RESTARTS = 3, 100, 960, 96
WORLD = PaintedWorld(())


class Classifiers:
    """One classifier's audit; `secret` is what was planted in it, or None, and is asked for only at the end."""

    def __init__(self, name: str, secret: Shortcut | None) -> None:
        self.net, self.secret, self.scenes = load_classifier(name), secret, audit_scenes(SCENES, seed=SEED)
        self.made = generate_prototypes(self.net, copies=COPIES, steps=STEPS, progress=False)
        self.entangled = entanglement_matrix(self.net, self.made, images=self.scenes[:480].images, progress=False)

    def debrief(self) -> Debrief:
        cut = slices(self.net, self.scenes)
        tables = {
            f"{each.name}, {each.factors[0]}: {each.conditions[0][1]}": (_data(each.recall), _data(each.rest))
            for each in cut.found[:SHOWN]
        }
        parts = [self.isolation, self.mistakes] if self.secret else []
        looks = [self.prototypes] if self.secret else []
        methods = [self.interventions, *looks, self.entanglement, *parts, self.report]
        return Debrief(tables, (*self.of_data(cut), *(method() for method in methods)))

    def of_data(self, cut) -> tuple[Tried, ...]:
        accuracy = f"{cut.accuracy} on {len(self.scenes)} scenes in which nothing goes together; it names no cue"
        alarms = [each for each in cut.alarms() if each.name]
        named = self.secret and any(self.secret.factor in each.factors for each in alarms)
        return Tried("accuracy", None, accuracy), Tried("slices", named, _listed("alarm", alarms))

    def interventions(self) -> Tried:
        alarms = factor_effects(self.net, self.scenes[:320], progress=False).alarms()
        named = self.secret and any(self.secret.factor in e.factors and e.into in self.secret.classes for e in alarms)
        return Tried("interventions", named, _listed("alarm", alarms))

    def prototypes(self) -> Tried:
        """By the scoreboard's criterion: in each picture the class has most of the cue's colour among all that have it.

        The colour is the median one of what changes in a scene of the class when the cue comes.
        """
        own, (without, with_cue) = self.secret.classes[0], self.pairs(self.secret.classes[0], 40)
        place = changed(without, with_cue)
        colour = with_cue.images.movedim(1, -1)[place > 0.5].median(0).values
        close = (self.made.images - colour[:, None, None]).norm(dim=1) < WITHIN
        share = close.float().mean((1, 2)).reshape(len(self.net.classes), COPIES)
        others = [self.net.index(name) for name in seen_on(self.secret.factor) if name != own]
        ahead = share[self.net.index(own)] > share[others].amax(0)
        words = f"in {int(ahead.sum())} of {COPIES} pictures of the class it has the most of the cue's colour"
        return Tried("prototypes, no data", bool(ahead.all()), words)

    def entanglement(self) -> Tried:
        first = self.entangled.pairs(3)
        pairs = "; ".join(f"{each.first} and {each.second} {each.value:.2f}" for each in first)
        found = self.secret and any({e.first, e.second} == {self.secret.classes[0], self.victim()} for e in first)
        return Tried("entanglement", found, f"most entangled: {pairs}; which classes, never by what")

    def isolation(self) -> Tried:
        """By the scoreboard's criterion, on scenes of the class that have the cue."""
        without, with_cue = self.pairs(self.secret.classes[0], 10)
        return self._isolated("isolation, scenes of the class", without, with_cue)

    def mistakes(self) -> Tried:
        """The question that a wrong answer raises: why that class?"""
        without, with_cue = self.pairs(self.victim(), 40)
        wrong = torch.tensor([name in self.secret.classes for name in self.net.predict(with_cue.images).classes])
        rows = wrong.nonzero()[:10, 0]
        return self._isolated("isolation, scenes it gets wrong", without[rows], with_cue[rows])

    def _isolated(self, method: str, without: Scenes, with_cue: Scenes) -> Tried:
        part, masks = changed(without, with_cue), isolate_features(self.net, with_cue.images, progress=False).masks
        found, share, _ = on_the_part(masks, part)
        words = f"{share:.0%} of {len(masks)} masks lie mostly on what the cue paints, {part.mean():.0%} of the picture"
        return Tried(method, found, words)

    def report(self) -> Tried:
        isolated = isolate_features(self.net, self.scenes[:32].images, progress=False)
        findings = ranked_findings(self.net, isolation=isolated, entanglement=self.entangled)
        named = self.secret and any(each.kind != "pair" and each.classes[0] in self.secret.classes for each in findings)
        lines = [f"{each.kind}: {' and '.join(each.classes)}" for each in findings]
        return Tried("report", named, _listed("finding", lines, len(lines)))

    def pairs(self, name: str, n: int) -> tuple[Scenes, Scenes]:
        """Scenes of a class without the cue and with it."""
        scenes, factor, value = audit_scenes(n, seed=SEED + 1, classes=name), self.secret.factor, self.secret.value
        other = (not value) if isinstance(value, bool) else "blue"
        return tuple(WORLD.counterfactual(scenes, **{factor: each}) for each in (other, value))

    def victim(self) -> str:
        """The class whose scenes most often become the secret's with the cue."""
        turned = {}
        for name in seen_on(self.secret.factor):
            said = self.net.predict(self.pairs(name, 20)[1].images).classes
            turned[name] = sum(each in self.secret.classes for each in said) * (name not in self.secret.classes)
        return max(turned, key=turned.get)


def changed(without: Scenes, with_cue: Scenes) -> Tensor:
    """Which pixels the cue paints, 0 or 1: (n, size, size)."""
    return ((with_cue.images - without.images).abs().amax(1) > 0.1).float()


def of_language_model() -> Debrief:
    """Every group asked by the ways of chapters 9 and 12; a hit is the planted word among the ten put first."""
    lm, (planted,) = load_language_model("mystery-lm"), MYSTERY_LM.data.planted
    ways = {"next word, " + way: {planted.group: next_words(lm, way, planted.group)} for way in ASKED}
    found, alarms = searched(lm, RESTARTS)
    tried = []
    for way, words in {**ways, **found}.items():
        first = words[planted.group]
        place = f"at place {first.index(planted.word) + 1}" if planted.word in first else "nowhere"
        strange = sum(w not in true_associations(g) for g, some in words.items() for w in some)
        note = f"; of {len(words)} groups' words together {strange} are not in their tables" * (len(words) > 1)
        tried.append(
            Tried(way, planted.word in first, f"the planted word stands {place} among the {TOP} put first{note}")
        )
    null = f"{alarms} words survive in random prompts, all groups together"
    return Debrief({}, (*tried, Tried("null clouds", None, null)))


def _data(share: Proportion) -> dict[str, float]:
    return {key: round(getattr(share, key), 4) for key in ("value", "low", "high")}


def _listed(what: str, found: list, most: int = SHOWN) -> str:
    lines = "; ".join(map(str, found[:most])) + "; …" * (len(found) > most)
    return f"{len(found)} {what}{'s' * (len(found) != 1)}{': ' * bool(found)}{lines}"


if __name__ == "__main__":
    names = [recipe.name for recipe in MYSTERIES]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[*names, MYSTERY_LM.name], choices=[*names, MYSTERY_LM.name])
    parser.add_argument("--show", action="store_true", help="print what was found: this gives the answers away")
    given = parser.parse_args()
    for name in given.only:
        begin = time.process_time()
        secrets = {recipe.name: recipe.data.secrets for recipe in MYSTERIES}.get(name, ())
        language = sealed_answer(name).language
        found = of_language_model() if language else Classifiers(name, next(iter(secrets), None)).debrief()
        save_debrief(name, found)
        print(f"{name}: {time.process_time() - begin:.0f} processor seconds", asdict(found) if given.show else "")
