"""Fourier coefficients of decorrelated colours (Olah et al. 2017; the constants are Lucid's)."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from generator.errors import GeneratorError

_COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
"""A square root of the covariance of colours in ImageNet, up to a factor."""


@dataclass(frozen=True)
class Fourier:
    """z, (batch, 3, height, width//2 + 1, 2), are real and imaginary parts of the coefficients, each multiplied by
    1/max(f, 1/max(height, width)) with f in cycles a pixel, of three colours that are mixed by Lucid's matrix.

    A step of one length then changes coarse structure more than fine. `squash` says how the image stays in [0, 1]:
    `project` puts the image of an iterate into [0, 1] and takes its coefficients again; the way between is linear and
    loses nothing. `sigmoid` squeezes the image of any z, as Lucid does; it cannot give pure black or white. Raises
    GeneratorError for pictures of an odd width, which the number of coefficients would not tell.
    """

    squash: Literal["project", "sigmoid"] = "project"

    def encode(self, images: Tensor) -> Tensor:
        if images.shape[-1] % 2:
            raise GeneratorError(
                f"parameterization fourier needs pictures of an even width, not {images.shape[-1]} pixels; use pixel"
            )
        x = images if self.squash == "project" else torch.logit(images, eps=1e-3)
        colours = torch.einsum("dc,bchw->bdhw", _mixing(x.dtype, x.device).inverse(), x)
        coefficients = torch.fft.rfft2(colours, norm="ortho") / _scale(x.shape[-2], x.shape[-1], x.dtype, x.device)
        return torch.view_as_real(coefficients).contiguous()

    def decode(self, z: Tensor) -> Tensor:
        height, width = z.shape[2], 2 * (z.shape[3] - 1)
        coefficients = torch.view_as_complex(z) * _scale(height, width, z.dtype, z.device)
        colours = torch.fft.irfft2(coefficients, s=(height, width), norm="ortho")
        x = torch.einsum("cd,bdhw->bchw", _mixing(z.dtype, z.device), colours)
        return x if self.squash == "project" else torch.sigmoid(x)

    def project(self, z: Tensor) -> Tensor:
        return z if self.squash == "sigmoid" else self.encode(self.decode(z).clamp(0, 1))


@lru_cache(maxsize=8)
def _mixing(dtype: torch.dtype, device: torch.device) -> Tensor:
    """Columns of decorrelated colours, the largest with length 1."""
    matrix = torch.tensor(_COLOURS, dtype=dtype, device=device)
    scaled: Tensor = matrix / matrix.norm(dim=0).max()
    return scaled


@lru_cache(maxsize=8)
def _scale(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    rows = torch.fft.fftfreq(height, dtype=dtype, device=device).view(-1, 1)
    columns = torch.fft.rfftfreq(width, dtype=dtype, device=device)
    return 1 / torch.sqrt(rows**2 + columns**2).clamp_min(1 / max(height, width))
