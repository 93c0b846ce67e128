"""Shortcuts found blind: what turns images of one class into another, in this network and not in a second one.

    found = find_shortcuts(classifier, images, labels, reference=another_classifier)
    found.shortcuts[0].carrier, .onto, .kind, .effect, .interval

Nothing needs to be known of the images, and nothing needs to be painted again. One half of the images suggests
hypotheses (`course_utils.vision.hypotheses`): a part of the carrier's images, or a change of the whole image. Each
that works there is tested on the other half: given to images of another class, how many turn, and how many turn with
its control, or in the second network? What is causal may be the object itself, which every good network knows by the
same parts; only what turns this network and leaves the second one alone is a *suspect shortcut*. Without a second
network the list says *causal part*, and no more.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_utils.canvas import filling
from course_utils.models.classifier import Classifier
from course_utils.utils import progress_bar, proportion, run_chunks
from course_utils.validation import as_found, check_settings
from course_utils.vision import hypotheses
from course_utils.vision.feature_visualization import images_at_once
from course_utils.vision.hypotheses import Aligned, Change, Changes, Hypothesis, Parts
from course_utils.vision.isolation import log_odds
from course_utils.vision.shortcut_results import ANYWHERE, Shortcut, Shortcuts

SOURCES = 3  # images of a carrier from which parts are learned, for each class that they are pasted onto
ONTO = 4  # classes that are tried for each carrier: those that are nearest to it
SCOUTS = 6  # images of each class on which hypotheses are tried before they are tested
MOVED = 0.2  # of the way from one class's log-odds to another's: a second network that goes so far has seen it, too
PROMISING = 0.25  # of the scouts: what turns fewer is not tested
LEAST = 0.5  # of the held-out images: an effect below is no finding
ALPHA = 0.05  # chance of any false rejection over all tests of a call (Holm)
MOST = 20  # held-out images of a class that a test uses
MANY = 100  # classes that are tried without being asked for
EVIDENCE = 3  # images kept of each finding
FILLS = ("blur", "mean", "noise")


def find_shortcuts(
    classifier: Classifier,
    images: Float[Tensor, "n channels height width"],
    labels: Sequence[str | int] | Int[Tensor, "n"],
    *,
    reference: Classifier | None = None,
    classes: Sequence[str | int] | None = None,
    least: float = LEAST,
    alpha: float = ALPHA,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Shortcuts:
    """Parts and changes of whole images that turn images of other classes into a class; suspect where a second
    network does not follow.

    Args:
        classifier: used in eval mode and left as found.
        images: in [0, 1], labelled; a few dozen of each class. Half suggest hypotheses, half test them.
        labels: a class name or index for each image.
        reference: a second network that knows the same classes by name: another architecture, or the same one trained
            on other data. A cue that both use stays unseen.
        classes: the carriers to look at; all that have images if None.
        least: the share of held-out images that must turn, in (0, 1].
        alpha: the chance that any of all tests of a call rejects where there is nothing (Holm 1979).
        seed: of the split, and of all that is drawn.
        batch_size: images that go through a network at once; if None as many as isolation takes.
        progress: True shows a bar, False none, None one for work of over a second.

    Returns:
        The findings, strongest first, and every test that was made. After Ctrl-C the verdicts so far.

    Raises:
        ValueError: labels of another number, or of unknown classes; images of one class only; too few images named
            right for the bound that was asked (says how many are needed); a reference without one of the classes.

    Source: the contrast of two networks under the same transplant is ours. Parts: see `learn_parts`; Lapuschkin et al.
    2019 group relevance maps instead, and leave the intervention to the reader.
    """
    check_settings(batch_size=batch_size, stop_at=least)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha={alpha!r} given, expected a chance between 0 and 1, such as 0.05.")
    images = classifier.check_images(images).cpu()  # batches go to the networks' device
    rows = classifier.targets(labels, len(images)).cpu()
    beside = None if reference is None else Aligned(reference, classifier)
    search = _Search(classifier, beside, images, rows, least, seed, batch_size or images_at_once(classifier))
    carriers = search.carriers(classes)
    named = None if reference is None else reference.name
    found = Shortcuts(classifier.name, named, tuple(classifier.classes), least, alpha)
    begun = time.perf_counter()
    with as_found(classifier), as_found(beside or nn.Identity()):
        search.split(alpha, len(carriers))
        try:
            for hypothesis, onto in search.hypotheses(carriers, found.notes, progress):
                found.tested.append(search.test(hypothesis, onto))
        except KeyboardInterrupt:
            found.interrupted = True
    found.interrupted |= search.cut
    found.seconds = time.perf_counter() - begun
    return found


@dataclass(eq=False)
class _Search:
    """One search: the networks, the images, and how they are split."""

    classifier: Classifier
    reference: Aligned | None
    images: Tensor
    labels: Tensor
    least: float
    seed: int
    batch_size: int
    cut: bool = False  # whether an interrupt came while parts were learned

    def carriers(self, classes: Sequence[str | int] | None) -> list[int]:
        """The classes to look at, as indices."""
        there = self.labels.unique().tolist()
        if len(there) < 2:
            raise ValueError(
                f"all {len(self.images)} images are of {self.classifier.classes[there[0]]!r}, expected images of two "
                "classes or more: a part is tested on images of another class."
            )
        if classes is None and len(there) > MANY:
            raise ValueError(
                f"images of {len(there)} classes given, of which each would be tried against the others: name "
                f"up to {MANY} with classes=."
            )
        if classes is None:
            return there
        asked = [int(row) for row in self.classifier.targets(list(classes), len(classes))]
        if lacking := [self.classifier.classes[row] for row in asked if row not in there]:
            raise ValueError(f"images holds none of {', '.join(map(repr, lacking))}, expected some of each class.")
        return asked

    def split(self, alpha: float, carriers: int) -> None:
        """Scouts and held-out images of each class: those that every network names right.

        Raises:
            ValueError: too few for the bound: with no test failing, 2 ** -n must lie below alpha over the tests.
        """
        logits = self.logits(self.classifier, self.images)
        right = logits.argmax(1) == self.labels
        beside = None if self.reference is None else self.logits(self.reference, self.images)
        if beside is not None:
            right &= beside.argmax(1) == self.labels
        needed = math.ceil(math.log2(carriers / alpha))
        generator = torch.Generator().manual_seed(self.seed)
        self.scouts: dict[int, Tensor] = {}
        self.explored: dict[int, Tensor] = {}
        self.held: dict[int, Tensor] = {}
        for label in self.labels.unique().tolist():
            rows = ((self.labels == label) & right).nonzero().flatten()
            rows = rows[torch.randperm(len(rows), generator=generator)]
            if len(rows) > needed + 1:
                held = min(MOST, max(needed, len(rows) // 2))
                self.held[label], self.explored[label] = rows[:held], rows[held:]
                self.scouts[label] = self.explored[label][:SCOUTS]
        if len(self.scouts) < 2:
            counts = torch.bincount(self.labels[right], minlength=len(self.classifier.classes))
            raise ValueError(
                f"at most {int(counts.max())} images of a class are named right, and of {len(self.scouts)} class"
                f"{'es' * (len(self.scouts) != 1)} there are enough; expected at least {needed + 2} of two classes or "
                f"more, so that tests for {carriers} classes can hold at alpha={alpha:g}: give more images, name fewer "
                "classes=, or check the labels."
            )
        if beside is not None:  # the second network's median log-odds of each class in that class's own scouts
            odds = {label: log_odds(beside[rows], self.labels[rows]) for label, rows in self.scouts.items()}
            self.usual = {label: each.median() for label, each in odds.items()}
        self.near = {label: (logits[i] - logits[i, label][:, None]).mean(0) for label, i in self.scouts.items()}

    def hypotheses(
        self, carriers: Sequence[int], notes: list[str], progress: bool | None
    ) -> Iterator[tuple[Hypothesis, int]]:
        """What works on the scouts, carrier by carrier."""
        names = self.classifier.classes
        if lacking := [names[row] for row in carriers if row not in self.scouts]:
            notes.append(f"Too few images named right of {', '.join(lacking)}: nothing is said about them.")
        carriers = [row for row in carriers if row in self.scouts]
        every = self.parts(carriers, progress)
        for carrier in progress_bar(carriers, "testing", progress=progress):
            groups, clear = list[list[int]](), True
            if carrier in every:
                groups, clear = hypotheses.grouped(self.classifier, every[carrier], batch_size=self.batch_size)
            if not clear and not any(note.startswith("No layer") for note in notes):
                notes.append(f"No layer of {self.classifier.name} gives maps, so each mask stands for itself.")
            yield from self.promising([every[carrier].some(rows) for rows in groups])
            yield from self.best_changes(carrier)

    def ontos(self, carrier: int) -> list[int]:
        """The other classes, the one that is nearest to the carrier first."""
        return sorted((row for row in self.scouts if row != carrier), key=lambda row: -self.near[row][carrier])

    def parts(self, carriers: Sequence[int], progress: bool | None) -> dict[int, Parts]:
        """Parts of each carrier, learned on its scouts and those of the classes nearest to it."""
        rows = []
        for carrier in carriers:
            for number, onto in enumerate(self.ontos(carrier)[:ONTO]):
                for k in range(SOURCES):
                    own, others = self.scouts[carrier], self.scouts[onto]
                    rows.append((carrier, own[(number * SOURCES + k) % len(own)], others[k % len(others)]))
        table = torch.tensor(rows)

        def learn(chunk: Tensor, progress: bool | None) -> Tensor:
            carrier, source, background = (column.to(self.classifier.device) for column in table[chunk].T)
            images = self.images.to(self.classifier.device)
            return hypotheses.learn_parts(
                self.classifier, self.reference, images[source], images[background], carrier, seed=self.seed,
                indices=chunk.tolist(), progress=progress,
            ).cpu()  # fmt: skip

        chunks = torch.arange(len(table)).split(self.batch_size)
        learned, self.cut = run_chunks(learn, chunks, "learning parts", progress=progress)
        masks = torch.cat(learned)
        areas = masks.mean((1, 2))
        kept = (areas > 0) & (areas < hypotheses.LARGEST)
        found = {}
        for carrier in carriers:
            own = ((table[: len(masks), 0] == carrier) & kept).nonzero().flatten()
            if len(own):
                found[carrier] = Parts(carrier, self.images[table[own, 1]], masks[own])
        return found

    def promising(self, groups: Sequence[Parts]) -> Iterator[tuple[Parts, int]]:
        """Of each kind the group and class that turn most scouts, with the pieces that do so."""
        best: dict[str, tuple[float, Parts, int]] = {}
        for parts in groups:
            for onto in self.ontos(parts.carrier)[:ONTO]:
                shares = self.only(parts, onto, self.images[self.scouts[onto]]).float().mean(1)
                rows = shares.argsort(descending=True)[:SOURCES]
                rows = rows[shares[rows] >= PROMISING]
                score = shares[rows].mean().item() if len(rows) else 0.0
                if score > best.get(parts.kind, (0.0,))[0]:
                    best[parts.kind] = score, parts.some(rows), onto
        for _, parts, onto in best.values():
            yield parts, onto

    def best_changes(self, carrier: int) -> Iterator[tuple[Change, int]]:
        """Of all whole-image changes the one, for each kind, that turns most scouts of some class; and those that turn
        most scouts of all classes, by what half of the carrier's images have: a mark, perhaps."""
        best: dict[str, tuple[float, Change, int]] = {}
        own, simple = self.images[self.explored[carrier]], hypotheses.whole_image_changes(carrier)
        for number, onto in enumerate(ontos := self.ontos(carrier)):
            matched = hypotheses.matched_changes(carrier, own, self.images[self.explored[onto]])
            changes = Changes(carrier, tuple(matched + simple * (number < ONTO)))
            shares = self.only(changes, onto, self.images[self.scouts[onto]]).float().mean(1).tolist()
            for change, score in zip(changes.changes, shares, strict=True):
                if score > best.get(change.kind, (PROMISING,))[0]:
                    best[change.kind] = score, change, onto
        rest = self.images[torch.cat([self.explored[onto][:MOST] for onto in ontos])]
        everywhere = Changes(carrier, tuple(hypotheses.matched_changes(carrier, own, rest, half=True)))
        turned = [self.only(everywhere, onto, self.images[self.scouts[onto]]).float().mean(1) for onto in ontos]
        for change, share in zip(everywhere.changes, torch.stack(turned, 1), strict=True):
            if share.mean() >= ANYWHERE:
                best[f"{change.kind} anywhere"] = share.mean().item(), change, ontos[int(share.argmax())]
        for _, change, onto in best.values():
            yield change, onto

    def only(self, hypothesis: Hypothesis | Changes, onto: int, images: Tensor) -> Bool[Tensor, "pieces n"]:
        """Whether each image becomes the carrier here, and neither in the second network nor with the control."""
        here, there, control = self.outcomes(hypothesis, onto, images)
        return here & ~there & ~control

    def outcomes(
        self, hypothesis: Hypothesis | Changes, onto: int, images: Tensor
    ) -> tuple[Bool[Tensor, "pieces n"], ...]:
        """Whether each image of `onto` becomes the carrier here; whether the second network is moved to it; and whether
        it becomes the carrier here with the control. Pieces that turn hardly any are not asked about further."""
        changed, carrier = hypothesis.on(images), hypothesis.carrier
        here = self.becomes(self.classifier, changed, carrier)
        there, control = torch.zeros_like(here), torch.zeros_like(here)
        rows = (here.float().mean(1) >= PROMISING / 2).nonzero().flatten()
        if len(rows):
            if self.reference is not None:
                before = self.odds(self.reference, images, carrier)
                after = self.odds(self.reference, changed[rows].flatten(0, 1), carrier).reshape(len(rows), -1)
                there[rows] = after - before > MOVED * (self.usual[carrier] - before).clamp_min(0)
            if isinstance(hypothesis, Parts):  # no single filling is neutral: most of them must turn the image
                fillings = [hypothesis.some(rows).control(images, number) for number in range(len(hypotheses.WAYS))]
            else:
                fillings = [hypothesis.control(images)[rows]]
            turned = torch.stack([self.becomes(self.classifier, each, carrier) for each in fillings])
            control[rows] = turned.float().mean(0) > 0.5
        return here, there, control

    def odds(self, network: nn.Module, images: Tensor, carrier: int) -> Float[Tensor, "n"]:
        return log_odds(self.logits(network, images), torch.full((len(images),), carrier))

    def becomes(self, network: nn.Module, changed: Tensor, carrier: int) -> Bool[Tensor, "pieces n"]:
        return (self.logits(network, changed.flatten(0, 1)).argmax(1) == carrier).reshape(changed.shape[:2])

    @torch.no_grad()
    def logits(self, network: nn.Module, images: Tensor) -> Float[Tensor, "n classes"]:
        device = self.classifier.device
        return torch.cat([network(chunk.to(device)).float().cpu() for chunk in images.split(self.batch_size)])

    def test(self, hypothesis: Hypothesis, onto: int) -> Shortcut:
        """The hypothesis on the held-out images of a class: an image counts once, by most of the pieces."""
        images = self.images[self.held[onto]]
        outcomes = self.outcomes(hypothesis, onto, images)
        here, there, control = (each.float().mean(0) >= 0.5 for each in outcomes)
        only, other = here & ~there & ~control, ~here & (there | control)
        shown = torch.cat([only.nonzero().flatten(), (~only).nonzero().flatten()])[:EVIDENCE]
        moved = elsewhere = None
        if isinstance(hypothesis, Parts):
            less = torch.cat([hypothesis.without(partial(filling, fill=fill, seed=self.seed)) for fill in FILLS])
            places = self.becomes(self.classifier, hypothesis.moved(images, self.seed), hypothesis.carrier)
            moved = proportion(places.float().mean(0) >= 0.5)
        else:
            less = hypothesis.control(self.images[self.held[hypothesis.carrier]])[0]
            rows = [each[:SCOUTS] for label, each in self.held.items() if label != hypothesis.carrier]
            elsewhere = proportion(self.only(hypothesis, onto, self.images[torch.cat(rows)])[0])
        falls = ~self.becomes(self.classifier, less[None], hypothesis.carrier)[0]
        follows = torch.zeros_like(falls)
        if self.reference is not None:
            follows = ~self.becomes(self.reference, less[None], hypothesis.carrier)[0]
        names = self.classifier.classes
        return Shortcut(
            names[hypothesis.carrier], names[onto], hypothesis.kind, hypothesis.words, proportion(only),
            proportion(here), proportion(control), None if self.reference is None else proportion(there),
            int(other.sum()), proportion(falls & ~follows), proportion(falls), moved, elsewhere, len(outcomes[0]),
            images[shown], hypothesis.on(images[shown])[0], hypothesis.control(images[shown])[0],
        )  # fmt: skip
