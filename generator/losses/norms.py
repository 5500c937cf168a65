"""Regularizers that ask for small numbers, on raw pixels in [0, 1]."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from generator.inversion import State


@dataclass(frozen=True)
class L1:
    """Σ |x − ½|: how far from grey."""

    def __call__(self, state: State) -> Tensor:
        distance: Tensor = (state.image - 0.5).abs().flatten(1).sum(1)
        return distance


@dataclass(frozen=True)
class Lp:
    """‖x‖_p, with p = 6 as in Mahendran & Vedaldi (2015)."""

    p: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 6.0

    def __call__(self, state: State) -> Tensor:
        norm: Tensor = state.image.flatten(1).norm(p=self.p, dim=1)
        return norm
