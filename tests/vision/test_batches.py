"""However many images there are, a net sees no more of them at once than it is told to, or than fit into memory."""

import inspect

import pytest
import torch
from torch import nn

from course_utils import Classifier, activations, utils, vision
from course_utils.activations import default_batch_size
from course_utils.show import show_predictions
from course_utils.vision import attributions

SIZE = 16


@pytest.fixture
def counted():
    """A small net, and a list of the number of images in each of its forward passes."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, stride=2), nn.ReLU(), nn.Flatten(),
        nn.Linear(4 * 7 * 7, 3),
    )  # fmt: skip
    with torch.no_grad():
        net[-1].bias -= net(images(90)).mean(0)  # each class is said of some images
    rows = []
    net.register_forward_pre_hook(lambda module, inputs: rows.append(len(inputs[0])))
    return Classifier(net, classes=list("abc"), size=SIZE), rows


def images(count):
    return torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


LABELS = (["a", "b", "c"] * 5)[:15]
QUIET = {"progress": False}
CALLS = {
    "predict": lambda c, n: c.predict(images(7), batch_size=n),
    "targeted_attack": lambda c, n: vision.targeted_attack(c, images(7), LABELS[:7], steps=2, batch_size=n, **QUIET),
    "untargeted_attack": lambda c, n: vision.untargeted_attack(c, images(7), "a", steps=2, batch_size=n, **QUIET),
    "visualize": lambda c, n: vision.visualize(c, ["0:1", "2:1", "logits:a"], steps=2, batch_size=n, **QUIET),
    "generate_prototypes": lambda c, n: vision.generate_prototypes(
        c, reference=(images(15), LABELS), steps=2, batch_size=n, **QUIET
    ),
    "class_means": lambda c, n: vision.class_means(c, images(15), batch_size=n, **QUIET),
    "isolate_features": lambda c, n: vision.isolate_features(c, images(7), steps=2, batch_size=n, **QUIET),
    "deletion_and_insertion": lambda c, n: vision.deletion_and_insertion(
        c, images(7), images(7)[:, 0], "a", points=3, batch_size=n
    ),
    "gradients": lambda c, n: attributions.gradients(c, images(7), batch_size=n, **QUIET),
    "integrated_gradients": lambda c, n: attributions.integrated_gradients(c, images(7), batch_size=n, **QUIET),
    "grad_cam": lambda c, n: attributions.grad_cam(c, images(7), batch_size=n, **QUIET),
    "layers": lambda c, n: vision.layers(c, batch_size=n),
    "natural_statistics": lambda c, n: vision.natural_statistics(c, images(7), batch_size=n, **QUIET),
    "statistics_distance": lambda c, n: vision.statistics_distance(
        c, images(7), vision.natural_statistics(c, images(2), batch_size=1, **QUIET), batch_size=n
    ),
    "accentuate": lambda c, n: vision.accentuate(
        c, images(7), "logits:a", layer="0", steps=2, near=0.1, batch_size=n, **QUIET
    ),
    "top_images": lambda c, n: vision.top_images(c, images(7), "0:1", batch_size=n, **QUIET),
    "occlusion": lambda c, n: attributions.occlusion(c, images(7), batch_size=n, **QUIET),
}


def test_every_public_function_with_a_batch_size_is_among_the_calls():
    public = [getattr(vision, name) for name in vision.__all__]
    with_size = {f.__name__ for f in public if callable(f) and "batch_size" in inspect.signature(f).parameters}
    assert with_size <= CALLS.keys() | {"find_shortcuts"}


def test_a_search_for_shortcuts_keeps_to_its_batch_size(counted):
    classifier, rows = counted
    said = classifier.predict(images(90), batch_size=16).classes
    vision.find_shortcuts(classifier, images(90), said, batch_size=16, **QUIET)
    assert rows and max(rows) <= 16


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("most", [1, 3])
def test_no_forward_pass_holds_more_images_than_the_batch_size(counted, name, most):
    classifier, rows = counted
    CALLS[name](classifier, most)
    assert rows and max(rows) <= most


@pytest.mark.parametrize("most", [0, -1, 2.5])
def test_a_batch_size_below_one_is_refused(counted, unchecked, most):
    for call in CALLS.values():
        with pytest.raises(ValueError, match="batch_size"):
            call(counted[0], most)


def test_integrated_gradients_do_not_depend_on_the_batch_size(counted):
    found = [attributions.integrated_gradients(counted[0], images(3), batch_size=n, **QUIET).maps for n in (5, 500)]
    assert torch.allclose(*found, atol=1e-6)


def test_batches_shrink_with_the_activations_and_are_measured_once(counted, monkeypatch):
    classifier, rows = counted
    every, largest = activations.activation_counts(classifier, images(1))
    assert (every, largest) == (2 * 4 * 16 * 16 + 2 * 4 * 7 * 7 + 4 * 7 * 7 + 3, 4 * 16 * 16)
    rows.clear()
    monkeypatch.setattr(activations, "MEMORY", 5 * 2 * 4 * every)
    assert classifier.default_batch_size(100, most=64) == 5
    assert classifier.default_batch_size(100, most=3) == 3
    assert classifier.default_batch_size(100, most=64, backward=False) == 5 * 2 * every // (4 * largest)
    monkeypatch.setattr(activations, "MEMORY", 1)
    assert classifier.default_batch_size(100, most=64) == 1, "at least one image, whatever it takes"
    assert not rows, "what is known is not measured again"
    classifier.predict(images(20))
    assert set(rows) == {1}


def test_a_gpu_is_filled_to_half_of_what_is_free(counted, unchecked, monkeypatch):
    class OnGpu:
        shape, device = (1, 3, SIZE, SIZE), torch.device("cuda")
        element_size = staticmethod(lambda: 4)

    every, _ = activations.activation_counts(counted[0], images(1))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 600)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 200)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2 * 1000 * 8 * every - 400, 0))
    assert default_batch_size(counted[0], OnGpu(), 10**6, most=64) == 1000


def test_class_means_take_memory_for_the_classes_that_are_there_only(counted):
    module = counted[0].module
    wide = Classifier(module[:5].append(nn.Linear(4 * 7 * 7, 1000)), classes=[str(i) for i in range(1000)], size=SIZE)
    means = vision.class_means(wide, (images(15), [7] * 15), ["0"], **QUIET)
    assert means.counts.nonzero().flatten().tolist() == [7]
    with torch.no_grad():
        assert torch.allclose(means.of(["7"])["0"][0], wide.module[0](images(15)).mean(0), atol=1e-6)
    assert not means.means["0"][:7].any() and not means.means["0"][8:].any()


def test_work_of_hours_is_announced_after_its_first_steps_and_short_work_is_not(monkeypatch, capsys):
    clock = iter([100.0, 102.0] * 2)
    monkeypatch.setattr(utils.time, "perf_counter", lambda: next(clock))
    for steps in (7200, 300):
        forecast = utils.Forecast(steps, "Prototypes of 1000 classes", "classes=[…] names fewer")
        for _ in range(10):
            forecast()
    assert capsys.readouterr().out == "Prototypes of 1000 classes will take about 2 hours; classes=[…] names fewer.\n"


def test_prototypes_of_many_classes_are_announced(counted, monkeypatch, capsys):
    monkeypatch.setattr(utils, "LONG", 0)
    vision.generate_prototypes(counted[0], steps=5, **QUIET)
    assert capsys.readouterr().out.startswith("Prototypes of 3 classes will take about 0 seconds; classes=[…]")


@pytest.mark.parametrize("wrapped", ["scripted", "traced", "exported"])
def test_modules_that_cannot_be_watched_or_switched_work_where_no_layer_is_asked_for(counted, wrapped):
    net = counted[0].module
    net._forward_pre_hooks.clear()
    if wrapped == "exported":
        batch = {0: torch.export.Dim("batch", min=1)}
        module = torch.export.export(net.eval(), (images(2),), dynamic_shapes=(batch,)).module()
    else:
        module = torch.jit.script(net) if wrapped == "scripted" else torch.jit.trace(net, images(2))
    classifier = Classifier(module, classes=list("abc"), size=SIZE)
    assert torch.allclose(classifier.predict(images(20)).logits, net(images(20)), atol=1e-5)
    assert len(vision.isolate_features(classifier, images(2), steps=2, **QUIET)) == 2
    assert len(vision.generate_prototypes(classifier, steps=2, **QUIET)) == 3
    assert len(vision.visualize(classifier, "logits:a", steps=2, **QUIET)) == 1
    if wrapped != "exported":
        with pytest.raises(ValueError, match="TorchScript"):
            vision.visualize(classifier, "0:1", steps=2, **QUIET)


def test_weights_made_under_inference_mode_are_refused_and_left_as_found():
    with torch.inference_mode():
        net = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 3))
    classifier = Classifier(net, classes=list("abc"), size=SIZE)
    assert len(classifier.predict(images(2)).classes) == 2, "what needs no gradient works"
    for name in ("untargeted_attack", "visualize", "isolate_features", "gradients"):
        with pytest.raises(RuntimeError, match=r"made under torch\.inference_mode"):
            vision_call = {"visualize": lambda: vision.visualize(classifier, "logits:a", steps=1, **QUIET)}
            vision_call.get(name, lambda name=name: CALLS[name](classifier, 7))()
    assert all(weight.requires_grad for weight in net.parameters())


def test_a_net_that_takes_no_gradients_gets_the_same_sentence_everywhere():
    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

        @torch.no_grad()
        def forward(self, x):
            return self.head(self.conv(x).relu().mean((2, 3)))

    classifier = Classifier(Frozen(), classes=list("abc"), size=SIZE)
    for name in ("untargeted_attack", "isolate_features", "gradients", "integrated_gradients", "grad_cam"):
        with pytest.raises(RuntimeError, match="no gradient flows from the objective"):
            CALLS[name](classifier, 200)


@pytest.mark.filterwarnings("error")
def test_names_with_dollar_signs_and_images_of_four_channels_can_be_shown():
    net = nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, 3))
    classifier = Classifier(net, classes=["$$", "Ba$$in", "$5 & $10"], size=SIZE, mean=[0.5] * 4, std=[0.5] * 4)
    four = torch.cat([images(2), images(2)[:, :1]], 1)
    assert show_predictions(classifier, four)._repr_html_()
    assert vision.generate_prototypes(classifier, steps=2, **QUIET)._repr_html_()
    assert vision.visualize(classifier, "logits:$$", steps=2, **QUIET).plot()._repr_html_()


@pytest.mark.filterwarnings("error")
def test_the_interval_of_few_classes_comes_without_warnings(counted):
    torch.manual_seed(2)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, 4))
    classifier = Classifier(net, classes=list("abcd"), size=SIZE)
    prototypes = vision.generate_prototypes(classifier, steps=2, **QUIET)
    natural = (images(8), list("abcd") * 2)
    agreement = vision.entanglement_matrix(classifier, prototypes, images=natural, **QUIET).rank_correlation()
    assert -1 <= agreement.entanglement.low <= agreement.entanglement.high <= 1
