"""Momentum on the normalized gradient, with Polyak's step and an active set: few iterations on robust networks."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from generator.inversion import Rows
from generator.optimizers.bounds import free, wide


@dataclass(frozen=True)
class Momentum:
    """v ← βv + ∇/‖∇‖₂; x ← x − η · (f − floor)/‖∇‖₂ · v, where the gradient of values at a bound that it pushes outwards is
    left out (no part of the step is spent on them).

    (f − floor)/‖∇‖ is Polyak's step (1969): the length that takes a linear f to its least value. `floor` is that value: 0
    for relative errors; a loss that can be negative needs a smaller one, and does not move at or below it. `longest` bounds
    the length of η · (f − floor)/‖∇‖, in units of the image's values.
    """

    steps: Annotated[int, Field(ge=1)] = 1000
    step_size: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.8
    beta: Annotated[float, Field(ge=0, lt=1)] = 0.85
    floor: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    longest: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 10.0

    def begin(self, z: Tensor) -> Rows:
        return {"velocity": torch.zeros_like(z)}

    def step(self, z: Tensor, gradient: Tensor, losses: Tensor, memory: Rows, iteration: Tensor) -> tuple[Tensor, Rows]:  # noqa: ARG002
        inward = torch.where(free(z, gradient), gradient, 0)
        norms = inward.flatten(1).norm(dim=1).clamp_min(1e-20)
        velocity = self.beta * memory["velocity"] + inward / wide(norms, z)
        length = (self.step_size * (losses - self.floor).clamp_min(0) / norms).clamp_max(self.longest)
        return z - wide(length, z) * velocity, {"velocity": velocity}
