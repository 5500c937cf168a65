"""Adam (Kingma & Ba 2015), per pixel: far fewer iterations than the paper's step."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """Running means of the gradient and of its square, for the whole batch."""

    first: Tensor
    second: Tensor


@dataclass(frozen=True)
class Adam:
    """Written out rather than taken from torch.optim, because images leave the batch when they are finished."""

    lr: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    steps: Annotated[int, Field(ge=1)] = 1000
    stop_at: Annotated[float, Field(gt=0)] | None = None
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    eps: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-8

    def begin(self, images: Tensor) -> Moments:
        return Moments(torch.zeros_like(images), torch.zeros_like(images))

    def step(self, images: Tensor, gradient: Tensor, memory: Moments, active: Tensor, iteration: int) -> Tensor:
        first = self.beta1 * memory.first[active] + (1 - self.beta1) * gradient
        second = self.beta2 * memory.second[active] + (1 - self.beta2) * gradient**2
        memory.first[active], memory.second[active] = first, second
        unbiased = first / (1 - self.beta1 ** (iteration + 1))
        scale = (second / (1 - self.beta2 ** (iteration + 1))).sqrt() + self.eps
        return images - self.lr * unbiased / scale
