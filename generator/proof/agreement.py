"""How alike two representations are, in five numbers."""

import math

import torch
from torch import Tensor

LARGEST_SNR = 200.0
"""dB. Equal representations have infinite signal to noise; float32 tells nothing beyond about 150."""

NAMES = {
    "representation_error": "relative",
    "representation_error_centred": "centred",
    "pearson": "pearson",
    "spearman": "spearman",
    "snr_db": "snr_db",
}
"""Measures of an item, and what the null distribution calls each."""


def agreement(found: Tensor, wanted: Tensor, mean: Tensor) -> dict[str, float]:
    """Of one image: representations of any one shape, and the mean representation over targets. In float64.

    `representation_error` e = ‖g(x_r) − g(x_t)‖₂/‖g(x_t)‖₂ · `representation_error_centred`, over ‖g(x_t) − mean‖₂ ·
    `pearson` and `spearman` correlation over units (ties share the mean of their ranks) ·
    `snr_db` 10·log₁₀(‖g(x_t)‖²/‖g(x_t) − g(x_r)‖²) = −20·log₁₀ e, `LARGEST_SNR` at most (Feather et al. 2019).
    What has no finite value (a target that is represented by zeros or as the mean, a constant) is left out.
    """
    found, wanted, mean = (values.flatten().double() for values in (found, wanted, mean))
    distance = float((found - wanted).norm())
    error = _ratio(distance, float(wanted.norm()))
    numbers = {
        "representation_error": error,
        "representation_error_centred": _ratio(distance, float((wanted - mean).norm())),
        "pearson": correlation(found, wanted),
        "spearman": correlation(ranks(found), ranks(wanted)),
        "snr_db": snr_db(error),
    }
    return {name: value for name, value in numbers.items() if math.isfinite(value)}


def snr_db(error: float) -> float:
    """Signal to noise of a relative error."""
    return -20 * math.log10(max(error, 10 ** (-LARGEST_SNR / 20))) if math.isfinite(error) else math.nan


def ranks(values: Tensor) -> Tensor:
    """(units,) → ranks from 1 in float64; equal values share the mean of their ranks. No number, no ranks: NaN."""
    if not bool(torch.isfinite(values).all()):
        return torch.full_like(values, math.nan, dtype=torch.float64)
    _, place, counts = torch.unique(values, return_inverse=True, return_counts=True)
    ranked: Tensor = (counts.cumsum(0) - (counts - 1).double() / 2)[place]
    return ranked


def correlation(a: Tensor, b: Tensor) -> float:
    """Pearson's, of two float64 vectors; NaN where one of them is constant."""
    if is_constant(a) or is_constant(b):
        return math.nan
    a, b = a - a.mean(), b - b.mean()
    return float((a @ b) / (a.norm() * b.norm()))


def is_constant(values: Tensor) -> bool:
    # Asked of the values, not of their variance, which rounding keeps above zero.
    return bool(values.min() == values.max())


def _ratio(distance: float, scale: float) -> float:
    return distance / scale if scale > 0 else math.nan
