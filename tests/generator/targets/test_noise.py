"""Noise has the spectrum, mean and spread that it says, and the same seed gives the same pictures."""

import numpy as np
import pytest

from generator.targets.noise import Noise


def slope(pictures: np.ndarray) -> float:
    """Of log amplitude against log frequency, averaged over pictures, colours and directions, by a full complex transform."""
    n = pictures.shape[1]
    values = pictures.astype(float) - pictures.mean(axis=(1, 2), keepdims=True)
    power = (np.abs(np.fft.fft2(values, axes=(1, 2))) ** 2).mean(axis=(0, 3))
    y, x = np.indices((n, n))
    radius = np.hypot(np.minimum(y, n - y), np.minimum(x, n - x))
    rings = range(2, n // 4)
    amplitude = [np.sqrt(power[(radius >= r - 0.5) & (radius < r + 0.5)].mean()) for r in rings]
    return float(np.polyfit(np.log(list(rings)), np.log(amplitude), 1)[0])


@pytest.mark.parametrize(("kind", "expected"), [("white", 0.0), ("pink", -1.0), ("brown", -2.0)])
def test_amplitude_falls_as_it_says(kind: str, expected: float) -> None:
    found = Noise(size=64, kinds=(kind,), per_kind=30, contrast=0.1, others=0).load(0)  # type: ignore[arg-type]
    assert slope(np.stack([target.pixels for target in found.targets])) == pytest.approx(expected, abs=0.05)


def test_mean_and_contrast_are_those_asked_for() -> None:
    for target in Noise(size=64, kinds=("white", "pink", "brown"), per_kind=3, contrast=0.1, others=0).load(0).targets:
        scaled = target.pixels / 255
        assert scaled.mean(axis=(0, 1)) == pytest.approx([0.5] * 3, abs=0.003)
        assert scaled.std(axis=(0, 1)) == pytest.approx([0.1] * 3, abs=0.003)


def test_colours_are_independent_or_there_is_none() -> None:
    colour = Noise(size=64, kinds=("white",), per_kind=1, others=0).load(0).targets[0].pixels.reshape(-1, 3)
    assert np.abs(np.corrcoef(colour.T)[np.triu_indices(3, 1)]).max() < 5 / 64
    grey = Noise(size=64, per_kind=1, grey=True, others=0).load(0).targets[0].pixels
    assert (grey[..., 0] == grey[..., 1]).all()
    assert (grey[..., 0] == grey[..., 2]).all()


def test_kinds_are_classes_and_every_picture_is_a_cluster() -> None:
    found = Noise(size=16, per_kind=4, others=5).load(0)
    everything = found.targets + found.others
    assert [target.label for target in found.targets] == ["white"] * 4 + ["pink"] * 4
    assert len(found.others) == 5
    assert len({target.cluster for target in everything}) == len({target.target_id for target in everything}) == 13
    assert len({target.pixels.tobytes() for target in everything}) == 13
    assert {target.split for target in everything} == {"heldout"}
    assert found.preprocessing == (
        "generated: Gaussian noise of amplitude white 1/f^0, pink 1/f^1; mean 0.5, sd 0.2, clipped, 8 bits"
    )


def test_pictures_depend_on_the_seed_and_on_nothing_beside_them() -> None:
    one, again, other = (Noise(size=16, per_kind=4, others=0).load(seed).targets for seed in (0, 0, 1))
    more = Noise(size=16, kinds=("brown", "pink"), per_kind=6, others=9).load(0).targets
    pink = [target for target in one if target.label == "pink"]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(one, again, strict=True))
    assert not any(np.array_equal(a.pixels, b.pixels) for a, b in zip(one, other, strict=True))
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(pink, more[6:10], strict=True))
