"""What a start is: a rule for x_0."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Pixels = NDArray[np.uint8]


class Start(Protocol):
    """A frozen value. `draw` gives float64 (height, width, 3); what lies outside [0, 1] is clipped when it is stored.

    Inversion begins from the stored 8-bit file, so that what participants see is what the optimizer saw. `others` are the
    pictures of the target set that come from another source picture than the target at hand. Raises GeneratorError.
    """

    def draw(self, height: int, width: int, rng: np.random.Generator, others: Sequence[Pixels]) -> Values: ...
