"""The reader's own module goes in: several outputs, a softmax at its end, one channel, half precision."""

import pytest
import torch
from torch import nn

from course_utils import Classifier
from course_utils.vision import generate_prototypes, isolate_features, targeted_attack, visualize

CLASSES = ("cat", "dog", "bird")


def body(channels: int = 3, *more: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, padding=1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
        nn.Linear(128, 3), *more,
    )  # fmt: skip


class Returning(nn.Module):
    def __init__(self, wrap):
        super().__init__()
        self.body, self.wrap = body(), wrap

    def forward(self, x):
        return self.wrap(self.body(x))


class Named:
    def __init__(self, logits):
        self.logits = logits


PICTURES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "wrap",
    [lambda x: (x, x * 0), lambda x: [x], lambda x: {"aux": x * 0, "logits": x}, lambda x: {"out": x}, Named],
    ids=["tuple", "list", "logits", "out", "attribute"],
)
def test_of_several_outputs_the_logits_count(wrap):
    plain, wrapped = (Classifier(m, classes=CLASSES, size=16) for m in (body(), Returning(wrap)))
    assert torch.equal(plain(PICTURES), wrapped(PICTURES))


def test_a_softmax_at_the_end_is_noticed_and_the_message_says_what_to_do():
    net = Classifier(body(3, nn.Softmax(1)), classes=CLASSES, size=16, name="mine")
    with pytest.raises(ValueError, match=r"mine returns probabilities .*expected logits.*outputs='probabilities'"):
        net.predict(PICTURES)


def test_probabilities_can_be_said_to_be_such():
    plain = Classifier(body(), classes=CLASSES, size=16)
    net = Classifier(body(3, nn.Softmax(1)), classes=CLASSES, size=16, outputs="probabilities")
    expected, found = plain.predict(PICTURES).probabilities, net.predict(PICTURES).probabilities
    assert torch.allclose(found, expected, atol=1e-6)
    trick = targeted_attack(net, PICTURES, "bird", eps=0.5, steps=5, progress=False)
    assert trick.success.any()


def test_what_is_said_to_be_probabilities_and_is_not_is_refused():
    net = Classifier(body(), classes=CLASSES, size=16, outputs="probabilities", name="mine")
    with pytest.raises(ValueError, match=r"mine should return probabilities.*leave outputs= out if they are logits"):
        net(PICTURES)
    with pytest.raises(ValueError, match="unknown outputs 'probs'"):
        Classifier(body(), classes=CLASSES, size=16, outputs="probs")


def test_probabilities_of_exactly_zero_give_no_infinity():
    class Sure(nn.Module):
        def forward(self, x):
            return torch.eye(3)[torch.zeros(len(x), dtype=torch.long)]

    net = Classifier(Sure(), classes=CLASSES, size=16, outputs="probabilities")
    assert net(PICTURES).isfinite().all() and net.predict(PICTURES).classes == ["cat", "cat"]


def test_images_of_one_channel_go_through_everything():
    net = Classifier(body(1), classes=CLASSES, size=16, mean=(0.5,), std=(0.25,))
    grey = PICTURES[:, :1]
    other = next(name for name in CLASSES if name not in net.predict(grey).classes)
    assert targeted_attack(net, grey, other, steps=2, progress=False).images.shape == grey.shape
    assert visualize(net, "0:3", steps=2, progress=False).images.shape == (1, 1, 16, 16)
    assert generate_prototypes(net, ["cat"], steps=2, progress=False).images.shape == (1, 1, 16, 16)
    assert isolate_features(net, grey, steps=2, progress=False).masks.shape == (2, 16, 16)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_everything_follows_a_model_in_half_precision(dtype):
    net = Classifier(body().to(dtype), classes=CLASSES, size=16)
    assert net.dtype == dtype and net(PICTURES).dtype == dtype
    assert targeted_attack(net, PICTURES, "bird", steps=2, progress=False).confidence.isfinite().all()
    assert visualize(net, "0:3", steps=2, progress=False).activation.isfinite().all()
    assert isolate_features(net, PICTURES, steps=2, progress=False).masks.isfinite().all()
