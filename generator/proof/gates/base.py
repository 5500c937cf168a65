"""What a gate is."""

from collections.abc import Mapping
from typing import Protocol

from generator.store import Distribution


class Gate(Protocol):
    """A frozen value. `needs_class`: it asks whether the class is kept, so only a classifier's images can pass it."""

    @property
    def needs_class(self) -> bool: ...

    def judge(self, measures: Mapping[str, float], tau: float, null: Mapping[str, Distribution]) -> tuple[str, ...]:
        """Why an item is not valid, in words and with the numbers; empty if it is. `tau` is the largest relative error
        that the recipe allows. Raises GeneratorError where the gate cannot be applied to this network."""
        ...
