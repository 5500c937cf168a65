"""Pictures that show nothing: noise with a known spectrum."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from generator.targets.base import Pixels, Target, Targets

EXPONENTS = {"white": 0, "pink": 1, "brown": 2}
"""a of the amplitude spectrum 1/fᵃ; photographs have about 1 (Field 1987)."""

Kind = Literal["white", "pink", "brown"]


@dataclass(frozen=True)
class Noise:
    """`per_kind` pictures of `size` × `size` pixels of each kind, which is their class; each is a cluster of its own.

    Gaussian noise whose amplitude falls as 1/fᵃ, f in cycles a picture, alike in all directions: white a = 0, pink 1,
    brown 2. Each colour (or, with `grey`, all three at once) has mean ½ and standard deviation `contrast` in units of the
    range [0, 1], before it is clipped to it. `others` more pictures of the same kinds serve the null distributions.
    """

    size: Annotated[int, Field(ge=2)]
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)] = ("white", "pink")
    per_kind: Annotated[int, Field(ge=1)] = 20
    contrast: Annotated[float, Field(gt=0, le=1)] = 0.2
    grey: bool = False
    others: Annotated[int, Field(ge=0)] = 500
    name: str = "noise"

    def load(self, rng_seed: int) -> Targets:
        kinds = tuple(dict.fromkeys(self.kinds))
        targets = [self._target(kind, number, rng_seed) for kind in kinds for number in range(self.per_kind)]
        more = [(kinds[i % len(kinds)], self.per_kind + i // len(kinds)) for i in range(self.others)]
        others = [self._target(kind, number, rng_seed) for kind, number in sorted(more)]
        spectra = ", ".join(f"{kind} 1/f^{EXPONENTS[kind]}" for kind in kinds)
        words = f"generated: Gaussian noise of amplitude {spectra}; mean 0.5, sd {self.contrast:g}, clipped, 8 bits"
        return Targets(self.name, tuple(targets), tuple(others), words)

    def _target(self, kind: Kind, number: int, rng_seed: int) -> Target:
        name = f"{kind}/{number:04}"
        pixels = self._draw(EXPONENTS[kind], np.random.default_rng([rng_seed, EXPONENTS[kind], number]))
        return Target(name, pixels, name, kind, "heldout", "CC0", True)

    def _draw(self, exponent: int, rng: np.random.Generator) -> Pixels:
        colours = 1 if self.grey else 3
        spectrum = np.fft.rfft2(rng.standard_normal((colours, self.size, self.size)))
        frequency = np.hypot(np.fft.fftfreq(self.size)[:, None], np.fft.rfftfreq(self.size)[None, :])
        frequency[0, 0] = 1  # any number: the mean is set below
        values = np.fft.irfft2(spectrum / frequency**exponent, s=(self.size, self.size))
        values -= values.mean(axis=(1, 2), keepdims=True)
        values *= self.contrast / values.std(axis=(1, 2), keepdims=True)
        eight_bits = np.rint(np.clip(values + 0.5, 0, 1) * 255).astype(np.uint8)
        return np.ascontiguousarray(np.broadcast_to(eight_bits, (3, self.size, self.size)).transpose(1, 2, 0))
