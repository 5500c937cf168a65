"""Between tensors, 8-bit files and the store.

What people see is a PNG with 8 bits a value. Rounding moves the representation, so whatever is proven (generator.proof)
is proven of the decoded file, never of the optimizer's floats.
"""

import io
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Picture
from torch import Tensor

from generator.store import Image, Store

Pixels = NDArray[np.uint8]
DIGITS = 6
"""Significant digits of every number in a manifest: more than float32 arithmetic gives back."""


def to_pixels(images: Tensor) -> list[Pixels]:
    """(batch, 3, height, width) in [0, 1] → uint8 arrays, rounded to the nearest of 256 values."""
    scaled = (images.detach().clamp(0, 1) * 255).round().to(torch.uint8)
    return list(scaled.permute(0, 2, 3, 1).cpu().numpy())


def to_tensor(pixels: Sequence[Pixels], device: torch.device) -> Tensor:
    """uint8 arrays → (batch, 3, height, width) float32 in [0, 1]."""
    batch = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
    return batch.contiguous(memory_format=torch.channels_last).to(device)


def encode(pixels: Pixels) -> bytes:
    """An 8-bit RGB PNG of the pixels and nothing else."""
    buffer = io.BytesIO()
    Picture.fromarray(pixels).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def decode(png: bytes) -> Pixels:
    with Picture.open(io.BytesIO(png)) as picture:
        return np.asarray(picture.convert("RGB"))


def keep(store: Store, pixels: Pixels) -> Image:
    """Store the pixels as a file; returns its name and size."""
    return Image(sha256=store.add_image(encode(pixels)), width=pixels.shape[1], height=pixels.shape[0])


def rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
