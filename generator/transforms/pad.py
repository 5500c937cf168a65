"""A margin."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Pad:
    """`pixels` of one grey value on each side; nothing is drawn."""

    pixels: Annotated[int, Field(ge=1)]
    value: Annotated[float, Field(ge=0, le=1)] = 0.5

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[float, ...]:  # noqa: ARG002
        return ()

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:  # noqa: ARG002
        return functional.pad(images, (self.pixels,) * 4, value=self.value)
