"""What is optimized and the image that it stands for: there and back, projection in image space, Lucid's scaling."""

import numpy as np
import pytest
import torch

from generator.errors import GeneratorError
from generator.parameterizations import PARAMETERIZATIONS
from generator.parameterizations.fourier import Fourier

RNG = torch.Generator().manual_seed(3)
KINDS = [cls() for cls in PARAMETERIZATIONS.values()] + [Fourier(squash="sigmoid")]


def pictures(height: int = 10, width: int = 12, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return 0.02 + 0.96 * torch.rand((2, 3, height, width), generator=RNG, dtype=dtype)


@pytest.mark.parametrize("kind", KINDS, ids=repr)
@pytest.mark.parametrize("height", [10, 11])
def test_there_and_back(kind: Fourier, height: int) -> None:
    images = pictures(height)
    z = kind.encode(images)
    assert len(z) == 2
    assert torch.allclose(kind.decode(z), images, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_the_image_of_any_z_can_be_put_inside(kind: Fourier) -> None:
    z = kind.encode(pictures())
    wild = z + 3 * torch.randn(z.shape, generator=RNG, dtype=z.dtype)
    image = kind.decode(kind.project(wild))
    assert image.min() >= -1e-9
    assert image.max() <= 1 + 1e-9
    inside = kind.project(z)
    assert torch.allclose(kind.decode(inside), kind.decode(z), atol=1e-9)  # what is inside stays


def test_projection_is_that_of_the_image_not_of_the_coefficients() -> None:
    kind = Fourier()
    z = kind.encode(pictures()) * 2
    assert torch.allclose(kind.decode(kind.project(z)), kind.decode(z).clamp(0, 1), atol=1e-9)


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_gradients(kind: Fourier) -> None:
    z = kind.encode(pictures(4, 6)).requires_grad_(True)
    assert torch.autograd.gradcheck(kind.decode, (z,))


def test_coefficients_are_scaled_by_frequency() -> None:
    """A unit step in one coefficient changes a coarse wave more than a fine one, as 1/f."""
    kind, z = Fourier(), torch.zeros((1, 3, 16, 9, 2), dtype=torch.float64)
    sizes = {}
    for column in (1, 2, 4):
        one = z.clone()
        one[0, 0, 0, column, 0] = 1
        sizes[column] = float(kind.decode(one).norm())
    assert sizes[1] / sizes[2] == pytest.approx(2)
    assert sizes[1] / sizes[4] == pytest.approx(4)
    constant = z.clone()
    constant[0, 0, 0, 0, 0] = 1
    # The mean has no frequency; it is scaled like one wave across the picture (which stands for two coefficients).
    assert float(kind.decode(constant).norm()) == pytest.approx(sizes[1] / np.sqrt(2))


def test_colours_are_mixed_and_can_be_told_apart() -> None:
    z = torch.zeros((1, 3, 8, 5, 2), dtype=torch.float64)
    z[0, 0, 0, 0, 0] = 1  # the first decorrelated colour is brightness
    red, green, blue = Fourier().decode(z)[0, :, 0, 0].tolist()
    assert 0.9 < red / green < 1.1
    assert 0.9 < blue / green < 1.1


def test_an_odd_width_is_refused() -> None:
    with pytest.raises(GeneratorError, match="even width, not 13 pixels"):
        Fourier().encode(pictures(10, 13))
