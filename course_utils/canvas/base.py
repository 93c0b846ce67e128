"""What an optimisation changes. A canvas holds the numbers and says how the model sees them.

Every parameter of a canvas has the samples along its first axis, and no sample's picture depends on another
sample's numbers: a batch is many independent optimisations side by side. A new canvas defines `render`, and
where they differ from the defaults, `variable` (what priors see) and `project` (the way back to what is
allowed).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn


class Canvas(nn.Module, ABC):
    """What `optimize` changes: parameters with one row a sample, and how the model sees them."""

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

    def __len__(self) -> int:
        """Number of samples."""
        return len(next(self.parameters()))
