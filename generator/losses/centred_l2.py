"""Relative error about the mean representation."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from generator.inversion import State, norms


@dataclass(frozen=True)
class CentredL2:
    """‖g(x) − g(x_t)‖₂ / ‖g(x_t) − mean‖₂, one number an image; the mean is over the target set.

    Where representations share a large mean, any two are near each other in the relative error; not in this one.
    """

    layer: str | None = None
    eps: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-12

    def __call__(self, state: State) -> Tensor:
        seen = state.at(self.layer)
        error: Tensor = norms(seen.representation - seen.target) / norms(seen.target - seen.mean).clamp_min(self.eps)
        return error
