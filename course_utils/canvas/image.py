"""Canvases: what an optimisation changes. A canvas holds the numbers and says how the model sees them.

Every parameter of a canvas has the samples along its first axis, and no sample's image depends on another
sample's numbers: a batch is many independent optimisations side by side. A new canvas defines `render`, and
where they differ from the defaults, `variable` (what priors see) and `project` (the way back to what is
allowed).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from course_utils.utils import sample_generators
from course_utils.validation import full_precision, widened

Images = Float[Tensor, "batch channels height width"]


class Canvas(nn.Module, ABC):
    """What `optimize` changes: parameters with one row a sample, and how the model sees them.

    Attributes:
        coarse_to_fine: whether a step may show less than what the canvas is; then `advance` says how much.
    """

    coarse_to_fine = False

    @abstractmethod
    def render(self) -> Float[Tensor, "batch ..."]:
        """What the model sees, differentiable in `parameters()`; a new tensor, not the parameters."""

    def variable(self, rendered: Float[Tensor, "batch ..."] | None = None) -> Float[Tensor, "batch ..."]:
        """What priors see: what is penalised is not always what the model sees.

        Args:
            rendered: what `render` gave just now, where it is at hand; it saves rendering once more.
        """
        return self.render() if rendered is None else rendered

    def project(self) -> None:
        """Bring the parameters back, in place, to what is allowed; called after every step."""

    def advance(self, done: float) -> None:
        """Told before each step which share of the run is done, in [0, 1); and 1 before an evaluation of what it is."""

    def __len__(self) -> int:
        """Number of samples."""
        return len(next(self.parameters()))


class PixelCanvas(Canvas):
    """Images whose pixels are the parameters; each step is clipped back into [0, 1].

    Args:
        batch: number of images, at least 1.
        size: height and width in pixels (one number for a square).
        channels: 3 for colours, 1 for greys.
        seed: of the noise to start from; image i starts alike whatever the batch's size.
        contrast: standard deviation of that noise, around 0.5; `CONTRAST` if None.
        indices: the images' numbers where they are part of something larger; 0 … batch - 1 if None.

    Raises:
        ValueError: a batch, size or number of channels below 1.
    """

    CONTRAST = 0.05  # standard deviation of the noise to start from, around mid-grey

    def __init__(
        self,
        batch: int,
        size: int | tuple[int, int],
        *,
        channels: int = 3,
        seed: int = 0,
        contrast: float | None = None,
        indices: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        noise = normal_noise(image_shape(batch, size, channels), seed, indices)
        self.pixels = nn.Parameter((0.5 + (self.CONTRAST if contrast is None else contrast) * noise).clamp(0, 1))

    def render(self) -> Images:
        return self.pixels.clone()

    @torch.no_grad()
    def project(self) -> None:
        self.pixels.clamp_(0, 1)


def image_shape(batch: int, size: int | tuple[int, int], channels: int) -> tuple[int, int, int, int]:
    """(batch, channels, height, width), or a ValueError."""
    height, width = (size, size) if isinstance(size, int) else size
    if min(batch, channels, height, width) < 1:
        raise ValueError(f"batch={batch}, channels={channels}, size={size} given, expected at least 1 of each.")
    return batch, channels, height, width


def normal_noise(shape: Sequence[int], seed: int, indices: Sequence[int] | None) -> Float[Tensor, "batch ..."]:
    """Standard normal numbers, drawn for each sample by a generator of its own."""
    generators = sample_generators(seed, range(shape[0]) if indices is None else indices, "canvas")
    return torch.stack([torch.randn(tuple(shape[1:]), generator=each) for each in generators])


Colours = str | Sequence[Sequence[float]] | Tensor | None

# Square root of the covariance of ImageNet's pixels, as lucid ships it (`optvis/param/color.py`,
# `color_correlation_svd_sqrt`): columns are brightness, blue against red, green against the two.
IMAGENET = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))


def colour_statistics(images: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "3 3"]:
    """A square root of the covariance of the pixels' colours: columns are directions, strongest first.

    Args:
        images: in [0, 1], some hundreds.
    """
    pixels = images.permute(1, 0, 2, 3).flatten(1).double()
    values, directions = torch.linalg.eigh(torch.cov(pixels))
    root = (directions * values.clamp_min(0).sqrt()).flip(1)
    return torch.where(root.sum(0) < 0, -root, root).float()  # a direction's sign is arbitrary: more light is positive


def colour_matrix(colours: Colours, channels: int = 3) -> Float[Tensor, "channels channels"]:
    """The matrix that turns independent numbers into correlated colours; its longest column has length one.

    A name is about three channels, and leaves images of another number of them as they are.

    Raises:
        ValueError: an unknown name, no 3x3 matrix, or a matrix for images that have not three channels.
    """
    if channels != 3 and not (colours is None or isinstance(colours, str)):
        raise ValueError(f"colours given for images of {channels} channels, expected None: they mix three.")
    if colours is None or channels != 3:
        return torch.eye(channels)
    if isinstance(colours, str) and colours != "imagenet":
        raise ValueError(f"colours={colours!r} given, expected 'imagenet', None or a 3x3 matrix.")
    matrix = torch.as_tensor(IMAGENET if isinstance(colours, str) else colours, dtype=torch.float32)
    if matrix.shape != (3, 3) or not matrix.isfinite().all() or not matrix.any():
        raise ValueError(f"colours of shape {tuple(matrix.shape)} given, expected a 3x3 matrix of numbers.")
    return matrix / matrix.norm(dim=0).max()


class WaveCanvas(Canvas):
    """What canvases of waves share: the images' size, and waves that add up to correlated colours."""

    def __init__(self, batch: int, size: int | tuple[int, int], channels: int, colours: Colours) -> None:
        super().__init__()
        self.size = image_shape(batch, size, channels)[2:]
        self.colours = nn.Buffer(colour_matrix(colours, channels))

    def coloured(self, waves: Shaped[Tensor, "batch channels height half_width"]) -> Images:
        """What waves (as `torch.fft.rfft2` gives them) add up to, independent numbers mixed to correlated colours."""
        image = torch.fft.irfft2(waves, s=self.size, norm="ortho")
        mixed = self.colours.to(image).expand(len(image), -1, -1) @ image.flatten(2)  # einsum copies there and back
        return mixed.reshape(image.shape)


GAIN = 0.5  # Adam's usual step of 0.05 then moves the coarsest wave of a small image by a fifth of full contrast
DECAY = 1.0  # amplitude ~ 1 / frequency ** DECAY: photographs have about 1


class FourierCanvas(WaveCanvas):
    """Images whose Fourier coefficients are the parameters, in decorrelated colours, squashed into (0, 1).

    Args:
        batch, size, channels, seed, indices: as `PixelCanvas`.
        contrast: standard deviation of the coefficients to start from; `CONTRAST` if None.
        decay: how fast amplitudes fall: 1 / frequency ** decay; 0 gives all waves the same.
        colours: "imagenet", None (channels as they are), or a 3x3 matrix as `colour_statistics` makes it.

    Raises:
        ValueError: as `PixelCanvas`; unknown colours, or colours for images of another number of channels.

    Source: Olah et al. 2017 (preconditioning), as in lucid's `param.image`.
    """

    CONTRAST = 0.01  # standard deviation of the parameters to start from

    def __init__(
        self,
        batch: int,
        size: int | tuple[int, int],
        *,
        channels: int = 3,
        seed: int = 0,
        contrast: float | None = None,
        decay: float = DECAY,
        colours: Colours = "imagenet",
        indices: Sequence[int] | None = None,
    ) -> None:
        super().__init__(batch, size, channels, colours)
        frequencies = wave_frequencies(self.size)
        amplitudes = frequencies.clamp_min(1 / max(self.size)) ** -decay
        both = amplitudes[..., None].repeat(1, 1, 2)  # real and imaginary part: slow if broadcast
        self.amplitudes = nn.Buffer(GAIN * both)
        noise = normal_noise((batch, channels, *frequencies.shape, 2), seed, indices)
        self.spectrum = nn.Parameter((self.CONTRAST if contrast is None else contrast) * noise)

    @full_precision()
    def render(self) -> Images:
        scaled = self.spectrum * self.amplitudes
        waves = torch.view_as_complex(widened(scaled))  # no Fourier transform knows bfloat16
        return self.coloured(waves).sigmoid().to(scaled.dtype)


def held_contrast(waves: Images, contrast: float) -> tuple[Tensor, Tensor]:
    """Images without a mean, scaled to a standard deviation, and the standard deviation that they had."""
    deviation = waves.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(TINY)
    return waves * (contrast / deviation), deviation


def wave_frequencies(size: tuple[int, int]) -> Float[Tensor, "height half_width"]:
    """The frequency of each coefficient of `torch.fft.rfft2`, in cycles a pixel; 0.5 is Nyquist's."""
    vertical, horizontal = torch.fft.fftfreq(size[0]), torch.fft.rfftfreq(size[1])
    return (vertical[:, None] ** 2 + horizontal[None] ** 2).sqrt()


SLOPE = 1.25  # amplitude ~ 1 / frequency ** SLOPE in photographs, at 32 as at 224 pixels
CONTRAST = 1.1  # standard deviation of an image's log-odds: its colours then spread by 0.22, as those of photographs
MEAN = 0.8  # of an image's mean log-odds; photographs spread by so much
RINGS_PER_OCTAVE = 2
COARSEST = 6.0  # waves across an image that a run begins with
OPEN = 0.6  # share of a run after which all waves take part


class NaturalCanvas(WaveCanvas):
    """Images whose contrast and spectrum are held at those of photographs, from coarse to fine.

    Free are the phases, the directions of waves and their colours; held is the contrast of each image, and a ring of
    frequencies (half an octave wide) with a larger share of the energy than in photographs is lowered to that share
    before the contrast is set. In a run the coarse waves come first, the fine ones join by and by.

    Args:
        batch, size, channels, seed, colours, indices: as `FourierCanvas`.
        contrast: standard deviation of each image in log-odds; 1.1 gives about 0.22 in [0, 1].
        slope: amplitudes fall like 1 / frequency ** slope at the least.
        coarsest: waves across the image that a run begins with; `inf` for all from the start.

    Raises:
        ValueError: as `FourierCanvas`; a contrast, slope or number of waves that is not above 0.

    Source: holding the magnitudes of natural images is Fel et al.'s 2023, who hold each one (`PhaseCanvas`); rings,
    contrast and the way from coarse to fine are ours.
    """

    SPREAD = 0.25  # standard deviation of the parameters; a step of 0.05 changes them by a fifth
    coarse_to_fine = True

    def __init__(
        self,
        batch: int,
        size: int | tuple[int, int],
        *,
        channels: int = 3,
        seed: int = 0,
        contrast: float = CONTRAST,
        slope: float = SLOPE,
        coarsest: float = COARSEST,
        colours: Colours = "imagenet",
        indices: Sequence[int] | None = None,
    ) -> None:
        super().__init__(batch, size, channels, colours)
        if not (0 < contrast < math.inf and 0 < slope < math.inf and coarsest > 0):
            raise ValueError(f"contrast={contrast}, slope={slope}, coarsest={coarsest} given, expected above 0.")
        self.contrast, self.coarsest, self.limit = contrast, coarsest, math.inf
        frequencies = wave_frequencies(self.size)
        lowest = 1 / max(self.size)
        amplitudes = frequencies.clamp_min(lowest) ** -(slope + 0.25)  # a little steeper: the rings have room upwards
        amplitudes = amplitudes / amplitudes.square().mean().sqrt()
        counts, rings = wave_counts(self.size), ring_matrix(frequencies)
        energy = (frequencies.clamp_min(lowest) ** (-2 * slope) * counts).flatten() @ rings
        self.frequencies = nn.Buffer(frequencies)
        self.amplitudes = nn.Buffer(amplitudes[..., None].repeat(1, 1, 2))
        self.counts = nn.Buffer(counts)
        self.rings = nn.Buffer(rings)
        self.shares = nn.Buffer(energy / energy.sum())
        noise = normal_noise((batch, channels, *frequencies.shape, 2), seed, indices)
        self.spectrum = nn.Parameter(self.SPREAD * noise)

    def advance(self, done: float) -> None:
        finest = max(self.size) / 4
        coarse = min(self.coarsest, finest)
        self.limit = math.inf if done >= OPEN else coarse * (finest / coarse) ** (done / OPEN)

    @full_precision()
    def render(self) -> Images:
        scaled = widened(self.spectrum) * widened(self.amplitudes)
        if self.limit < math.inf:
            waves = self.frequencies.to(scaled) * max(self.size)
            scaled = scaled * torch.exp(-((waves / self.limit) ** 2))[..., None]
        energies = scaled.square().sum((1, 4)).flatten(1) * self.counts.to(scaled).flatten()
        found = energies @ self.rings.to(scaled)
        found = found / found.sum(1, keepdim=True).clamp_min(TINY)
        gain = (self.shares.to(scaled) / found.clamp_min(TINY)).clamp(TINY, 1).sqrt()
        gains = (gain @ self.rings.to(scaled).T).unflatten(1, self.frequencies.shape)
        gains[:, 0, 0] = 1  # the mean is no wave
        image = self.coloured(torch.view_as_complex(scaled * gains[:, None, ..., None]))
        mean = image.mean((2, 3), keepdim=True)
        held, deviation = held_contrast(image - mean, self.contrast)
        level = MEAN * (mean / deviation).tanh()
        return (level + held).sigmoid().to(self.spectrum.dtype)


class PhaseCanvas(WaveCanvas):
    """Images whose magnitudes are fixed, every single one: only the phases of their waves are free.

    Args:
        batch, size, channels, seed, colours, indices: as `FourierCanvas`.
        contrast, slope: as `NaturalCanvas`.
        magnitudes: (height, width // 2 + 1) of `torch.fft.rfft2`, such as a mean over images; 1 / frequency ** slope
            if None.

    Raises:
        ValueError: as `FourierCanvas`; magnitudes of another shape.

    Source: Fel et al. 2023 (MACO).
    """

    def __init__(
        self,
        batch: int,
        size: int | tuple[int, int],
        *,
        channels: int = 3,
        seed: int = 0,
        contrast: float = CONTRAST,
        slope: float = SLOPE,
        magnitudes: Float[Tensor, "height half_width"] | None = None,
        colours: Colours = "imagenet",
        indices: Sequence[int] | None = None,
    ) -> None:
        super().__init__(batch, size, channels, colours)
        self.contrast = contrast
        frequencies = wave_frequencies(self.size)
        if magnitudes is None:
            magnitudes = frequencies.clamp_min(1 / max(self.size)) ** -slope
        elif magnitudes.shape != frequencies.shape:
            given, expected = tuple(magnitudes.shape), tuple(frequencies.shape)
            raise ValueError(f"magnitudes of shape {given} given, expected {expected} for images of {self.size}.")
        magnitudes = magnitudes.float().clone()
        magnitudes[0, 0] = 0  # the mean stays grey
        self.magnitudes = nn.Buffer(magnitudes)
        self.phases = nn.Parameter(math.pi * normal_noise((batch, channels, *frequencies.shape), seed, indices))

    @full_precision()
    def render(self) -> Images:
        phases = widened(self.phases)
        waves = torch.polar(self.magnitudes.to(phases).expand_as(phases).contiguous(), phases)
        held, _ = held_contrast(self.coloured(waves), self.contrast)
        return held.sigmoid().to(self.phases.dtype)


TINY = 1e-9  # keeps shares of an image without any contrast finite


def ring_matrix(frequencies: Float[Tensor, "height half_width"]) -> Float[Tensor, "coefficients rings"]:
    """In which ring each wave lies, one column a ring, half an octave wide; the mean lies in none."""
    octaves = torch.log2(frequencies.flatten().clamp_min(TINY) / frequencies[frequencies > 0].min())
    ring = (RINGS_PER_OCTAVE * octaves).round().long()
    present = ring[frequencies.flatten() > 0].unique()
    return (ring[:, None] == present).float() * (frequencies.flatten() > 0)[:, None]


def wave_counts(size: tuple[int, int]) -> Float[Tensor, "height half_width"]:
    """How often each coefficient of `torch.fft.rfft2` stands in the whole transform: twice, but for the edges."""
    counts = torch.full((size[0], size[1] // 2 + 1), 2.0)
    counts[:, 0] = 1
    if size[1] % 2 == 0:
        counts[:, -1] = 1
    return counts
