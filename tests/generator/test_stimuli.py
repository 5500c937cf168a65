"""Between tensors and files, and the distances of pictures."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from generator.metrics import pixel_l2, ssim
from generator.stimuli import decode, encode, rounded, to_pixels, to_tensor

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)


def pixels(n: int) -> list[np.ndarray]:
    return list(RNG.integers(0, 256, (n, 16, 16, 3), dtype=np.uint8))


def test_files_hold_what_the_tensor_rounds_to() -> None:
    exact = to_tensor(pixels(3), CPU)
    assert torch.equal(to_tensor([decode(encode(p)) for p in to_pixels(exact)], CPU), exact)
    nudged = (exact + 0.4 / 255).clamp(0, 1)
    assert torch.equal(to_tensor(to_pixels(nudged), CPU), exact)


def test_numbers_have_six_digits() -> None:
    assert rounded(1 / 3) == 0.333333
    assert rounded(2e7 / 3) == 6666670
    assert rounded(0.0) == 0


def test_metrics_of_equal_and_opposite_pictures() -> None:
    white, black = np.full((16, 16, 3), 255, np.uint8), np.zeros((16, 16, 3), np.uint8)
    assert pixel_l2(white, white) == 0
    assert pixel_l2(white, black) == 1
    assert ssim(white, white) == pytest.approx(1)
    a, b = pixels(2)
    by_channel = [
        structural_similarity(
            a[..., c], b[..., c], data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for c in range(3)
    ]
    assert ssim(a, b) == pytest.approx(np.mean(by_channel))
