"""Regularizers that ask for smooth images, on raw pixels in [0, 1]."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from generator.inversion import State


@dataclass(frozen=True)
class TotalVariation:
    """(Σ Δy² + Σ Δx²)^{β/2}, summed over the whole image first (Mahendran & Vedaldi 2015, as Nanda et al. use it)."""

    beta: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2.0

    def __call__(self, state: State) -> Tensor:
        x = state.image
        rows = ((x[:, :, 1:] - x[:, :, :-1]) ** 2).flatten(1).sum(1)
        columns = ((x[..., 1:] - x[..., :-1]) ** 2).flatten(1).sum(1)
        total: Tensor = rows + columns
        # A power below 1 has no slope at 0; a flat image has nothing to be smoothed.
        return total if self.beta == 2 else total.clamp_min(torch.finfo(total.dtype).tiny) ** (self.beta / 2)


@dataclass(frozen=True)
class Blur:
    """½ Σ (x − blur(x))², the blurred copy taken as given: 3×3, centre 1, the rest ½, divided by their sum; beyond the
    edge lies black."""

    def __call__(self, state: State) -> Tensor:
        x = state.image
        kernel = x.new_full((3, 3), 0.5)
        kernel[1, 1] = 1
        kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, 3, 3)
        blurred = functional.conv2d(x.detach(), kernel, padding=1, groups=x.shape[1])
        energy: Tensor = ((x - blurred) ** 2).flatten(1).sum(1) / 2
        return energy
