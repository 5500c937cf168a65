import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from app.store import Distribution
from generator.metrics import pixel_l2, ssim
from generator.starts import STARTS
from generator.stimuli import Null, Triple, decode, encode, gate, measure, norms_and_mean, to_pixels, to_tensor
from generator.targets.base import Target

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)


def pixels(n: int) -> list[np.ndarray]:
    return list(RNG.integers(0, 256, (n, 16, 16, 3), dtype=np.uint8))


def flat(images: torch.Tensor) -> torch.Tensor:
    return images.flatten(1)


def null(first_percentile: float) -> Null:
    made = Distribution(n=10, quantiles={"0": first_percentile / 2, "1": first_percentile, "100": 2.0})
    return Null(made, made)


def test_files_hold_what_the_tensor_rounds_to() -> None:
    exact = to_tensor(pixels(3), CPU)
    assert torch.equal(to_tensor([decode(encode(p)) for p in to_pixels(exact)], CPU), exact)
    nudged = (exact + 0.4 / 255).clamp(0, 1)
    assert torch.equal(to_tensor(to_pixels(nudged), CPU), exact)


def test_measures_against_numpy() -> None:
    target, start, found = pixels(3)
    pool = pixels(4)
    norms, mean = norms_and_mean(flat, pool, CPU)
    assert norms == pytest.approx([np.linalg.norm(x.astype(float) / 255) for x in pool], rel=1e-5)
    (got,) = measure(flat, [Triple(target, start, found)], mean, null(0.5), CPU)
    t, s, r = (x.astype(float) / 255 for x in (target, start, found))
    m = np.mean([x.astype(float) / 255 for x in pool], axis=0).transpose(2, 0, 1).ravel()
    assert got["representation_error"] == pytest.approx(np.linalg.norm(r - t) / np.linalg.norm(t), rel=1e-4)
    centred = np.linalg.norm(r - t) / np.linalg.norm(t.transpose(2, 0, 1).ravel() - m)
    assert got["representation_error_centred"] == pytest.approx(centred, rel=1e-4)
    assert got["pixel_l2"] == pytest.approx(np.sqrt(np.mean((r - t) ** 2)), rel=1e-4)
    assert got["distance_ratio"] == pytest.approx(np.linalg.norm(r - t) / np.linalg.norm(s - t), rel=1e-4)
    assert got["pixel_l2_to_start"] == pytest.approx(np.sqrt(np.mean((r - s) ** 2)), rel=1e-4)


def test_metrics_of_equal_and_opposite_pictures() -> None:
    white, black = np.full((16, 16, 3), 255, np.uint8), np.zeros((16, 16, 3), np.uint8)
    assert pixel_l2(white, white) == 0
    assert pixel_l2(white, black) == 1
    assert ssim(white, white) == pytest.approx(1)
    a, b = pixels(2)
    by_channel = [
        structural_similarity(
            a[..., c], b[..., c], data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for c in range(3)
    ]
    assert ssim(a, b) == pytest.approx(np.mean(by_channel))


@pytest.mark.parametrize(
    ("error", "tau", "first", "n_reasons"),
    [
        (0.05, 0.1, 0.5, 0),
        (0.1, 0.1, 0.5, 0),
        (0.11, 0.1, 0.5, 1),
        (0.3, 0.4, 0.3, 1),
        (0.6, 0.1, 0.5, 2),
        (float("nan"), 0.1, 0.5, 2),
    ],
)
def test_the_gate(error: float, tau: float, first: float, n_reasons: int) -> None:
    assert len(gate({"representation_error": error}, tau, null(first))) == n_reasons


def test_the_null_pairs_different_clusters_only() -> None:
    """Within a cluster pictures are equal, so a pair from one cluster would have error 0."""
    dark, light = np.full((16, 16, 3), 50, np.uint8), np.full((16, 16, 3), 200, np.uint8)
    pool = [Target(str(i), dark if i < 3 else light, "dark" if i < 3 else "light") for i in range(6)]
    _, mean = norms_and_mean(flat, [target.pixels for target in pool], CPU)
    found = Null.measure(flat, pool, mean, np.random.default_rng(1), CPU, n_pairs=200)
    assert found.relative.n == 18  # 3 × 3 pairs, either way round: no pair is counted twice
    assert found.relative.quantiles["0"] == pytest.approx(0.75, rel=1e-3)  # |50 − 200| / 200
    assert found.relative.quantiles["100"] == pytest.approx(3.0, rel=1e-3)  # |200 − 50| / 50
    assert found.centred.quantiles["0"] == pytest.approx(2.0, rel=1e-3)


@pytest.mark.parametrize("name", STARTS)
def test_starts(name: str) -> None:
    one, two = (STARTS[name].draw(8, 9, np.random.default_rng(4)) for _ in range(2))
    assert one.shape == (8, 9, 3)
    assert np.array_equal(one, two)


@pytest.mark.parametrize(
    ("name", "mean", "sd"),
    [("super-noise", 0, 1), ("light-noise", 0, 0.01), ("grey-noise", 0.5, 0.05), ("white", 1, 0), ("black", 0, 0)],
)
def test_starts_have_the_published_mean_and_spread(name: str, mean: float, sd: float) -> None:
    drawn = STARTS[name].draw(64, 64, np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(mean, abs=0.03)
    assert drawn.std() == pytest.approx(sd, rel=0.03)
