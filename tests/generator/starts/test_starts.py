"""Starts: what is drawn, when it is the same, and what a recipe may ask for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from generator.errors import BadField, GeneratorError
from generator.starts import STARTS, choose_start, draw_start
from generator.targets import Target

RNG = np.random.default_rng(1)
TARGETS = [Target(f"t{i}", RNG.integers(0, 256, (24, 20, 3), dtype=np.uint8), cluster=f"c{i // 2}") for i in range(6)]
PLACE = ("starts", 0)


def draw(entry: str | dict[str, Any], target: int = 0, replicate: int = 0, seed: int = 0, one: bool = False) -> Any:
    return draw_start(choose_start(PLACE, entry), TARGETS, target, replicate, seed, one_for_all=one)


@pytest.mark.parametrize("name", STARTS)
def test_every_start_is_a_function_of_seed_target_and_replicate(name: str) -> None:
    start_id, pixels = draw(name)
    assert start_id == f"{name}/t0"
    assert (pixels.shape, pixels.dtype) == ((24, 20, 3), np.uint8)
    again = draw(name)
    assert again[0] == start_id
    assert np.array_equal(again[1], pixels)
    assert draw(name, replicate=2)[0] == f"{name}/t0/2"
    if name not in {"white", "black", "grey", "target"}:  # one of few pictures may come twice
        for other in (draw(name, target=1), draw(name, replicate=1), draw(name, seed=1)):
            assert not np.array_equal(other[1], pixels)
    if name != "target":
        assert np.array_equal(draw(name, 0, one=True)[1], draw(name, 3, one=True)[1])
        assert draw(name, 3, one=True)[0] == f"{name}/all"


def test_noises_have_the_moments_they_should() -> None:
    rng = np.random.default_rng(0)
    moments = {
        name: (values.mean(), values.std())
        for name in ("super-noise", "light-noise", "grey-noise", "uniform-noise", "pink-noise")
        for values in [STARTS[name].draw(200, 200, rng, ())]
    }
    expected = {
        "super-noise": (0, 1),
        "light-noise": (0, 0.01),
        "grey-noise": (0.5, 0.05),
        "uniform-noise": (0.5, 1 / np.sqrt(12)),
        "pink-noise": (0.5, 0.2),
    }
    for name, (mean, std) in expected.items():
        assert moments[name] == pytest.approx((mean, std), abs=0.01), name


def test_pink_noise_falls_with_frequency_as_natural_pictures_do() -> None:
    values = np.stack([STARTS["pink-noise"].draw(64, 64, np.random.default_rng(i), ()) for i in range(30)])
    power = (np.abs(np.fft.fft2(values, axes=(1, 2))) ** 2).mean((0, 3))
    frequency = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64)[None])
    some = (frequency > 0.03) & (frequency < 0.4)
    slope, _ = np.polyfit(np.log(frequency[some]), np.log(power[some]), 1)
    assert slope == pytest.approx(-2, abs=0.1)  # amplitude 1/f, power 1/f²


def test_another_target_is_never_of_the_same_source_picture() -> None:
    drawn = {draw("target", replicate=i)[1].tobytes() for i in range(60)}
    assert drawn == {target.pixels.tobytes() for target in TARGETS[2:]}
    alone = [TARGETS[0], TARGETS[1]]
    with pytest.raises(GeneratorError, match="two source pictures at least"):
        draw_start(choose_start(PLACE, "target"), alone, 0, 0, 0, one_for_all=False)


def test_a_picture_of_ones_own(tmp_path: Path) -> None:
    Image.fromarray(TARGETS[0].pixels).save(tmp_path / "start.png")
    entry = {"kind": "image", "path": str(tmp_path / "start.png")}
    start_id, pixels = draw(entry, 3)
    assert np.array_equal(pixels, TARGETS[0].pixels)
    assert start_id == "image(path=start.png)/t3"
    settings = choose_start(PLACE, entry).settings
    assert str(tmp_path) not in str(settings)
    assert len(settings["files"]["path"]) == 64
    Image.fromarray(TARGETS[0].pixels[:10]).save(tmp_path / "start.png")
    with pytest.raises(GeneratorError, match="is 20×10, but the targets are 20×24"):
        draw(entry)
    (tmp_path / "start.png").unlink()
    with pytest.raises(GeneratorError, match="cannot be read"):
        draw(entry)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("blue", "known are super-noise"),
        ({"kind": "blue"}, "known are noise, uniform"),
        ({"kind": "noise", "level": 0.5}, "scale"),
        ({"kind": "noise", "level": 0.5, "scale": -1}, "greater than or equal to 0"),
        ({"kind": "pink", "contrast": 2}, "less than or equal to 1"),
        ({"kind": "plain", "colour": 1}, "known are level"),
    ],
)
def test_what_is_no_start_is_one_line(entry: str | dict[str, Any], said: str) -> None:
    with pytest.raises(BadField, match=said) as problem:
        choose_start(PLACE, entry)
    assert "\n" not in str(problem.value)
