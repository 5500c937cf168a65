"""Losses, by the name that recipes use. A loss is a frozen value called with a State; it returns (batch,)."""

from generator.inversion import Loss
from generator.losses.centred_l2 import CentredL2
from generator.losses.cosine import Cosine
from generator.losses.gram import Gram
from generator.losses.lpips import Lpips
from generator.losses.norms import L1, Lp
from generator.losses.per_unit import PerUnit
from generator.losses.relative_l2 import RelativeL2
from generator.losses.smoothness import Blur, TotalVariation

LOSSES: dict[str, type[Loss]] = {
    "relative_l2": RelativeL2,
    "centred_l2": CentredL2,
    "cosine": Cosine,
    "per_unit": PerUnit,
    "gram": Gram,
    "tv": TotalVariation,
    "blur": Blur,
    "l1": L1,
    "lp": Lp,
    "lpips": Lpips,
}
