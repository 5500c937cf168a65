"""Transforms against arithmetic that can be done by hand, image by image."""

import numpy as np
import pytest
import torch

from generator.inversion import Transform
from generator.losses.presets import LARGE, SMALL
from generator.objectives import choose_loss
from generator.transforms import TRANSFORMS
from generator.transforms.affine import Rotate, Scale
from generator.transforms.jitter import Jitter
from generator.transforms.pad import Pad

RNG = torch.Generator().manual_seed(2)


def pictures(n: int = 3, side: int = 12) -> torch.Tensor:
    return torch.rand((n, 3, side, side), generator=RNG)


def draws(*rows: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(rows)


def test_jitter_crops_each_image_at_its_own_place() -> None:
    images = pictures(2, 10)
    found = Jitter(pixels=4).apply(images, draws((0, 4), (3, 1)))
    assert torch.equal(found[0], images[0, :, 0:6, 4:10])
    assert torch.equal(found[1], images[1, :, 3:9, 1:7])


def test_pad_puts_grey_around() -> None:
    images = pictures(1, 4)
    found = Pad(pixels=2, value=0.25).apply(images, torch.zeros(1, 0))
    assert found.shape == (1, 3, 8, 8)
    assert torch.equal(found[:, :, 2:6, 2:6], images)
    assert (found[:, :, :2] == 0.25).all()


def test_a_quarter_turn_is_a_quarter_turn() -> None:
    images = pictures(2, 9)
    found = Rotate(degrees=(90.0,)).apply(images, draws((90.0,), (-90.0,)))
    assert torch.allclose(found[0], torch.rot90(images[0], 1, (1, 2)), atol=1e-5)
    assert torch.allclose(found[1], torch.rot90(images[1], -1, (1, 2)), atol=1e-5)


def test_an_oblong_picture_turns_without_being_stretched() -> None:
    """A blob twice as wide as high, turned by a quarter, is twice as high as wide."""
    y, x = np.mgrid[-24:25, -40:41]
    lying, standing = (
        torch.tensor(np.exp(-(y**2) / 40 / a - x**2 / 40 / b)).expand(1, 3, 49, 81) for a, b in ((1, 2), (2, 1))
    )
    found = Rotate(degrees=(90.0,)).apply(lying, draws((90.0,)))
    assert (found - standing).abs().max() < 0.01
    round_one = torch.tensor(np.exp(-(y**2 + x**2) / 40)).expand(1, 3, 49, 81)
    assert (Rotate(degrees=(45.0,)).apply(round_one, draws((45.0,))) - round_one).abs().max() < 0.03


def test_twice_as_large_shows_the_middle() -> None:
    images = pictures(1, 16)
    found = Scale(factors=(2.0,)).apply(images, draws((2.0,)))
    middle = torch.nn.functional.interpolate(images[:, :, 4:12, 4:12], scale_factor=2, mode="bilinear")
    assert torch.allclose(found[:, :, 2:-2, 2:-2], middle[:, :, 2:-2, 2:-2], atol=1e-5)


@pytest.mark.parametrize(("transform", "nothing"), [(Scale(factors=(1.0,)), 1.0), (Rotate(degrees=(0.0,)), 0.0)])
def test_what_does_nothing_gives_the_image_back_bit_by_bit(transform: Transform, nothing: float) -> None:
    images = pictures()
    assert torch.equal(transform.apply(images, draws(*[(nothing,)] * 3)), images)


CASES: dict[str, Transform] = {
    "jitter": Jitter(pixels=3),
    "pad": Pad(pixels=2),
    "scale": Scale(factors=(0.8, 1.0, 1.3)),
    "rotate": Rotate(degrees=(-20.0, 0.0, 35.0)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_each_image_has_its_own_draw_and_its_gradient(name: str) -> None:
    transform, images = CASES[name], pictures().double().requires_grad_(True)
    rng = np.random.default_rng(0)
    drawn = draws(*[transform.draw(rng, 12, 12) for _ in range(3)])
    assert drawn.shape[0] == 3
    together = transform.apply(images, drawn)
    alone = torch.cat([transform.apply(images[i : i + 1], drawn[i : i + 1]) for i in range(3)])
    assert torch.allclose(together, alone)
    assert torch.autograd.gradcheck(lambda x: transform.apply(x, drawn), (images,))


def test_draws_are_uniform_and_come_again() -> None:
    rng = np.random.default_rng(5)
    drawn = [Rotate(degrees=(0.0, 0.0, 10.0)).draw(rng, 8, 8)[0] for _ in range(3000)]
    assert np.mean(np.array(drawn) == 10) == pytest.approx(1 / 3, abs=0.03)
    rng = np.random.default_rng(5)
    assert [Rotate(degrees=(0.0, 0.0, 10.0)).draw(rng, 8, 8)[0] for _ in range(50)] == drawn[:50]
    shifts = [Jitter(pixels=2).draw(rng, 8, 8) for _ in range(900)]
    assert {shift[0] for shift in shifts} == {0, 1, 2}


def test_lucids_robustness() -> None:
    small, large = (
        choose_loss(("losses", 0), {"kind": "relative_l2", "transforms": list(kind)}).transforms
        for kind in (SMALL, LARGE)
    )
    assert [chosen.settings["kind"] for chosen in small] == ["jitter", "scale", "rotate", "jitter"]
    assert [chosen.settings["kind"] for chosen in large] == ["pad", "jitter", "scale", "rotate", "jitter"]
    degrees = small[2].settings["degrees"]
    assert sorted(degrees) == sorted([*range(-10, 11), 0, 0, 0, 0, 0])
    assert small[1].settings["factors"] == pytest.approx([0.9 + 0.02 * i for i in range(11)])
