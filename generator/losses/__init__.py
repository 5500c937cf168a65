"""Losses, by the name that recipes use. A loss is a frozen value called with a State; it returns (batch,)."""

from generator.inversion import Loss
from generator.losses.relative_l2 import RelativeL2

LOSSES: dict[str, type[Loss]] = {
    "relative_l2": RelativeL2,
}
