"""Tensors and arrays as pictures that can be drawn."""

from __future__ import annotations

import numpy as np
import torch

# Rounding in a model's or an attack's arithmetic may leave [0, 1] by this much.
TOLERANCE = 1e-3


def as_pictures(images: object, name: str = "images") -> np.ndarray:
    """A batch of pictures as an array (batch, height, width, 3) of float32 in [0, 1].

    Args:
        images: colour pictures (batch, 3, height, width) or (batch, height, width, 3), or maps such as masks
            (batch, 1, height, width); floats in [0, 1], truth values, or bytes in 0 … 255.
        name: what an error calls them.

    Raises:
        TypeError: not a tensor, an array or a list of those.
        ValueError: another shape, an empty batch, NaN, or values outside [0, 1].
    """
    array = _as_array(images, name)
    if array.ndim != 4 or not (array.shape[1] in (1, 3) or array.shape[3] == 3):
        advice = f"; for one picture write {name}[None], for maps {name}[:, None]" if array.ndim == 3 else ""
        raise ValueError(
            f"{name} has the shape {tuple(array.shape)}, expected (batch, 3, height, width), "
            f"(batch, 1, height, width) or (batch, height, width, 3){advice}."
        )
    if 0 in array.shape:
        raise ValueError(f"{name} has the shape {tuple(array.shape)}, expected at least one picture.")
    if array.shape[1] in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    array = array.astype(np.float32) / (255 if array.dtype == np.uint8 else 1)
    _check_range(array, name)
    return np.broadcast_to(array, (*array.shape[:3], 3)).clip(0, 1)


def _as_array(images: object, name: str) -> np.ndarray:
    if isinstance(images, (list, tuple)) and images:
        return np.stack([_as_array(image, name) for image in images])
    if isinstance(images, torch.Tensor):
        images = images.detach().cpu().numpy()
    if not isinstance(images, np.ndarray):
        raise TypeError(f"{name} is {type(images).__name__}, expected a tensor or an array of pictures.")
    return images


def _check_range(array: np.ndarray, name: str) -> None:
    if not np.isfinite(array).all():
        raise ValueError(f"{name} contains NaN or infinity, expected values in [0, 1].")
    low, high = float(array.min()), float(array.max())
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise ValueError(
            f"{name} has values from {low:.3g} to {high:.3g}, expected [0, 1]: "
            "clamp them, or draw a difference with show_perturbation."
        )
