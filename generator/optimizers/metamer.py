"""The schedule of model metamers (Feather et al. 2019, 2023): normalized steps, halved again and again."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, PositiveInt
from torch import Tensor

from generator.inversion import Rows
from generator.optimizers.bounds import wide


@dataclass(frozen=True)
class Metamer:
    """x ← clamp(x − η ∇/‖∇‖₂, 0, 1) with η = step_size · 2^−⌊t/(steps/stages)⌋: 8 × 3000 steps, from 1 down to 1/128."""

    steps: Annotated[int, Field(ge=1)] = 24_000
    step_size: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    stages: PositiveInt = 8

    def begin(self, z: Tensor) -> Rows:  # noqa: ARG002
        """It remembers nothing: an iteration tells its own step size."""
        return {}

    def step(self, z: Tensor, gradient: Tensor, losses: Tensor, memory: Rows, iteration: Tensor) -> tuple[Tensor, Rows]:  # noqa: ARG002
        stage = (iteration * self.stages // self.steps).clamp_max(self.stages - 1)
        size = wide(self.step_size * 0.5 ** stage.to(z.dtype), z)
        norms = wide(gradient.flatten(1).norm(dim=1), z)
        return z - size * gradient / norms.clamp_min(1e-20), memory
