"""What a start is: a rule for x_0."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Start(Protocol):
    """A frozen value. `draw` gives float64 (height, width, 3); what lies outside [0, 1] is clipped when it is stored.

    Inversion begins from the stored 8-bit file, so that what participants see is what the optimizer saw.
    """

    def draw(self, height: int, width: int, rng: np.random.Generator) -> NDArray[np.float64]: ...
