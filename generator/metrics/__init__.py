"""Distances between two pictures, taken on the 8-bit files that people see."""

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

Pixels = NDArray[np.uint8]
SMALLEST_SIDE = 11
"""Pixels: the width of SSIM's window."""


def pixel_l2(a: Pixels, b: Pixels) -> float:
    """Root mean square difference of the values, scaled to [0, 1]: ‖a − b‖₂ / √n, 0 for equal pictures, 1 at most."""
    return float(np.sqrt(np.mean((a.astype(float) - b.astype(float)) ** 2)) / 255)


def ssim(a: Pixels, b: Pixels) -> float:
    """Structural similarity (Wang et al. 2004) with its Gaussian window, mean over colours; 1 for equal pictures."""
    return float(
        structural_similarity(  # type: ignore[no-untyped-call]
            a, b, data_range=255, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )
