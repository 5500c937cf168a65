"""The angle between representations."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from generator.inversion import State


@dataclass(frozen=True)
class Cosine:
    """1 − ⟨g(x), g(x_t)⟩ / (‖g(x)‖ ‖g(x_t)‖), in [0, 2], one number an image; lengths do not matter to it.

    Computed as ½ ‖u − v‖² of the unit vectors, which does not lose its digits near a match.
    """

    layer: str | None = None
    eps: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-12

    def __call__(self, state: State) -> Tensor:
        seen = state.at(self.layer)
        u, v = (self._unit(part.flatten(1)) for part in (seen.representation, seen.target))
        distance: Tensor = ((u - v) ** 2).sum(1) / 2
        return distance

    def _unit(self, vectors: Tensor) -> Tensor:
        unit: Tensor = vectors / vectors.norm(dim=1, keepdim=True).clamp_min(self.eps)
        return unit
