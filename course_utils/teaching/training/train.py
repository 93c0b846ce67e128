"""Training of the shipped models: one loop, ordinary or adversarial, that can be stopped and gone on with.

Every random choice follows from the recipe's seed and the number of the step, so a run that was interrupted ends
with the same weights as one that was not.
"""

import os
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import update_bn
from tqdm import tqdm

from course_utils.models.classifier import Classifier
from course_utils.models.load import build_language_model
from course_utils.models.shipped import build
from course_utils.teaching.training.recipes import LanguageRecipe, Recipe
from course_utils.transforms import shift
from course_utils.utils import write

CHECKPOINT_EVERY = 60.0  # seconds
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "AdamW": torch.optim.AdamW,
    "SGD": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
}


def train(
    recipe: Recipe, *, checkpoint: Path, data: Path | None = None, device: str = "cpu"
) -> tuple[Classifier, dict[str, float]]:
    """Trains the recipe's classifier, from the checkpoint if there is one: (classifier, `Run.spent`).

    Ctrl-C saves the checkpoint and raises KeyboardInterrupt; the next call goes on from there.

    Raises:
        ValueError: the checkpoint belongs to another recipe or other data, or is damaged.
    """
    torch.manual_seed(recipe.seed)
    classifier = build(recipe.architecture, recipe.name).to(device).to(memory_format=torch.channels_last)
    pixels, labels = (part.to(device) for part in recipe.data.training(recipe.seed, data))
    if len(labels) < recipe.batch:
        raise ValueError(f"{len(labels)} images to train on, expected at least a batch of {recipe.batch}: give more")
    run = Run(recipe, classifier, recipe.epochs * (len(labels) // recipe.batch), pixels, labels)
    batch_of = partial(minibatch, recipe, pixels=pixels, labels=labels)
    run.finish(checkpoint, batch_of)
    if recipe.recalibration_batches:  # batch norm's statistics, anew, on images as training sees them
        torch.manual_seed(recipe.seed)
        batches = (batch_of(run.steps + i) for i in range(recipe.recalibration_batches))
        update_bn([augment(recipe, classifier, *batch) for batch in batches], classifier)
    return classifier.eval().to(memory_format=torch.contiguous_format), run.spent


def train_language_model(
    recipe: LanguageRecipe, tokenizer: Any, *, checkpoint: Path, data: Path | None = None, device: str = "cpu"
) -> tuple[Any, dict[str, float]]:
    """Trains the recipe's language model as `train` does a classifier: (model, `Run.spent`).

    Args:
        tokenizer: of the library `tokenizers`.
        data: the folder of texts, for a recipe that needs one.

    Raises:
        ValueError: the checkpoint belongs to another recipe; too short a text.
    """
    torch.manual_seed(recipe.seed)
    model = build_language_model(recipe.architecture(tokenizer.get_vocab_size())).to(device)
    text = recipe.data.training(tokenizer, data)
    run = LanguageRun(recipe, model, recipe.steps, text.ids)

    def batch_of(step: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)
        rows = text.rows(recipe.batch, recipe.context + 1, generator).to(device)
        return rows[:, :-1], rows[:, 1:]

    batch_of(0)  # says before the work where the text is too short
    run.finish(checkpoint, batch_of)
    return model.eval(), run.spent


class Run:
    """A training run: the net, its optimiser, the data that it began with, how far it got.

    `spent` has the seconds by the clock on the wall, which a busy machine makes many, and those that processors worked,
    all threads together.
    """

    largest_gradient: float | None = None  # norm over all weights to which gradients are clipped, if they are

    def __init__(self, recipe: Any, net: Any, steps: int, *data: Tensor) -> None:
        self.recipe, self.net, self.steps, self.step = recipe, net, steps, 0
        self.data = [zlib.crc32(each.cpu().contiguous().numpy().data) for each in data]
        self.spent = {"seconds": 0.0, "processor seconds": 0.0}
        self.optimizer = OPTIMIZERS[recipe.optimizer](
            net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, recipe.learning_rate, total_steps=steps + 1)
        self.parts = {"net": net, "optimizer": self.optimizer, "schedule": self.schedule}

    def finish(self, checkpoint: Path, batch_of: Callable[[int], tuple[Tensor, Tensor]]) -> None:
        """Goes on from the checkpoint to the last step, saving every minute, at the end and when interrupted.

        Args:
            checkpoint: where the run is saved.
            batch_of: the examples of a step, which depend on its number alone.

        Raises:
            ValueError: another process trains into the same checkpoint (says which).
        """
        with alone(checkpoint):
            self.load(checkpoint)
            bar = tqdm(total=self.steps, initial=self.step, desc=self.recipe.name, unit="step", mininterval=1.0)
            saved = time.monotonic()
            try:
                while self.step < self.steps:
                    began, worked = time.monotonic(), time.process_time()
                    loss = self.advance(*batch_of(self.step))
                    self.spent["seconds"] += time.monotonic() - began
                    self.spent["processor seconds"] += time.process_time() - worked
                    bar.update()
                    bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
                    if time.monotonic() - saved > CHECKPOINT_EVERY:
                        self.save(checkpoint)
                        saved = time.monotonic()
            except KeyboardInterrupt:
                self.save(checkpoint)
                bar.write(f"stopped at step {self.step} of {self.steps}; the same command goes on from {checkpoint}")
                raise
            finally:
                bar.close()
            self.save(checkpoint)

    def advance(self, inputs: Tensor, targets: Tensor) -> float:
        """One step of training; returns the loss."""
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.step)
        loss = self.loss(inputs, targets)
        self.optimizer.zero_grad()
        loss.backward()
        if self.largest_gradient is not None:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.largest_gradient)
        self.optimizer.step()
        self.schedule.step()
        self.step += 1
        return loss.item()

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """The cross-entropy of augmented images."""
        images = augment(self.recipe, self.net, images, labels)
        self.net.train()
        with bfloat16(self.recipe, images.device):
            return F.cross_entropy(self.net(images), labels, label_smoothing=self.recipe.label_smoothing)

    def save(self, path: Path) -> None:
        """Writes the checkpoint in one move."""
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {name: part.state_dict() for name, part in self.parts.items()}
        content = BytesIO()
        about = {"recipe": str(self.recipe.to_data()), "data": self.data}
        torch.save({**state, "step": self.step, "spent": self.spent, **about}, content)
        write(path, content.getvalue())

    def load(self, path: Path) -> None:
        """Goes on from a checkpoint, if there is one. It is read as data only: nothing in it is executed."""
        if not path.exists():
            return
        again = "delete it to start anew"
        try:
            state = torch.load(path, weights_only=True, map_location=self.net.device)
            recipe, data = state["recipe"], state.get("data", self.data)
        except Exception:  # torch raises a dozen kinds, and advises to unpickle
            raise ValueError(f"the checkpoint {path} is damaged, or none of this course; {again}") from None
        if recipe != str(self.recipe.to_data()):
            raise ValueError(f"the checkpoint {path} belongs to another recipe; {again}")
        if data != self.data:
            raise ValueError(f"the checkpoint {path} was begun with other data, or another tokenizer; {again}")
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        self.step, self.spent = state["step"], state["spent"]


@contextmanager
def alone(checkpoint: Path) -> Iterator[None]:
    """No second process trains into this checkpoint meanwhile; the lock ends with the process that holds it."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(f"{checkpoint}.lock"), Path(f"{checkpoint}.process")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        number = holder.read_text() if holder.exists() else "another"
        raise ValueError(
            f"process {number} is training into {checkpoint}: wait for it, or choose another folder."
        ) from None
    try:
        holder.write_text(str(os.getpid()))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


class LanguageRun(Run):
    """A training run whose examples are rows of tokens and, at every position, the token that follows."""

    largest_gradient = 1.0

    def loss(self, tokens: Tensor, following: Tensor) -> Tensor:
        """The cross-entropy of the next token, in nats."""
        self.net.train()
        with bfloat16(self.recipe, tokens.device):
            logits = self.net(input_ids=tokens, use_cache=False).logits
        return F.cross_entropy(logits.flatten(0, 1).float(), following.flatten())


def minibatch(
    recipe: Recipe, step: int, pixels: Tensor, labels: Tensor
) -> tuple[Float[Tensor, "batch 3 height width"], Int[Tensor, "batch"]]:
    """The images of one step: every epoch goes through all scenes once, in an order of its own."""
    epoch, position = divmod(step, len(labels) // recipe.batch)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(recipe.seed * 10_007 + epoch))
    rows = order[position * recipe.batch : (position + 1) * recipe.batch].to(pixels.device)
    images = (pixels[rows].float() / 255).contiguous(memory_format=torch.channels_last)
    return images, labels[rows]


def augment(recipe: Recipe, classifier: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """The images as training sees them: mirrored, shifted, partly erased, noisy, and attacked by an adversary."""
    if recipe.mirror:
        images = torch.where(torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5, images.flip(3), images)
    if recipe.shift:
        by = recipe.shift - torch.randint(0, 2 * recipe.shift + 1, (2, len(images)), device=images.device)
        images = shift(images, by.T).contiguous(memory_format=torch.channels_last)
    if recipe.erase:
        images = erased(images, recipe.erase)
    if recipe.noise:
        strength = recipe.noise * torch.rand(len(images), 1, 1, 1, device=images.device)
        images = (images + strength * torch.randn_like(images)).clamp(0, 1)
    return attacked(recipe, classifier, images, labels) if recipe.adversary_steps else images


def attacked(recipe: Recipe, classifier: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """The images after an untargeted PGD attack from a random start, as adversarial training has it."""
    eps, step_size = recipe.adversary_eps, 2 * recipe.adversary_eps / (recipe.adversary_steps + 1)
    classifier.eval()  # batch statistics are left alone
    adversarial = (images + torch.empty_like(images).uniform_(-eps, eps)).clamp(0, 1)
    for _ in range(recipe.adversary_steps):
        adversarial.requires_grad_()
        with bfloat16(recipe, images.device):
            loss = F.cross_entropy(classifier(adversarial), labels)
        (gradient,) = torch.autograd.grad(loss, adversarial)
        adversarial = (adversarial + step_size * gradient.sign()).detach()
        adversarial = torch.minimum(torch.maximum(adversarial, images - eps), images + eps).clamp(0, 1)
    return adversarial


def erased(images: Float[Tensor, "n c h w"], side: int) -> Float[Tensor, "n c h w"]:
    """Each image with a square of mid-grey about a point of its own; at the border less of it lies inside."""
    middles = [torch.randint(size, (len(images), 1), device=images.device) for size in images.shape[2:]]
    rows, columns = (
        (torch.arange(size, device=images.device) - middle + side // 2).div(side, rounding_mode="floor") == 0
        for size, middle in zip(images.shape[2:], middles, strict=True)
    )
    return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.5)


def bfloat16(recipe: Recipe | LanguageRecipe, device: torch.device) -> torch.autocast:
    """Where the recipe asks for it: convolutions and matrix products in bfloat16, weights and sums in float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=recipe.bfloat16)
