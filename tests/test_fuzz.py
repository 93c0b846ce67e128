"""Arguments of wrong kind, shape, dtype, range, emptiness: what gets through is a result without NaN, or a sentence.

`COURSE_FUZZ=20000 pytest tests/test_fuzz.py` makes that many calls, other ones each time; the suite a few hundred, the
same each time.
"""

import ast
import inspect
import math
import os
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import course_utils
from course_utils import (
    Classifier,
    LanguageModel,
    language,
    load_classifier,
    load_image,
    load_language_model,
    show,
    sweep,
    vision,
)
from course_utils.canvas import PromptCanvas
from course_utils.loop import optimize
from course_utils.objectives import LogProb

sys.path.append(str(Path(__file__).parent / "language"))
from tiny_models import tiny

CALLS = int(os.environ.get("COURSE_FUZZ", "0"))
SECONDS = 60  # that a call may take: all are small
OURS = (ValueError, TypeError, OSError, RuntimeError, FloatingPointError)
HOME = str(Path(course_utils.__file__).parent)
SIZE = 16

torch.manual_seed(0)
NET = nn.Sequential(
    nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, stride=2), nn.ReLU(), nn.Flatten(),
    nn.Linear(4 * 7 * 7, 3),
)  # fmt: skip
C = Classifier(NET, classes=list("abc"), size=SIZE)
LM = tiny()
IMAGES = torch.rand(4, 3, SIZE, SIZE)
MAPS = torch.rand(4, SIZE, SIZE)
PROMPTS = {target: [[f"w{(3 * i + at) % 7}" for i in range(3)] for at in range(9)] for target in ("girl", "boy")}
SCORES = language.association_scores(PROMPTS["girl"], PROMPTS["boy"], shuffles=19)

# The public functions, each with arguments that work.
FUNCTIONS = {
    "Classifier": (Classifier, {"module": NET, "classes": ["a", "b", "c"], "size": SIZE, "mean": None, "std": None,
                                "outputs": "logits", "name": None}),
    "predict": (C.predict, {"images": IMAGES, "batch_size": None}),
    "targeted_attack": (vision.targeted_attack, {"classifier": C, "images": IMAGES, "target": "b", "steps": 1,
                                                 "eps": 8 / 255, "norm": "linf", "seed": 0, "batch_size": None}),
    "untargeted_attack": (vision.untargeted_attack, {"classifier": C, "images": IMAGES, "labels": [0, 1, 2, 0],
                                                     "steps": 1, "eps": 8 / 255, "norm": "l2", "seed": 0,
                                                     "stop_at": None, "step_size": None, "restarts": 1}),
    "visualize": (vision.visualize, {"classifier": C, "objective": "0:1", "copies": 2, "steps": 1, "canvas": "fourier",
                                     "seed": 0, "batch_size": None, "size": None, "learning_rate": 0.05,
                                     "frames": 0, "priors": (), "transforms": ()}),
    "accentuate": (vision.accentuate, {"classifier": C, "images": IMAGES, "objective": "0:1", "near": 0.0,
                                       "layer": None, "steps": 1, "learning_rate": 0.05, "seed": 0,
                                       "batch_size": None, "transforms": ()}),
    "top_images": (vision.top_images, {"classifier": C, "images": IMAGES, "unit": "0:1", "k": 2, "crops": 1,
                                       "batch_size": None}),
    "generate_prototypes": (vision.generate_prototypes, {"classifier": C, "classes": ["a"], "copies": 1, "steps": 1,
                                                         "reference": None, "match": 1.0, "seed": 0, "layers": None}),
    "class_means": (vision.class_means, {"classifier": C, "reference": (IMAGES, [0, 1, 2, 0]), "layers": None}),
    "isolate_features": (vision.isolate_features, {"classifier": C, "images": IMAGES, "target": "a", "versus": None,
                                                   "steps": 1, "fill": "mean", "seed": 0, "cells": 8,
                                                   "area_weight": 1.0, "variation_weight": 1.0}),
    "gradients": (vision.gradients, {"classifier": C, "images": IMAGES, "target": None, "versus": None,
                                     "sign": "absolute", "smoothing": 0.0}),
    "integrated_gradients": (vision.integrated_gradients, {"classifier": C, "images": IMAGES, "target": "a",
                                                           "baseline": "mean", "steps": 2, "seed": 0}),
    "grad_cam": (vision.grad_cam, {"classifier": C, "images": IMAGES, "target": "a", "layer": None}),
    "occlusion": (vision.occlusion, {"classifier": C, "images": IMAGES, "baseline": "mean", "window": 8, "stride": 8}),
    "deletion_and_insertion": (vision.deletion_and_insertion, {"classifier": C, "images": IMAGES, "maps": MAPS,
                                                               "target": "a", "points": 2}),
    "intersection_over_union": (vision.intersection_over_union, {"maps": MAPS, "truth": torch.ones(4, SIZE, SIZE)}),
    "pointing_game": (vision.pointing_game, {"maps": MAPS, "truth": torch.ones(4, SIZE, SIZE)}),
    "relevance_mass": (vision.relevance_mass, {"maps": MAPS, "truth": torch.ones(4, SIZE, SIZE)}),
    "high_frequency_share": (vision.high_frequency_share, {"images": IMAGES}),
    "radial_spectrum": (vision.radial_spectrum, {"images": IMAGES}),
    "natural_statistics": (vision.natural_statistics, {"classifier": C, "images": IMAGES, "layers": None}),
    "statistics_distance": (vision.statistics_distance, {"classifier": C, "images": IMAGES}),
    "show_images": (show.show_images, {"images": IMAGES, "titles": None, "columns": None, "alt": "Images."}),
    "show_predictions": (show.show_predictions, {"classifier": C, "images": IMAGES, "labels": None}),
    "load_image": (load_image, {"source": np.zeros((20, 20, 3), np.uint8), "size": SIZE}),
    "load_classifier": (load_classifier, {"name": "pocket"}),
    "load_language_model": (load_language_model, {"name_or_path": "pocket-lm"}),
    "LanguageModel": (LanguageModel, {"model": LM.model, "tokenizer": LM.tokenizer, "name": None}),
    "next_token_distribution": (language.next_token_distribution, {"lm": LM, "text": " girl", "k": 3}),
    "sequence_log_probability": (language.sequence_log_probability, {"lm": LM, "text": " girl is"}),
    "evaluate_calibration": (language.evaluate_calibration, {"lm": LM, "contexts": [" girl"],
                                                             "truth": lambda _: {" ship": 1.0}}),
    "optimize_prompts": (language.optimize_prompts, {
        "lm": LM, "target": " girl", "length": 2, "restarts": 2, "steps": 1, "distance_weight": 1.0, "seed": 0,
        "metric": "euclidean", "start": "random", "objective": "logprob", "learning_rate": 0.6, "projected": False,
        "exclude": ("target",), "stop_at": None, "snap_every": 1}),
    "coordinate_search": (language.coordinate_search, {
        "lm": LM, "target": " girl", "length": 2, "restarts": 1, "steps": 1, "candidates": 2, "top_k": 4, "starts": 2,
        "buffer": 2, "swaps": 1, "stop_at": None, "exclude": ("target",), "seed": 0}),
    "random_search": (language.random_search, {"lm": LM, "target": " girl", "length": 2, "passes": 4, "top": 2,
                                               "exclude": (), "seed": 0}),
    "exhaustive_prompts": (language.exhaustive_prompts, {"lm": LM, "target": " girl", "length": 1,
                                                         "candidates": [5, 6], "top": 2, "limit": 5.0}),
    "fluent_prompts": (language.fluent_prompts, {
        "lm": LM, "objective": " girl", "length": 3, "population": 2, "children": 2, "steps": 1, "weights": (0.1, 10.0),
        "top_k": 4, "position": -1, "exclude": (), "seed": 0}),
    "top_sentences": (language.top_sentences, {"lm": LM, "unit": "transformer.h.1:3", "sentences": [" girl", " ship"],
                                               "k": 1, "batch_size": 2}),
    "nearest_tokens": (language.nearest_tokens, {"lm": LM, "embeddings": torch.rand(2, 16), "k": 2, "metric": "cosine",
                                                 "exclude": ()}),
    "direct_associations": (language.direct_associations, {"lm": LM, "targets": [" girl", " ship"],
                                                           "words": [" girls", " harbour"], "controls": 1,
                                                           "level": 0.9, "seed": 0}),
    "association_scores": (language.association_scores, {
        "prompts": PROMPTS["girl"], "background": PROMPTS["boy"], "target": "girl", "at_least": 0.0, "prior": None,
        "level": 0.9, "shuffles": 19, "leave_out": (), "seed": 0}),
    "score_against": (language.score_against, {
        "truth": ["w1"], "scores": SCORES, "k": 2, "resamples": 3, "seed": 0}),
    "null_scores": (language.null_scores, {"scores": SCORES, "candidates": [f"w{i}" for i in range(9)], "seed": 0,
                                           "shuffles": 19}),
    "word_cloud": (language.word_cloud, {"prompts": {"a": 1.0, "b": 2.0}, "most": 4, "seed": 0}),
    "text_associations": (language.text_associations, {
        "paragraphs": ["a girl and a boy and a girl", "the boy and the girl"], "targets": ["girl", "boy"],
        "words": ["a", "the", "and"], "before": 2, "most": 4, "shuffles": 19, "level": 0.9, "seed": 0}),
    "optimize": (optimize, {"model": language.FromEmbeddings(LM), "canvas": None, "objective": LogProb(" girl"),
                            "steps": 1, "seed": 0, "stop_at": None, "evaluate_every": 1, "priors": (),
                            "transforms": ()}),
    "sweep": (sweep, {"function": len, "tasks": [], "n_jobs": 1, "save_to": None}),
}  # fmt: skip


def tensors():
    return [
        torch.empty(0), torch.empty(0, 3, SIZE, SIZE), torch.rand(3, SIZE, SIZE), torch.rand(4, 1, SIZE, SIZE),
        torch.rand(4, 3, 1, 1), torch.rand(4, 3, 7, 5), torch.full((4, 3, SIZE, SIZE), math.nan), -IMAGES, 255 * IMAGES,
        torch.full((4, 3, SIZE, SIZE), math.inf), (255 * IMAGES).byte(), IMAGES > 0.5, IMAGES.half(), IMAGES.double(),
        IMAGES.to(torch.complex64), torch.zeros(4, 3, SIZE, SIZE), torch.tensor(1.0), torch.tensor(1), torch.eye(4),
        torch.arange(4), torch.tensor([True, False]), torch.full((4, SIZE, SIZE), math.nan), MAPS.half(),
        torch.zeros(4, SIZE, SIZE), torch.zeros(4, 1, 1), torch.rand(2, 16) * math.nan, torch.rand(2, 7),
        IMAGES.clone().requires_grad_(), IMAGES.to_sparse(), torch.full((2, 2), 9999), torch.zeros(2, 2, dtype=int),
        IMAGES.to("meta"),
    ]  # fmt: skip


STRANGE = [
    None, True, False, 0, -1, 1, 2, 3, 2.5, -0.5, 1e300, 2**70, -(2**70), math.nan, math.inf, -math.inf, 1j,
    "", " ", "x", "a", "0", "7", "$", "\x00", "猫", "\ud800", " girl", "girl", "logits:a", "0:99", "0:-1", "a:b", "~",
    "/nonexistent/x", "x" * 5000, b"a", [], (), {}, set(), {"a"}, {"a": math.nan}, {"a": 1}, {"a": "b"}, {1: 2}, [None],
    ["a", "a"], ["a", 1], [[]], [[1, 2], [3]], [1.5], [math.nan], ["a"] * 4, [-1], [2**70], object(), len, int,
    iter([]), np.int64(2), np.float32(1.5), np.array([]), np.array(["a", "b"]), np.zeros((2, 2)), np.array(None),
    np.array([1, 2, 0, 1]), np.full((4, 3, SIZE, SIZE), np.nan), np.ones((20, 20), bool), np.ones((20, 20)), range(3),
    (IMAGES, [0, 1, 2, 0]), (IMAGES, ["a"]), (1.0, -1.0), (math.nan, 1.0), (1.0, 2.0), slice(None), Path("x"), C, LM,
    NET, [5, 6], Ellipsis, NotImplemented, ValueError("x"), *tensors(),
]  # fmt: skip
# NaN that means something and is documented.
MEANT = {"surprise", "random_surprise", "mean", "soft_confusions"}


class TooLongError(BaseException):
    """A call that does not come back."""


@contextmanager
def time_limit(seconds):
    def stop(*_):
        raise TooLongError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def holds_nan(value, depth=0):
    """The name of the first number that is NaN in a result, or nothing."""
    if isinstance(value, Tensor):
        return "a tensor" if value.is_floating_point() and not value.is_meta and value.isnan().any() else ""
    if isinstance(value, float):
        return "a number" if math.isnan(value) else ""
    if depth > 3 or isinstance(value, nn.Module):
        return ""
    if is_dataclass(value):
        inside = {field.name: getattr(value, field.name) for field in fields(value) if field.name not in MEANT}
    elif isinstance(value, Mapping):
        inside = value
    elif isinstance(value, list | tuple):
        inside = dict(enumerate(value))
    else:
        return ""
    return next((f"{name}: {found}" for name, each in inside.items() if (found := holds_nan(each, depth + 1))), "")


@cache
def raising(path):
    """The lines of a file of ours on which a `raise` stands: an error from there has a sentence of ours."""
    if not path.startswith(HOME):
        return set()
    raises = [each for each in ast.walk(ast.parse(Path(path).read_text())) if isinstance(each, ast.Raise)]
    return {line for each in raises for line in range(each.lineno, each.end_lineno + 1)}


def problem(name, changes):
    """What is wrong with a call, in words; nothing where it gave a result or one of our sentences."""
    function, arguments = FUNCTIONS[name]
    options = {**arguments, **changes}
    if name == "optimize" and "canvas" not in changes:
        options["canvas"] = PromptCanvas(2, 2, LM.embeddings)
    if "progress" in inspect.signature(function).parameters:
        options["progress"] = False
    try:
        with time_limit(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = function(**options)
            said = repr(found)
    except TooLongError:
        return f"takes more than {SECONDS} s"
    except BaseException as error:
        trace = error.__traceback__
        while trace.tb_next:
            trace = trace.tb_next
        place = trace.tb_frame.f_code.co_filename
        if isinstance(error, OURS) and trace.tb_lineno in raising(place) and str(error).strip():
            return ""
        return f"{type(error).__name__} at {Path(place).name}:{trace.tb_lineno}: {str(error)[:100]}"
    if not said.strip():
        return "has no words"
    return f"holds NaN in {nan}" if (nan := holds_nan(found)) else ""


@st.composite
def calls(draw):
    name = draw(st.sampled_from(sorted(FUNCTIONS)))
    parameters = sorted(FUNCTIONS[name][1])
    chosen = draw(st.lists(st.sampled_from(parameters), min_size=1, max_size=2, unique=True))
    return name, {each: draw(st.integers(0, len(STRANGE) - 1)) for each in chosen}


@pytest.fixture
def somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_arguments_that_the_others_are_made_from_work(unchecked, somewhere):
    assert {name: said for name in FUNCTIONS if (said := problem(name, {}))} == {}


def test_whatever_is_given_comes_out_as_a_result_or_as_a_sentence(unchecked, somewhere):
    made = Counter()

    @settings(
        max_examples=CALLS or 400, derandomize=not CALLS, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(calls())
    def holds(call):
        name, places = call
        made[name] += 1
        changes = {argument: STRANGE[place] for argument, place in places.items()}
        said = problem(name, changes)
        assert not said, f"{name}({', '.join(f'{k}={v!r:.60}' for k, v in changes.items())}) {said}"

    holds()
    print(f"{sum(made.values())} calls of {len(made)} functions")
