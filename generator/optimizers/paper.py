"""The step of Nanda et al.'s code."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor


@dataclass(frozen=True)
class Paper:
    """x ← clamp(x − step_size · ∇/‖∇‖₂, 0, 1), the gradient normalized per image; no momentum, no decay.

    The paper's preset is 5000 steps of size 1 with the best iterate kept (`stop_at` None).
    """

    steps: Annotated[int, Field(ge=1)] = 5000
    step_size: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    stop_at: Annotated[float, Field(gt=0)] | None = None

    def begin(self, images: Tensor) -> None:
        """It remembers nothing."""

    def step(self, images: Tensor, gradient: Tensor, memory: None, active: Tensor, iteration: int) -> Tensor:  # noqa: ARG002
        norms = gradient.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        moved: Tensor = images - self.step_size * gradient / norms.clamp_min(1e-20)
        return moved
