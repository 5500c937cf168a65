"""Every unit counts alike, however large its numbers are."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from generator.inversion import State


@dataclass(frozen=True)
class PerUnit:
    """√mean_u ((g_u(x) − g_u(x_t)) / (σ_u + eps · σ))², one number an image.

    σ_u is the unit's standard deviation over the target set, σ the root mean square of all σ_u; `eps` keeps units that
    hardly ever change from ruling.
    """

    layer: str | None = None
    eps: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.1

    def __call__(self, state: State) -> Tensor:
        seen = state.at(self.layer)
        typical = (seen.std**2).mean().sqrt().clamp_min(1e-12)
        difference = ((seen.representation - seen.target) / (seen.std + self.eps * typical)).flatten(1)
        error: Tensor = difference.norm(dim=1) / difference.shape[1] ** 0.5
        return error
