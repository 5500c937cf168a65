"""A target's own JPEG, shift and rounding, made again by hand."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from generator.errors import GeneratorError
from generator.proof import Probe, observe, thresholds, yardsticks
from generator.proof.threshold import percentile_of, value_at
from generator.proof.yardstick import ratios, versions
from generator.store import Distribution
from tests.generator.proof.worlds import CPU, pictures, probe


def test_the_versions_by_hand() -> None:
    (pixels,) = pictures(1)
    made = versions(pixels)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=90, subsampling="4:2:0")
    assert np.array_equal((made["jpeg90"][0] * 255).round(), np.asarray(Image.open(buffer)))
    right, left, down, up = ((version * 255).round().astype(int) for version in made["shift1"])
    assert np.array_equal(right[:, 1:], pixels[:, :-1])
    assert np.array_equal(right[:, 0], pixels[:, 0])
    assert np.array_equal(left[:, :-1], pixels[:, 1:])
    assert np.array_equal(left[:, -1], pixels[:, -1])
    assert np.array_equal(down[1:], pixels[:-1])
    assert np.array_equal(up[:-1], pixels[1:])
    (unrounded,) = made["8bit"]
    assert np.array_equal((unrounded * 255).round(), pixels)
    difference = unrounded * 255 - pixels
    assert np.abs(difference).max() <= 0.5 + 1e-4
    assert difference.std() == pytest.approx(12**-0.5, rel=0.05)
    assert np.array_equal(versions(pixels.copy())["8bit"][0], unrounded)


def test_errors_of_the_versions_against_numpy() -> None:
    targets = pictures(3)
    found = yardsticks(probe(targets), targets)
    for pixels, got in zip(targets, found, strict=True):
        reference = pixels / 255
        for name, made in versions(pixels).items():
            errors = [np.linalg.norm(version - reference) / np.linalg.norm(reference) for version in made]
            assert got[f"error_{name}"] == pytest.approx(np.mean(errors), rel=1e-4)


def test_a_network_that_shifts_do_not_move_has_no_shift_error() -> None:
    targets = [np.full((16, 16, 3), value, np.uint8) for value in (60, 120)]
    (first, _) = yardsticks(probe(targets), targets)
    assert (first["error_shift1"], first["error_jpeg90"]) == (0, 0)
    assert 0 < first["error_8bit"] < 0.01


def test_ratios() -> None:
    lengths = {"error_jpeg90": 0.2, "error_shift1": 0.05, "error_8bit": 0.0}
    assert ratios(0.1, lengths) == {"error_over_jpeg90": 0.5, "error_over_shift1": 2.0}
    assert ratios(0.0, lengths) == dict.fromkeys(("error_over_jpeg90", "error_over_shift1", "error_over_8bit"), 0.0)


NULL = {"relative": Distribution(n=9, quantiles={"0": 0.2, "1": 0.4, "5": 0.8, "100": 1.8})}
LENGTHS = [{"error_jpeg90": 0.1, "error_shift1": 9, "error_8bit": 9}, {"error_jpeg90": 0.3, "error_shift1": 9, "error_8bit": 9}]  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "at", "expected"),
    [
        ("relative", 0.05, [0.05, 0.05]),
        ("null", 1, [0.4, 0.4]),
        ("null", 3, [0.6, 0.6]),
        ("null", 0.5, [0.3, 0.3]),
        ("files", 2, [0.2, 0.6]),
        ("relative", 0, [0, 0]),
    ],
)
def test_thresholds(unit: str, at: float, expected: list[float]) -> None:
    got = thresholds(unit, at, NULL, LENGTHS, ["a", "b"])  # type: ignore[arg-type]
    assert got.dtype == torch.float32
    assert got.tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("unit", "at", "match"),
    [
        ("null", 101, "percentile, between 0 and 100"),
        ("relative", -1, "not negative"),
        ("files", float("nan"), "finite"),
    ],
)
def test_stops_that_mean_nothing(unit: str, at: float, match: str) -> None:
    with pytest.raises(GeneratorError, match=match):
        thresholds(unit, at, NULL, LENGTHS, ["a", "b"])  # type: ignore[arg-type]


def test_a_flat_picture_gives_no_file_error_to_stop_at() -> None:
    with pytest.raises(GeneratorError, match=r"JPEG of target b .*use unit relative or null"):
        thresholds("files", 1, NULL, [LENGTHS[0], {**LENGTHS[1], "error_jpeg90": 0.0}], ["a", "b"])


def test_percentiles_and_values_are_each_others_way_back() -> None:
    for percentile in (0, 0.3, 1, 4.5, 50, 100):
        assert percentile_of(NULL["relative"], value_at(NULL["relative"], percentile)) == pytest.approx(percentile)
    assert percentile_of(NULL["relative"], 0.01) == 0
    assert percentile_of(NULL["relative"], 7) == 100


def test_units_that_never_vary_and_units_far_from_zero_have_their_deviation() -> None:
    """Mean 10⁴ and deviation 10⁻²: sums of squares in one pass would lose it."""
    values = np.random.default_rng(0).normal(size=100)

    def represent(images: torch.Tensor) -> dict[str, torch.Tensor]:
        rows = images[:, 0, 0, 0].double() * 255
        return {"layer": torch.stack([torch.full_like(rows, 0.1), 1e4 + values_of[rows.round().long()] / 100], 1)}

    values_of = torch.from_numpy(values)
    targets = [np.full((2, 2, 3), i, np.uint8) for i in range(100)]
    norms, statistics = observe(represent, targets, CPU, batch_size=7)
    assert len(norms["layer"]) == 100
    assert norms["layer"][3] == pytest.approx(1e4 + values[3] / 100)
    assert statistics["layer"].mean[0].tolist() == pytest.approx([0.1, 1e4 + values.mean() / 100], rel=1e-7)
    assert statistics["layer"].std[0].tolist() == pytest.approx([0, values.std() / 100], rel=1e-6, abs=1e-9)


def test_the_probe_names_the_class() -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 200
    asked: Probe = probe([red, np.full((4, 4, 3), 9, np.uint8)])
    assert asked.name(torch.from_numpy(red).permute(2, 0, 1)[None] / 255) == [0]
