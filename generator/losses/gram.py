"""Spatial statistics: which channels go together, wherever in the image (Gatys et al. 2015)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from generator.errors import GeneratorError
from generator.inversion import State


@dataclass(frozen=True)
class Gram:
    """‖G(x) − G(x_t)‖_F / ‖G(x_t)‖_F with G = F Fᵀ/n, one number an image; F is channels × places, or units × tokens.

    Raises GeneratorError at a layer without places.
    """

    layer: str | None = None
    eps: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-12

    def __call__(self, state: State) -> Tensor:
        seen = state.at(self.layer)
        found, wanted = _gram(seen.representation), _gram(seen.target)
        error: Tensor = (found - wanted).norm(dim=1) / wanted.norm(dim=1).clamp_min(self.eps)
        return error


def _gram(representation: Tensor) -> Tensor:
    """(batch, channels²)."""
    if representation.dim() not in {3, 4}:
        raise GeneratorError(
            f"loss gram needs a layer with places, (channels, height, width) or (tokens, units), not "
            f"{tuple(representation.shape[1:])}"
        )
    features = representation.flatten(2) if representation.dim() == 4 else representation.transpose(1, 2)
    return (features @ features.transpose(1, 2)).flatten(1) / features.shape[2]
