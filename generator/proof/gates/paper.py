"""The error that the recipe allows, and less than pictures that have nothing to do with each other."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from generator.store import Distribution


@dataclass(frozen=True)
class Paper:
    """Representation error ≤ tau and below the null's 1st percentile."""

    needs_class: bool = False

    def judge(self, measures: Mapping[str, float], tau: float, null: Mapping[str, Distribution]) -> tuple[str, ...]:
        error, first = measures.get("representation_error", math.nan), null["relative"].quantiles["1"]
        reasons = []
        if not error <= tau:
            reasons.append(f"representation error {error:.3g} is above tau {tau:g}")
        if not error < first:
            reasons.append(f"representation error {error:.3g} is not below the null's 1st percentile {first:.3g}")
        return tuple(reasons)
