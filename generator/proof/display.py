"""The picture as participants see it, brought back to the size that the model sees."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from generator.errors import GeneratorError
from generator.stimuli import Pixels

KERNELS = {
    "nearest": Image.Resampling.NEAREST,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


class Display(BaseModel):
    """How a study shows its pictures: `size` pixels on the longer side, enlarged by `kernel`; pixel for pixel what the
    server's renditions are. `nearest` takes whole multiples of the picture's size only."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    size: Annotated[int, Field(ge=1)]
    kernel: Literal["nearest", "bicubic", "lanczos"] = "nearest"

    def show(self, pixels: Pixels) -> Pixels:
        """The displayed picture. Raises GeneratorError for a size that `nearest` cannot give."""
        height, width = pixels.shape[:2]
        longer = max(height, width)
        if self.kernel == "nearest" and self.size % longer:
            nearby = max(1, self.size // longer) * longer
            raise GeneratorError(
                f"display: size {self.size} is no whole multiple of the pictures' {longer} pixels, as kernel nearest "
                f"needs; try {nearby}"
            )
        size = (round(width * self.size / longer), round(height * self.size / longer))
        return np.asarray(Image.fromarray(pixels).resize(size, KERNELS[self.kernel]))

    def seen(self, pixels: Pixels) -> NDArray[np.float32]:
        """The displayed picture at the size of `pixels` again, by area averaging: (height, width, 3) in [0, 1].

        Not rounded to 8 bits once more: that would add an error of its own.
        """
        shown = self.show(pixels) / 255
        if self.kernel == "nearest":  # whole multiples bring back the very same pixels, without the rounding of a sum
            return (pixels / 255).astype(np.float32)
        rows, columns = (_averaging(shown.shape[axis], pixels.shape[axis]) for axis in (0, 1))
        seen: NDArray[np.float32] = np.einsum("ih,hwc,jw->ijc", rows, shown, columns, optimize=True).astype(np.float32)
        return seen


def _averaging(n: int, m: int) -> NDArray[np.float64]:
    """(m, n): how much of each of n pixels lies in each of m pixels of the same length in all; rows sum to 1."""
    edges, wanted = np.arange(n + 1) / n, np.arange(m + 1) / m
    ends = np.minimum(edges[None, 1:], wanted[1:, None])
    begins = np.maximum(edges[None, :-1], wanted[:-1, None])
    overlap = np.clip(ends - begins, 0, None)
    weights: NDArray[np.float64] = overlap / overlap.sum(1, keepdims=True)
    return weights
