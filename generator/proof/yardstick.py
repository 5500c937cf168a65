"""What differences that mean nothing do to a target's representation: its own JPEG, a shift by a pixel, 8 bits."""

import hashlib
import io
import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from generator.inversion import relative_error
from generator.proof.probe import Probe
from generator.stimuli import Pixels, rounded

JPEG_QUALITY = 90
YARDSTICKS = ("jpeg90", "shift1", "8bit")
Values = NDArray[np.float32]


def versions(pixels: Pixels) -> dict[str, list[Values]]:
    """Versions of a picture, (height, width, 3) in [0, 1].

    `jpeg90`: its JPEG of quality 90, as Pillow writes it (colours at half resolution) · `shift1`: shifted by one pixel to
    the right, left, down and up, the edge repeated · `8bit`: a picture that rounds to these 8 bits, that is with uniform
    noise of ± half a step, kept in [0, 1]; its seed is the SHA-256 of the pixels.
    """
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
    with Image.open(buffer) as opened:
        jpeg = np.asarray(opened.convert("RGB"))
    padded = np.pad(pixels, ((1, 1), (1, 1), (0, 0)), mode="edge")
    shifted = [padded[1:-1, :-2], padded[1:-1, 2:], padded[:-2, 1:-1], padded[2:, 1:-1]]
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).digest()
    noise = np.random.default_rng(int.from_bytes(digest[:8], "big")).uniform(-0.5, 0.5, pixels.shape)
    return {
        "jpeg90": [_values(jpeg)],
        "shift1": [_values(picture) for picture in shifted],
        "8bit": [_values((pixels + noise).clip(0, 255))],
    }


def yardsticks(probe: Probe, targets: Sequence[Pixels]) -> list[dict[str, float]]:
    """Of each target the relative representation errors `error_jpeg90`, `error_shift1` (mean of the four directions)
    and `error_8bit` of its own versions against itself, at the probe's layer."""
    return [_errors(probe, pixels) for pixels in targets]


def _errors(probe: Probe, pixels: Pixels) -> dict[str, float]:
    made = versions(pixels)
    images = _tensor([_values(pixels), *(version for name in YARDSTICKS for version in made[name])])
    representation = probe.see(images)[probe.layer]
    errors = iter(relative_error(representation[1:].double(), representation[:1].double()).tolist())
    return {f"error_{name}": rounded(float(np.mean([next(errors) for _ in made[name]]))) for name in YARDSTICKS}


def ratios(error: float, yardstick: Mapping[str, float]) -> dict[str, float]:
    """`error_over_…`, an error over each of a target's yardsticks. Where a version is represented exactly like the
    target there is no ratio, but for an error that is 0 too, which is 0 of anything."""
    found = {}
    for name in YARDSTICKS:
        length = yardstick[f"error_{name}"]
        if length > 0 or error == 0:
            found[f"error_over_{name}"] = error / length if length > 0 else 0.0
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _values(pixels: NDArray[np.generic]) -> Values:
    return (pixels.astype(np.float64) / 255).astype(np.float32)


def _tensor(images: Sequence[Values]) -> Tensor:
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return batch.contiguous(memory_format=torch.channels_last)
