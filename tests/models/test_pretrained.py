"""Every classifier of torchvision goes in by its name: four kinds of net, with random weights from a file."""

import pickle

import pytest
import torch
from torchvision import models

from course_utils import load_classifier
from course_utils.models import caches
from course_utils.models.caches import source, torchvision_names
from course_utils.models.zoo import load_checkpoint, read_tensors
from course_utils.vision import generate_prototypes, grad_cam, isolate_features, layers, targeted_attack, visualize
from stand_ins import classifier_stand_in, random_classifier

KINDS = {
    "resnet18": "layer3:5",
    "googlenet": "inception4a.branch2.1.conv:5",  # in-place ReLUs behind; in training three outputs
    "convnext_tiny": "features.5.2:5",
    "vit_b_32": "encoder.layers.encoder_layer_3:5",
}


@pytest.fixture(scope="module", params=KINDS)
def net(request):
    return classifier_stand_in(request.param)


@pytest.fixture(scope="module")
def photo():
    return torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))


def kind(net) -> str:
    return net.name.split(" ")[0]


def test_classes_size_and_normalisation_are_those_of_its_weights(net):
    weights = models.get_model_weights(kind(net)).DEFAULT
    assert net.classes == tuple(weights.meta["categories"]) and net.size == (224, 224)
    assert net.mean.flatten().tolist() == pytest.approx(list(weights.transforms().mean))
    assert net.std.flatten().tolist() == pytest.approx(list(weights.transforms().std))


def test_it_answers_as_torchvision_does_on_normalised_images(net, photo):
    plain = random_classifier(kind(net)).eval()
    if hasattr(plain, "transform_input"):
        plain.transform_input = True  # as with its weights: it brings images to the scale that it was trained on
    with torch.no_grad():
        normalised = (photo - net.mean) / net.std
        assert torch.allclose(net(photo), plain(normalised), atol=1e-4)


def test_every_method_takes_it_as_it_takes_the_shipped_ones(net, photo):
    trick = targeted_attack(net, photo, "volcano", steps=2, progress=False)
    assert trick.linf.max() <= 8 / 255 + 1e-6 and not torch.equal(trick.images, photo)
    seen = visualize(net, KINDS[kind(net)], steps=2, progress=False)
    assert seen.images.shape == (1, 3, 224, 224) and seen.activation.isfinite().all()
    proto = generate_prototypes(net, ["goldfish"], steps=2, progress=False)
    assert proto.classes == ["goldfish"] and proto.logit.isfinite().all()
    found = isolate_features(net, photo, steps=2, progress=False)
    assert found.masks.shape == (1, 224, 224) and found.masks.min() >= 0 and found.masks.max() <= 1
    assert not net.training and all(not module._forward_hooks for module in net.modules())


def test_grad_cam_needs_feature_maps_and_says_so(net, photo):
    if kind(net) == "vit_b_32":
        with pytest.raises(
            ValueError, match=r"no feature maps behind 'conv_proj'.*goes on in tokens.*isolate_features"
        ):
            grad_cam(net, photo, progress=False)
        assert grad_cam(net, photo, layer="conv_proj", progress=False).maps.shape == (1, 224, 224)
    else:
        assert grad_cam(net, photo, progress=False).maps.shape == (1, 224, 224)


def test_a_channel_of_a_transformer_is_a_channel_not_a_token():
    vit = classifier_stand_in("vit_b_32")
    table = {layer.name: layer.shape for layer in layers(vit)}
    assert table["encoder.layers.encoder_layer_3"] == (50, 768)
    seen = visualize(vit, "encoder.layers.encoder_layer_3:700", steps=1, progress=False)
    assert seen.activation.isfinite().all()
    with pytest.raises(ValueError, match="has channels 0 to 767, there is no channel 768"):
        visualize(vit, "encoder.layers.encoder_layer_3:768", steps=1, progress=False)


def test_every_classifier_has_names_a_size_and_a_hash():
    names = torchvision_names()
    assert len(names) >= 80
    for name in names:
        weights = models.get_model_weights(name).DEFAULT
        assert len(set(weights.meta["categories"])) == 1000, f"{name}: two classes of one name"
        assert len(set(weights.transforms().crop_size)) == 1
        assert len(source(name).digest) >= 8 and source(name).bytes > 10**6 and source(name).url.startswith("https://")


def test_older_names_of_densenets_tensors_are_understood(tmp_path):
    plain = random_classifier("densenet121")
    new = {name: tensor for name, tensor in plain.state_dict().items() if "num_batches" not in name}
    old = {name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): tensor for name, tensor in new.items()}
    assert old.keys() != new.keys()
    torch.save(old, tmp_path / "old.pth")
    net = load_checkpoint(tmp_path / "old.pth", "densenet121")
    assert all(torch.equal(net.module.state_dict()[name], tensor) for name, tensor in new.items())


# ------------------------------------------------------------------ bad input


def test_an_unknown_name_offers_close_ones():
    with pytest.raises(ValueError, match=r"unknown classifier 'resnet-50': did you mean 'resnet50'"):
        load_classifier("resnet-50")


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save(random_classifier("squeezenet1_0").state_dict(), tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"the weights x.pth are for another network than resnet18 \(.*Missing key"):
        load_checkpoint(tmp_path / "x.pth", "resnet18")


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "x.pth"
    torch.save(random_classifier("squeezenet1_1").state_dict(), path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ValueError, match=r"x.pth (are damaged|were refused).*delete the file and fetch it again"):
        read_tensors(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"x.pth (are damaged|were refused).*delete the file and fetch it again"):
        read_tensors(path)


class Evil:
    def __reduce__(self):
        return print, ("this ran",)


@pytest.mark.parametrize("write", [torch.save, lambda thing, path: path.write_bytes(pickle.dumps(thing, 2))])
def test_a_file_that_would_run_code_is_refused_and_does_not_run(tmp_path, write, capsys):
    write({"weight": Evil()}, tmp_path / "x.pth")
    with pytest.raises(ValueError, match="were refused: it holds more than tensors, which could run code"):
        read_tensors(tmp_path / "x.pth")
    assert "this ran" not in capsys.readouterr().out


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", "/there/x.pth")

    monkeypatch.setattr(caches, "locate", lambda name: tmp_path / "x.pth")
    monkeypatch.setattr(caches, "check_digest", refuse)
    with pytest.raises(PermissionError, match=r"Permission denied: '/there/x\.pth'"):
        load_classifier("resnet18")
