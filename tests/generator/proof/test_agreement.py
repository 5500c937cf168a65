"""The five numbers, against scipy and against truths known beforehand."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, rankdata, spearmanr

from generator.proof.agreement import LARGEST_SNR, agreement, ranks

RNG = np.random.default_rng(0)


def rectified(n: int) -> np.ndarray:
    """Like a layer after a ReLU: about half of the units are tied at 0."""
    return np.maximum(RNG.normal(size=n), 0).astype(np.float32)


def test_against_scipy_and_numpy() -> None:
    a, b, mean = rectified(997), rectified(997), rectified(997)
    got = agreement(torch.from_numpy(a), torch.from_numpy(b), torch.from_numpy(mean))
    x, y, m = (values.astype(float) for values in (a, b, mean))
    assert got["representation_error"] == pytest.approx(np.linalg.norm(x - y) / np.linalg.norm(y), rel=1e-12)
    assert got["representation_error_centred"] == pytest.approx(
        np.linalg.norm(x - y) / np.linalg.norm(y - m), rel=1e-12
    )
    assert got["pearson"] == pytest.approx(pearsonr(x, y).statistic, abs=1e-12)
    assert got["spearman"] == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    assert got["snr_db"] == pytest.approx(10 * np.log10(np.sum(y**2) / np.sum((y - x) ** 2)), abs=1e-9)


def test_ties_share_the_mean_of_their_ranks() -> None:
    values = RNG.integers(0, 7, 50).astype(float)
    assert ranks(torch.from_numpy(values)).tolist() == rankdata(values).tolist()


def test_a_tenth_of_noise_is_twenty_decibels() -> None:
    target = torch.tensor([3.0, 4.0])
    got = agreement(target + torch.tensor([0.4, -0.3]), target, torch.zeros(2))
    assert got["representation_error"] == pytest.approx(0.1, rel=1e-6)
    assert got["snr_db"] == pytest.approx(20, abs=1e-5)


def test_equal_representations() -> None:
    values = torch.from_numpy(rectified(100))
    got = agreement(values, values.clone(), torch.zeros(100))
    assert got == {
        "representation_error": 0,
        "representation_error_centred": 0,
        "pearson": pytest.approx(1),
        "spearman": pytest.approx(1),
        "snr_db": LARGEST_SNR,
    }


def test_what_has_no_value_is_left_out() -> None:
    values, zeros = torch.from_numpy(rectified(100)), torch.zeros(100)
    assert set(agreement(values, zeros, values)) == {"representation_error_centred"}
    assert set(agreement(values, values + 1, values + 1)) == {"representation_error", "pearson", "spearman", "snr_db"}
    constant = torch.full((100,), 0.1)
    assert set(agreement(constant, values, zeros)) == {"representation_error", "representation_error_centred", "snr_db"}
    assert agreement(torch.full((100,), math.nan), values, zeros).keys() == set()
