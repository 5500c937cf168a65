"""What is measured as displayed is what the server displays."""

import numpy as np
import pytest

from app.display import KERNELS, render
from generator.errors import GeneratorError
from generator.proof.display import KERNELS as OURS
from generator.proof.display import Display
from generator.stimuli import encode

RNG = np.random.default_rng(1)


def picture(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("kernel", OURS)
@pytest.mark.parametrize(("height", "width", "size"), [(32, 32, 256), (16, 24, 96), (24, 16, 24)])
def test_the_displayed_picture_is_the_servers_rendition(kernel: str, height: int, width: int, size: int) -> None:
    assert set(OURS) == set(KERNELS)
    pixels = picture(height, width)
    shown = Display.model_validate({"size": size, "kernel": kernel}).show(pixels)
    assert np.array_equal(shown, np.asarray(render(encode(pixels), size, kernel)))


def test_nearest_neighbours_bring_back_what_was_there() -> None:
    pixels = picture(16, 24)
    display = Display(size=96)
    assert np.array_equal(display.seen(pixels), (pixels / 255).astype(np.float32))
    blocks = display.show(pixels).reshape(16, 4, 24, 4, 3)
    assert np.array_equal(blocks.mean(axis=(1, 3)), pixels)


def test_a_whole_multiple_is_averaged_in_blocks() -> None:
    pixels = picture(8, 12)
    display = Display(size=36, kernel="bicubic")
    blocks = display.show(pixels).astype(float).reshape(8, 3, 12, 3, 3).mean(axis=(1, 3))
    assert np.abs(display.seen(pixels) * 255 - blocks).max() < 1e-3


def test_pixels_that_straddle_an_edge_count_by_their_share() -> None:
    """Three pixels brought back to two: the middle one counts half on either side."""
    pixels = picture(2, 2)
    display = Display(size=3, kernel="lanczos")
    shown = display.show(pixels).astype(float)
    shares = np.array([[2, 1, 0], [0, 1, 2]]) / 3
    expected = np.stack([shares @ shown[..., c] @ shares.T for c in range(3)], axis=-1)
    assert np.abs(display.seen(pixels) * 255 - expected).max() < 1e-3


def test_smooth_enlargement_takes_noise_away_and_nearest_does_not() -> None:
    noise = picture(32, 32)
    smooth = Display(size=256, kernel="bicubic").seen(noise)
    assert smooth.std() < 0.98 * (noise / 255).std()


def test_nearest_takes_whole_multiples_only() -> None:
    with pytest.raises(GeneratorError, match=r"whole multiple of the pictures' 32 pixels.*try 96"):
        Display(size=100).show(picture(32, 32))
