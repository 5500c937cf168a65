"""No further from the target than versions of it that nobody tells from it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from generator.proof.yardstick import YARDSTICKS
from generator.store import Distribution

_WORDS = {"jpeg90": "own JPEG", "shift1": "shift by a pixel", "8bit": "rounding"}


@dataclass(frozen=True)
class Strict:
    """Representation error ≤ the error of every one of the target's yardsticks. The recipe's tau plays no part.

    Rounding is the hardest of them: the file of an image that matched perfectly before it was rounded has about that
    error itself, so that about as many of these fail as pass. `yardsticks` names those that count.
    """

    yardsticks: tuple[str, ...] = YARDSTICKS
    needs_class: bool = False

    def judge(
        self,
        measures: Mapping[str, float],
        tau: float,  # noqa: ARG002
        null: Mapping[str, Distribution],  # noqa: ARG002
    ) -> tuple[str, ...]:
        error = measures.get("representation_error", math.nan)
        lengths = {name: measures[f"error_{name}"] for name in self.yardsticks}
        return tuple(
            f"representation error {error:.3g} is above that of the target's {_WORDS[name]}, {length:.3g}"
            for name, length in lengths.items()
            if not error <= length
        )
