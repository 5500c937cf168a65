"""The step of Nanda et al.'s code."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from generator.inversion import Rows
from generator.optimizers.bounds import wide


@dataclass(frozen=True)
class Paper:
    """x ← clamp(x − step_size · ∇/‖∇‖₂, 0, 1), the gradient normalized per image; no momentum, no decay.

    The paper's preset is 5000 steps of size 1 with the best iterate kept (`stop = { rule = "best" }`).
    """

    steps: Annotated[int, Field(ge=1)] = 5000
    step_size: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0

    def begin(self, z: Tensor) -> Rows:  # noqa: ARG002
        """It remembers nothing."""
        return {}

    def step(self, z: Tensor, gradient: Tensor, losses: Tensor, memory: Rows, iteration: Tensor) -> tuple[Tensor, Rows]:  # noqa: ARG002
        norms = wide(gradient.flatten(1).norm(dim=1), z)
        return z - self.step_size * gradient / norms.clamp_min(1e-20), memory
