"""Adam (Kingma & Ba 2015), per value: far fewer iterations than the paper's step."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from generator.inversion import Rows
from generator.optimizers.bounds import wide


@dataclass(frozen=True)
class Adam:
    """Written out rather than taken from torch.optim, because images leave the batch when they are finished."""

    lr: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    steps: Annotated[int, Field(ge=1)] = 1000
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    eps: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-8

    def begin(self, z: Tensor) -> Rows:
        return {"first": torch.zeros_like(z), "second": torch.zeros_like(z)}

    def step(self, z: Tensor, gradient: Tensor, losses: Tensor, memory: Rows, iteration: Tensor) -> tuple[Tensor, Rows]:  # noqa: ARG002
        first = self.beta1 * memory["first"] + (1 - self.beta1) * gradient
        second = self.beta2 * memory["second"] + (1 - self.beta2) * gradient**2
        t = wide(iteration + 1, z).double()  # 1 − β₂ᵗ is small at first: float32 would lose half of its digits
        unbiased = first / (1 - self.beta1**t).to(z.dtype)
        scale = (second / (1 - self.beta2**t).to(z.dtype)).sqrt() + self.eps
        return z - self.lr * unbiased / scale, {"first": first, "second": second}
