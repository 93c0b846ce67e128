"""Objectives of an optimisation: scores, one number for each sample, bigger is better.

    LogProb("volcano")                                # make it a volcano
    Logit("volcano") - Logit("pancakes")              # a volcano rather than pancakes
    Logit("volcano") + 0.1 * LogProb("volcano")

An objective reads the outputs of one forward pass (`course_utils.activations.Outputs`) and names in `layers`
what it needs besides the logits. A new one takes a few lines:

    class Brightest(Objective):
        layers = ("layer3",)

        def __call__(self, outputs):
            return outputs["layer3"].amax(dim=(1, 2, 3))
"""

from course_utils.objectives.classes import Logit, LogProb, Objective, Target, Term
from course_utils.objectives.layers import (
    ActivationMatch,
    Channel,
    Direction,
    Diversity,
    EachItsOwn,
    Equidistant,
    Layer,
    Neuron,
    PerSample,
    batch_objectives,
    parse,
    side_by_side,
)

__all__ = [
    "ActivationMatch",
    "Channel",
    "Direction",
    "Diversity",
    "EachItsOwn",
    "Equidistant",
    "Layer",
    "LogProb",
    "Logit",
    "Neuron",
    "Objective",
    "PerSample",
    "Target",
    "Term",
    "batch_objectives",
    "parse",
    "side_by_side",
]
