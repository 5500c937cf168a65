from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from generator.errors import GeneratorError
from generator.models import build
from generator.representation import Layers

RNG = torch.Generator().manual_seed(0)


@pytest.mark.parametrize("sigma", [0.5, 2.0, 7])
def test_blur_is_scipys(sigma: float) -> None:
    built = build("control", f"gaussian_blur({sigma})")
    images = torch.rand((2, 3, 20, 24), generator=RNG, requires_grad=True)
    seen = Layers(built.module, built.network, ["out"])(images)["out"]
    for picture, blurred in zip(images.detach().double().numpy(), seen.detach().numpy(), strict=True):
        expected = [ndimage.gaussian_filter(plane, sigma, mode="nearest", truncate=4) for plane in picture]
        assert np.allclose(blurred, expected, atol=1e-5)
    (gradient,) = torch.autograd.grad(seen.sum(), images)
    assert gradient.sum().item() == pytest.approx(images.numel(), rel=1e-4)  # blur hands on all the light there is


def test_identity_and_greyscale() -> None:
    images = torch.rand((2, 3, 5, 6), generator=RNG)
    same, grey = build("control", "identity"), build("control", "greyscale")
    assert torch.equal(Layers(same.module, same.network, ["out"])(images)["out"], images)
    luma = (images * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    assert torch.allclose(grey.module(images), luma)
    assert not same.is_classifier
    assert same.weights_sha256 is None
    assert build("control", "identity", input_size=3).module(images).shape == (2, 3, 3, 3)


@pytest.mark.parametrize(
    "name", ["gaussian_blur(0)", "gaussian_blur(-1)", "gaussian_blur", "gaussian_blur(two)", "grey"]
)
def test_unknown_controls(name: str) -> None:
    with pytest.raises(GeneratorError, match="control has no model"):
        build("control", name)


def test_controls_have_no_weights() -> None:
    for arguments in (("DEFAULT", None, None), (None, Path("net.pt"), None), (None, None, 10)):
        with pytest.raises(GeneratorError, match="without weights or classes"):
            build("control", "identity", *arguments)
