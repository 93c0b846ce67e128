"""The parts of a step of feature visualisation and of prototypes, each as something that can be timed by itself."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils import Classifier
from course_utils.activations import Outputs, record
from course_utils.canvas import FourierCanvas
from course_utils.objectives import ActivationMatch
from course_utils.transforms import merged, standard
from course_utils.utils import sample_generators
from course_utils.vision.feature_visualization import STANDARD_PRIORS
from course_utils.vision.reference import ClassMeans

EVERY = 10  # steps between two clean evaluations, as in `optimize`


def parts(net: Classifier, batch: int, means: ClassMeans) -> dict[str, Callable[[int], object]]:
    """What a step does besides the passes, forward and backward; each is called with the step's number."""
    canvas, images = FourierCanvas(batch, net.size), torch.rand(batch, 3, *net.size)
    canvas.spectrum.grad = torch.randn_like(canvas.spectrum)
    adam = torch.optim.Adam(canvas.parameters(), lr=0.05, fused=True)
    (move,) = merged(standard(net.size))
    draws = sample_generators(0, range(batch), "transforms")
    (prior,) = STANDARD_PRIORS

    @torch.no_grad()
    def evaluation() -> None:
        net(canvas.render())
        prior(canvas.variable())

    return {
        "waves to picture": lambda _: there_and_back(lambda _: canvas.render(), canvas.spectrum),
        "moves and turns": lambda _: there_and_back(lambda x: move(x, draws), images),
        "penalty": lambda _: there_and_back(prior, images),
        "Adam": lambda _: adam.step(),
        "clean evaluation, one step in ten": lambda step: evaluation() if step % EVERY == 0 else None,
        "match with class means": match(net, batch, images, means),
    }


def match(net: Classifier, batch: int, images: Tensor, means: ClassMeans) -> Callable[[int], object]:
    """The correlation with the class means by itself: on activations that are there already."""
    names = [net.classes[i % len(net.classes)] for i in range(batch)]
    aim = ActivationMatch(means.of(names))
    with torch.no_grad():
        outputs = record(net, means.layers)(images)
    layers = {name: tensor.clone().requires_grad_() for name, tensor in outputs.layers.items()}
    known = Outputs(outputs.logits, layers, net, None, batch)
    return lambda _: torch.autograd.grad(aim(known).sum(), list(layers.values()))


def there_and_back(way: Callable[[Tensor], Tensor], given: Tensor) -> Tensor:
    """Forward, and the gradient of what was given."""
    x = given.detach() if not given.requires_grad else given
    x.requires_grad_().grad = None
    way(x).sum().backward(inputs=[x])  # PyTorch counts operations in this form, not in autograd.grad
    assert x.grad is not None
    return x.grad
