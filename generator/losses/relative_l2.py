"""The regularizer-free loss of Nanda et al. (AAAI 2023)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from generator.inversion import State, norms


@dataclass(frozen=True)
class RelativeL2:
    """‖g(x) − g(x_t)‖₂ / ‖g(x_t)‖₂, one number an image.

    Its gradient at an exact match is taken as 0. `eps` guards the division for targets represented by zeros.
    """

    layer: str | None = None
    eps: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-12

    def __call__(self, state: State) -> Tensor:
        seen = state.at(self.layer)
        error: Tensor = norms(seen.representation - seen.target) / norms(seen.target).clamp_min(self.eps)
        return error
