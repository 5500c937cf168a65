"""Small shifts."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from generator.errors import GeneratorError


@dataclass(frozen=True)
class Jitter:
    """A shift by up to `pixels`/2 to each side, as cropping to a size smaller by `pixels` at a random place gives it (Lucid).

    The crop's place is drawn; the image becomes smaller by `pixels` both ways. Raises GeneratorError where nothing is left.
    """

    pixels: Annotated[int, Field(ge=1)]

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[float, ...]:  # noqa: ARG002
        return tuple(float(n) for n in rng.integers(self.pixels + 1, size=2))

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        height, width = (side - self.pixels for side in images.shape[-2:])
        if min(height, width) < 1:
            raise GeneratorError(
                f"transform jitter: a shift of {self.pixels} pixels leaves nothing of {images.shape[-1]}"
            )
        rows = draws[:, 0].long().view(-1, 1) + torch.arange(height, device=images.device)
        columns = draws[:, 1].long().view(-1, 1) + torch.arange(width, device=images.device)
        some = torch.arange(len(images), device=images.device).view(-1, 1, 1, 1)
        colours = torch.arange(images.shape[1], device=images.device).view(1, -1, 1, 1)
        cropped: Tensor = images[some, colours, rows[:, None, :, None], columns[:, None, None, :]]
        return cropped
