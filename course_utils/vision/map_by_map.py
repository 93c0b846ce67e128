"""What all attributions share: the number that is explained, chunks of pictures, sign and smoothing."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.guards import as_found, check_settings
from course_utils.messages import unknown
from course_utils.progress import progress_bar
from course_utils.vision.isolation_result import Attribution
from course_utils.vision.questions import Question

SIGNS = ("absolute", "positive")
Maps = Float[Tensor, "batch height width"]


class Score(nn.Module):
    """What is explained: the target's logit, or its difference to another class's, for some rows of a question.

    captum repeats pictures (the points on a way, one after another over all pictures), and the classes repeat with
    them.
    """

    def __init__(self, question: Question, rows: Tensor) -> None:
        super().__init__()
        self.classifier, self.rows = question.classifier, rows
        self.target = question.target[rows]
        self.versus = None if question.versus is None else question.versus[rows]

    def forward(self, images: Tensor) -> Float[Tensor, "batch"]:
        logits = self.classifier(images)
        times = len(images) // len(self.rows)
        score = _pick(logits, self.target.repeat(times))
        return score if self.versus is None else score - _pick(logits, self.versus.repeat(times))


def attribution(
    name: str,
    question: Question,
    explain: Callable[[Score, Tensor], Tensor],
    sign: str,
    smoothing: float,
    batch_size: int,
    progress: bool | None,
) -> Attribution:
    """Chunk by chunk, with the sign and the smoothing asked for."""
    check_settings(stop_at=None, batch_size=batch_size)
    if sign not in SIGNS:
        raise ValueError(unknown("sign", sign, SIGNS))
    if not smoothing >= 0:
        raise ValueError(f"smoothing={smoothing} given, expected a standard deviation of at least 0 pixels.")
    found = []
    with as_found(question.classifier), torch.inference_mode(False), torch.enable_grad():
        chunks = torch.arange(len(question.images)).split(batch_size)
        for rows in progress_bar(chunks, name, progress=progress):
            found.append(explain(Score(question, rows), question.images[rows].clone()).detach())
    signed = torch.cat(found)
    maps = signed.abs() if sign == "absolute" else signed.clamp_min(0)
    return Attribution(
        maps=smoothed(maps, smoothing),
        images=question.images,
        targets=question.targets,
        versus=question.against,
        answers=question.prediction.classes,
        method=name,
    )


def smoothed(maps: Maps, sigma: float) -> Maps:
    """Maps after a Gaussian blur of that standard deviation in pixels; at the border they are mirrored in."""
    if not sigma:
        return maps
    from torchvision.transforms.v2.functional import gaussian_blur

    height, width = maps.shape[1:]
    sides = [min(2 * round(3 * sigma) + 1, 2 * side - 1) for side in (width, height)]
    return gaussian_blur(maps[:, None], sides, [sigma, sigma]).squeeze(1)


def _pick(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.gather(1, classes[:, None]).squeeze(1)
