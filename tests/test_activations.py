"""`record`: what layers compute, and that nothing of the recording stays behind."""

import pytest
import torch
from jaxtyping import config
from torch import nn

from course_utils.activations import record


class InPlaceNet(nn.Module):
    """Convolutions overwritten by an in-place ReLU that is used twice, and a layer that is never reached."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)
        self.relu = nn.ReLU(inplace=True)
        self.head, self.unused = nn.Linear(4, 5), nn.Linear(4, 5)

    def forward(self, images):
        hidden = self.relu(self.conv1(images))
        hidden = self.relu(self.conv2(hidden))
        return self.head(hidden.mean((2, 3)))


class TupleNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention, self.head = nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(4, 3)

    def forward(self, tokens):
        return self.head(self.attention(tokens, tokens, tokens)[0].mean(1))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return InPlaceNet().eval()


@pytest.fixture
def images():
    return torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def unchecked():
    """Without the tests' run-time type checks: a reader who passes the wrong type sees our own message."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


def hooks_on(model):
    return sum(len(module._forward_hooks) for module in model.modules())


def test_recorded_layers_are_what_the_layers_computed_although_a_relu_overwrites_them(net, images):
    outputs = record(net, ["conv1", "conv2"])(images)
    assert torch.equal(outputs["conv1"], net.conv1(images))
    assert outputs["conv1"].min() < 0  # the in-place ReLU would have left none below zero
    assert torch.equal(outputs["conv2"], net.conv2(net.conv1(images).relu()))


def test_recording_does_not_change_the_logits(net, images):
    assert torch.equal(record(net, ["conv1", "relu", "head"])(images).logits, net(images))


def test_a_module_used_twice_is_recorded_where_it_is_used_last(net, images):
    outputs = record(net, ["conv2", "relu"])(images)
    assert torch.equal(outputs["relu"], outputs["conv2"].relu())


def test_gradients_flow_through_recorded_layers(net, images):
    images.requires_grad_()
    (through_record,) = torch.autograd.grad(record(net, ["conv2"])(images)["conv2"].square().sum(), images)
    (direct,) = torch.autograd.grad(net.conv2(net.conv1(images).relu()).square().sum(), images)
    torch.testing.assert_close(through_record, direct)


def test_a_layer_that_returns_a_tuple_is_recorded_by_its_first_tensor():
    net, tokens = TupleNet(), torch.rand(2, 5, 4)
    outputs = record(net, ["attention"])(tokens)
    torch.testing.assert_close(net.head(outputs["attention"].mean(1)), outputs.logits)


def test_each_pass_records_anew(net, images):
    forward = record(net, ["conv1"])
    first, second = forward(images), forward(1 - images)
    assert torch.equal(first["conv1"], net.conv1(images))
    assert torch.equal(second["conv1"], net.conv1(1 - images))


def test_hooks_come_off_after_a_pass(net, images):
    record(net, ["conv1", "relu"])(images)
    assert hooks_on(net) == 0


def test_hooks_come_off_after_an_error(net):
    with pytest.raises(RuntimeError):
        record(net, ["conv1", "relu"])(torch.rand(2, 7, 8, 8))
    assert hooks_on(net) == 0


def test_an_unknown_layer_is_refused_before_any_pass_and_close_names_are_offered(net):
    with pytest.raises(ValueError, match=r"unknown layer 'conv3'.*'conv2'"):
        record(net, ["conv3"])


def test_a_layer_that_is_not_reached_is_named(net, images):
    with pytest.raises(RuntimeError, match="'unused' was not reached"):
        record(net, ["unused"])(images)


def test_asking_for_a_layer_that_was_not_recorded_says_so(net, images):
    with pytest.raises(KeyError, match="'conv2' was not recorded"):
        record(net, ["conv1"])(images)["conv2"]


def test_targets_are_one_for_all_or_one_for_each_sample(net, images):
    outputs = record(net)(images)
    assert outputs.targets(3).tolist() == [3, 3]
    assert outputs.targets([4, 0]).tolist() == [4, 0]
    assert outputs.targets(torch.tensor([1, 2])).tolist() == [1, 2]


def test_targets_follow_their_samples_when_others_have_left(net, images):
    outputs = record(net)(images, samples=torch.tensor([0, 3]), batch=4)
    assert outputs.targets([4, 0, 0, 2]).tolist() == [4, 2]


@pytest.mark.parametrize(
    ("target", "error", "words"),
    [
        (5, ValueError, "from 0 to 4"),
        (-1, ValueError, "from 0 to 4"),
        ([1, 2, 3], ValueError, "one for all or 2"),
        ("volcano", TypeError, "knows no class names"),
        (["volcano", "waffle"], TypeError, "knows no class names"),
        (1.5, TypeError, "expected whole numbers"),
        ([True, False], TypeError, "expected whole numbers"),
    ],
)
def test_impossible_targets_are_refused_in_one_sentence(net, images, target, error, words, unchecked):
    with pytest.raises(error, match=words):
        record(net)(images).targets(target)
