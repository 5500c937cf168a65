"""Every loss, optimizer, start and model family keeps the promises of its Protocol."""

import pytest
import torch

from generator.inversion import State, invert
from generator.losses import LOSSES
from generator.models import FAMILIES, family
from generator.optimizers import OPTIMIZERS

RNG = torch.Generator().manual_seed(0)
EXAMPLES = {"small_resnet": ("small_resnet", 32), "torchvision": ("resnet18", 64)}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_one_number_an_image_and_differentiable(name: str) -> None:
    image = torch.rand((3, 3, 4, 4), generator=RNG, requires_grad=True)
    target = torch.rand((3, 3, 4, 4), generator=RNG)
    loss = LOSSES[name]()(State(image, image.flatten(1) * 2, target, target.flatten(1) * 2, target))
    assert loss.shape == (3,)
    (gradient,) = torch.autograd.grad(loss.sum(), image)
    assert torch.isfinite(gradient).all()
    assert (gradient.flatten(1).norm(dim=1) > 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_a_match_is_no_loss(name: str) -> None:
    image = torch.rand((2, 3, 4, 4), generator=RNG, requires_grad=True)
    loss = LOSSES[name]()(State(image, image.flatten(1), image.detach(), image.detach().flatten(1), image.detach()))
    assert loss.tolist() == [0, 0]
    (gradient,) = torch.autograd.grad(loss.sum(), image)
    assert torch.isfinite(gradient).all()


SETTINGS = {"paper": {"steps": 400, "step_size": 0.05}, "adam": {"steps": 400, "lr": 0.02}}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_reach_what_can_be_reached(name: str) -> None:
    target, start = torch.rand((2, 3, 4, 4), generator=RNG), torch.rand((2, 3, 4, 4), generator=RNG)
    optimizer = OPTIMIZERS[name](**SETTINGS[name], stop_at=0.03)  # type: ignore[call-arg]
    found = invert(lambda images: images.flatten(1), LOSSES["relative_l2"](), optimizer, target, start)
    assert (found.errors <= 0.03).all()
    assert repr(optimizer).startswith(type(optimizer).__name__)  # its fields are provenance
    assert 0 <= found.images.min() <= found.images.max() <= 1


@pytest.mark.parametrize("name", FAMILIES)
def test_families_take_pictures_of_any_size_and_give_their_gradient(name: str) -> None:
    architecture, size = EXAMPLES[name]
    found = family(name)
    assert found.name == name
    assert architecture in found.architectures()
    built = found.build(architecture, None, None, None)
    assert built.weights_sha256 is None
    assert not built.module.training
    assert not any(parameter.requires_grad for parameter in built.module.parameters())
    for side in (size, size + 8):
        images = torch.rand((1, 3, side, side), generator=RNG, requires_grad=True)
        (gradient,) = torch.autograd.grad(built.module(images).sum(), images)
        assert gradient.shape == images.shape
        assert (gradient != 0).any()
