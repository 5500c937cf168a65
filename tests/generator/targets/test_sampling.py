"""Which pictures become targets: balanced, by the seed alone, and never more decoded than drawn."""

from collections import Counter

import numpy as np
import pytest

from generator.errors import GeneratorError
from generator.targets.base import Target
from generator.targets.sampling import Sampling, assemble

IDS = [f"{i:04}" for i in range(1000)]
TEN = [f"class-{i % 10}" for i in range(1000)]


def counts(labels: list[str], numbers: list[int]) -> list[int]:
    return sorted(Counter(labels[i] for i in numbers).values())


def test_a_limit_is_shared_out_evenly_and_small_classes_give_all_they_have() -> None:
    chosen, _ = Sampling(limit=64).draw(IDS, TEN, 0)
    assert counts(TEN, chosen) == [6] * 6 + [7] * 4
    uneven = ["rare"] * 3 + ["common"] * 997
    chosen, _ = Sampling(limit=20).draw(IDS, uneven, 0)
    assert counts(uneven, chosen) == [3, 17]
    assert len(Sampling(limit=5000).draw(IDS, TEN, 0)[0]) == 1000


def test_per_class_is_exact_or_refused() -> None:
    chosen, others = Sampling(per_class=7).draw(IDS, TEN, 0)
    assert counts(TEN, chosen) == [7] * 10
    assert not set(chosen) & set(others)
    with pytest.raises(GeneratorError, match=r"class rare has 3 pictures; per_class must be at most that, not 4"):
        Sampling(per_class=4).draw(IDS, ["rare"] * 3 + ["common"] * 997, 0)
    with pytest.raises(GeneratorError, match="per_class needs classes, and no picture has one"):
        Sampling(per_class=4).draw(IDS, [None] * 1000, 0)
    with pytest.raises(GeneratorError, match="both limit and per_class"):
        Sampling(per_class=4, limit=4).draw(IDS, TEN, 0)


def test_per_class_passes_over_pictures_without_a_class() -> None:
    labels = [None if i < 500 else "known" for i in range(1000)]
    chosen, others = Sampling(per_class=5).draw(IDS, labels, 0)
    assert all(i >= 500 for i in chosen)
    assert any(i < 500 for i in others)


def test_the_draw_is_a_function_of_the_seed_and_not_of_the_order_of_listing() -> None:
    first, other = (Sampling(limit=30, others=50).draw(IDS, TEN, seed) for seed in (0, 1))
    shuffle = np.random.default_rng(5).permutation(1000).tolist()
    listed = Sampling(limit=30, others=50).draw([IDS[i] for i in shuffle], [TEN[i] for i in shuffle], 0)
    assert [[shuffle[i] for i in numbers] for numbers in listed] == list(first)
    assert set(other[0]) != set(first[0])


def test_every_picture_is_as_likely_to_be_drawn() -> None:
    """400 seeds, 10 of 40 pictures: each is drawn 100 times on average, with a standard deviation of √(400·¼·¾) = 8.7;
    beyond 5 of them once in 40,000 such tests."""
    labels = [f"class-{i % 4}" for i in range(40)]
    drawn = Counter(i for seed in range(400) for i in Sampling(limit=10).draw(IDS[:40], labels, seed)[0])
    assert len(drawn) == 40
    assert all(abs(n - 100) < 44 for n in drawn.values())


def test_others_are_bounded_and_give_ten_thousand_pairs_of_one_class() -> None:
    """As of a dataset of 1000 classes with 50 pictures each: were others balanced, no two would be of one class."""
    labels = [f"class-{i % 1000:03}" for i in range(50_000)]
    ids = [f"{i:05}" for i in range(50_000)]
    chosen, others = Sampling(limit=100).draw(ids, labels, 0)
    assert len(others) == 500
    assert not set(chosen) & set(others)
    assert sum(n * (n - 1) for n in counts(labels, others)) >= 10_000
    assert len(Sampling(limit=100, others=7).draw(ids, labels, 0)[1]) == 7
    assert len(Sampling(limit=990).draw(IDS, TEN, 0)[1]) == 10
    assert Sampling().draw(IDS, TEN, 0)[1] == []


def test_only_what_is_drawn_is_decoded() -> None:
    decoded = []

    def describe(i: int) -> Target:
        decoded.append(i)
        return Target(IDS[i], np.zeros((2, 2, 3), np.uint8), IDS[i])

    drawn = Sampling(limit=10, others=20).draw(IDS, TEN, 0)
    found = assemble("name", describe, drawn, "as it was")
    assert sorted(decoded) == sorted(drawn[0] + drawn[1])
    assert len(decoded) == 30
    assert [target.target_id for target in found.targets] == [IDS[i] for i in drawn[0]]
    assert found.preprocessing == "as it was"
