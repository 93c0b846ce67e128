"""Networks and surroundings that differ from what one expects: each is served right, or named in a sentence."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from course_utils import Classifier
from course_utils.vision import (
    class_means,
    entanglement_matrix,
    generate_prototypes,
    gradients,
    integrated_gradients,
    isolate_features,
    occlusion,
    targeted_attack,
    visualize,
)

SIZE = 16
QUIET = {"progress": False}


def images(count):
    return torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


class Recomputing(nn.Module):
    """A net that computes its features a second time in the backward pass, to save memory."""

    def __init__(self, reentrant):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.head, self.reentrant = nn.Conv2d(3, 4, 3), nn.Linear(4, 3), reentrant

    def forward(self, x):
        if self.reentrant:
            return self.head(checkpoint(self.conv, x, use_reentrant=True).relu().mean((2, 3)))
        return self.head(self.conv(x).relu().mean((2, 3)))


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_nets_that_recompute_in_the_backward_pass_work_where_no_layer_is_asked_for():
    one, other = (Classifier(Recomputing(kind), classes=list("abc"), size=SIZE) for kind in (True, False))
    for call in (
        lambda c: targeted_attack(c, images(2), "b", steps=2, **QUIET).images,
        lambda c: visualize(c, "logits:a", steps=2, **QUIET).images,
        lambda c: generate_prototypes(c, steps=2, **QUIET).images,
        lambda c: isolate_features(c, images(2), steps=2, **QUIET).masks,
        lambda c: gradients(c, images(2), **QUIET).maps,
        lambda c: integrated_gradients(c, images(2), steps=4, **QUIET).maps,
        lambda c: occlusion(c, images(2), window=8, **QUIET).maps,
    ):
        assert torch.allclose(call(one), call(other), atol=1e-5)


def test_under_a_default_dtype_of_float64_everything_is_counted_in_its_own():
    classifier = Classifier(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, 3)),
                            classes=list("abc"), size=SIZE)  # fmt: skip
    torch.set_default_dtype(torch.float64)
    try:
        means = class_means(classifier, (images(15), list("abc") * 5), **QUIET)
        assert all(each.dtype == torch.float32 for each in means.means.values())
        prototypes = generate_prototypes(classifier, steps=2, **QUIET)
        assert (
            entanglement_matrix(classifier, prototypes, draws=1, **QUIET)
            .matrix[~torch.eye(3, dtype=torch.bool)]
            .isfinite()
            .all()
        )
    finally:
        torch.set_default_dtype(torch.float32)


def test_wrapping_a_net_that_is_being_trained_says_that_it_is_switched(recwarn):
    net = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(3 * SIZE * SIZE, 3)).train()
    Classifier(net, classes=list("abc"), size=SIZE)
    assert not recwarn.list, "a new module is in training mode, and nobody trains it"
    net.train()(images(2)).sum().backward()
    with pytest.warns(
        UserWarning, match=r"is being trained, and is put into evaluation mode: module.train\(\) goes on"
    ):
        Classifier(net, classes=list("abc"), size=SIZE)


def test_whole_numbers_of_numpy_are_batch_sizes_and_steps(unchecked):
    classifier = Classifier(Recomputing(False), classes=list("abc"), size=SIZE)
    assert len(classifier.predict(images(3), batch_size=np.int64(2)).classes) == 3
    found = targeted_attack(classifier, images(3), "b", steps=np.int64(1), batch_size=np.int32(2), **QUIET)
    assert len(found.images) == 3
