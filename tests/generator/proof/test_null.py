"""Null distributions, against a restatement over all pairs and against truths known beforehand."""

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr

from generator.errors import GeneratorError
from generator.proof import choose_pool, measure_null
from generator.proof.null import PICTURES, QUANTILES, _drawn
from generator.targets.base import Target, Targets
from tests.generator.proof.worlds import CPU, as_targets, pictures

LABELS = ["a", "a", "a", "b", "b", "c", None]


def rectified(images: torch.Tensor) -> dict[str, torch.Tensor]:
    """With many ties at 0, as after a ReLU."""
    return {"layer": (images - 0.5).clamp_min(0)}


def numbers(a: np.ndarray, b: np.ndarray, mean: np.ndarray) -> dict[str, float]:
    error = np.linalg.norm(a - b) / np.linalg.norm(b)
    return {
        "relative": error,
        "centred": np.linalg.norm(a - b) / np.linalg.norm(b - mean),
        "pearson": pearsonr(a, b).statistic,
        "spearman": spearmanr(a, b).statistic,
        "snr_db": -20 * np.log10(error),
    }


@pytest.mark.parametrize("room", [2**30, 16 * 768 * 3])  # in one block, and in blocks of three pictures
def test_against_a_restatement_over_all_pairs(room: int) -> None:
    pool = as_targets(pictures(7, 3), LABELS)
    seen = [np.maximum(p.pixels.transpose(2, 0, 1).ravel() / 255 - 0.5, 0) for p in pool]
    mean = np.mean(seen, axis=0)
    found = measure_null(rectified, "layer", pool, torch.from_numpy(mean).float(), 0, CPU, room=room)
    pairs = list(itertools.permutations(range(7), 2))
    groups = {
        "": pairs,
        "same_class/": [(a, b) for a, b in pairs if LABELS[a] is not None and LABELS[a] == LABELS[b]],
        "different_class/": [(a, b) for a, b in pairs if None not in (LABELS[a], LABELS[b]) and LABELS[a] != LABELS[b]],
    }
    assert {name: len(group) for name, group in groups.items()} == {"": 42, "same_class/": 8, "different_class/": 22}
    assert len(found) == 15
    for prefix, group in groups.items():
        each = [numbers(seen[a], seen[b], mean) for a, b in group]
        for name in each[0]:
            distribution = found[prefix + name]
            assert distribution.n == len(group)
            expected = np.percentile([e[name] for e in each], QUANTILES)
            assert list(distribution.quantiles.values()) == pytest.approx(list(expected), rel=2e-5, abs=2e-6), name


def test_pairs_of_one_cluster_do_not_count() -> None:
    """Within a cluster pictures are equal, so a pair from one cluster would have error 0."""
    dark, light = np.full((16, 16, 3), 50, np.uint8), np.full((16, 16, 3), 200, np.uint8)
    pool = [Target(str(i), dark if i < 3 else light, "dark" if i < 3 else "light", "one") for i in range(6)]
    mean = torch.full((1, 3, 16, 16), 125 / 255)
    found = measure_null(lambda images: {"layer": images}, "layer", pool, mean, 1, CPU)
    assert found["relative"].n == 18  # 3 × 3 pairs, either way round: no pair is counted twice
    assert found["relative"].quantiles["0"] == pytest.approx(0.75, rel=1e-5)  # |50 − 200| / 200
    assert found["relative"].quantiles["100"] == pytest.approx(3.0, rel=1e-5)  # |200 − 50| / 50
    assert found["centred"].quantiles["0"] == pytest.approx(2.0, rel=1e-5)
    assert found["same_class/relative"].n == 18
    assert "pearson" not in found  # constant representations have no correlation
    assert not [name for name in found if name.startswith("different_class")]


def test_ten_thousand_pairs_of_a_pool_and_of_its_classes() -> None:
    """Of random pictures, errors are narrowly distributed about a value that is known: √(E(a−b)²/Eb²) = √(1/6 ÷ 1/3)."""
    pool = as_targets(pictures(150, 4), [f"class-{i % 2}" for i in range(150)])
    found = measure_null(lambda images: {"layer": images}, "layer", pool, torch.full((1, 3, 16, 16), 0.5), 0, CPU)
    assert [found[name].n for name in ("relative", "same_class/relative", "different_class/relative")] == [
        10_000,
        10_000,
        10_000,
    ]
    assert found["relative"].quantiles["50"] == pytest.approx(0.5**0.5, rel=0.01)
    assert found["pearson"].quantiles["50"] == pytest.approx(0, abs=0.01)
    again = measure_null(lambda images: {"layer": images}, "layer", pool, torch.full((1, 3, 16, 16), 0.5), 0, CPU)
    assert again == found
    other = measure_null(lambda images: {"layer": images}, "layer", pool, torch.full((1, 3, 16, 16), 0.5), 1, CPU)
    assert other["relative"] != found["relative"]


def test_a_picture_is_represented_once() -> None:
    asked = 0

    def counting(images: torch.Tensor) -> dict[str, torch.Tensor]:
        nonlocal asked
        asked += len(images)
        return {"layer": images}

    measure_null(counting, "layer", as_targets(pictures(40)), torch.full((1, 3, 16, 16), 0.5), 0, CPU)
    assert asked == 40


def test_of_a_large_pool_whole_handfuls_of_classes_are_drawn() -> None:
    tiny = np.zeros((1, 1, 3), np.uint8)
    pool = [Target(str(i), tiny, str(i), f"class-{i % 1000}") for i in range(50_000)]
    drawn = _drawn(pool, np.random.default_rng(0))
    assert len({picture.target_id for picture in drawn}) == PICTURES
    sizes = np.unique([picture.label for picture in drawn], return_counts=True)[1]
    assert (sizes * (sizes - 1)).sum() >= 9_900  # ordered pairs of one class
    few = [Target(str(i), tiny, str(i), f"class-{i % 10}") for i in range(5_000)]
    assert len({picture.target_id for picture in _drawn(few, np.random.default_rng(0))}) == PICTURES


def test_pictures_outside_the_set_come_first() -> None:
    inside, outside = tuple(as_targets(pictures(2))), tuple(as_targets(pictures(2, 1)))
    assert choose_pool(Targets("x", inside, outside)) == ("others", outside)
    assert choose_pool(Targets("x", inside, ())) == ("targets", inside)


def test_one_cluster_or_a_dead_layer_gives_a_clear_line() -> None:
    one = [Target(str(i), picture, "c") for i, picture in enumerate(pictures(3))]
    with pytest.raises(GeneratorError, match=r"two clusters at least.*3 pictures of 1"):
        measure_null(rectified, "layer", one, torch.zeros(1, 3, 16, 16), 0, CPU)
    with pytest.raises(GeneratorError, match="does not represent by zeros"):
        measure_null(
            lambda images: {"layer": images * 0}, "layer", as_targets(pictures(3)), torch.zeros(1, 3, 16, 16), 0, CPU
        )
