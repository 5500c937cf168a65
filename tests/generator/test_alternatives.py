"""Foils: of the right kind, never of the target's own source, none used too often, and the best choice there is."""

import itertools
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from skimage.metrics import structural_similarity

from generator.alternatives import Foil, Wanted, choose
from generator.errors import GeneratorError
from generator.targets import Target


def make(
    n: int, classes: int | None = 3, clusters: int | None = None, size: int = 12, rng_seed: int = 0
) -> list[Target]:
    """Random pictures of differing mean, so that some are near to many."""
    rng = np.random.default_rng(rng_seed)
    levels = rng.integers(30, 226, (n, 1, 1, 3))
    pixels = np.clip(levels + rng.integers(-30, 31, (n, size, size, 3)), 0, 255).astype(np.uint8)
    return [
        Target(
            str(i),
            pixels[i],
            str(i if clusters is None else i % clusters),
            None if classes is None else f"c{i % classes}",
        )
        for i in range(n)
    ]


def l2(a: Target, b: Target) -> float:
    return float(np.linalg.norm(a.pixels.astype(float) - b.pixels.astype(float)))


def only(found: list[tuple[Foil, ...]]) -> list[int | None]:
    assert all(len(foils) <= 1 for foils in found)
    return [foils[0].target if foils else None for foils in found]


def test_without_a_binding_cap_each_gets_the_nearest_by_the_metric() -> None:
    targets = make(20)
    found = only(choose(targets, [Wanted("nearest", "pixel_l2", max_uses=20)], 0))
    for i, target in enumerate(targets):
        assert found[i] == min((j for j in range(20) if j != i), key=lambda j: l2(target, targets[j]))


def test_nearest_by_ssim_is_the_most_similar_not_the_least() -> None:
    targets = make(12, size=16)
    found = only(choose(targets, [Wanted("nearest", "ssim", max_uses=12)], 0))
    for i, target in enumerate(targets):
        alike = [
            structural_similarity(
                *(target.pixels, other.pixels), channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5,
                use_sample_covariance=False,
            )
            for other in targets
        ]  # fmt: skip
        assert found[i] == max((j for j in range(12) if j != i), key=lambda j: alike[j])


@pytest.mark.parametrize("max_uses", [1, 2])
@pytest.mark.parametrize("kind", ["nearest", "same_class", "other_class"])
def test_under_the_cap_the_sum_of_distances_is_the_least_possible(kind: str, max_uses: int) -> None:
    """Against all ways to give each of six targets a foil."""
    targets = make(6, classes=2)
    found = only(choose(targets, [Wanted(kind, "pixel_l2", max_uses)], 0))  # type: ignore[arg-type]
    fits = {
        "nearest": lambda a, b: True,
        "same_class": lambda a, b: a.label == b.label,
        "other_class": lambda a, b: a.label != b.label,
    }[kind]
    options = [[j for j in range(6) if j != i and fits(targets[i], targets[j])] for i in range(6)]
    sums = [
        sum(l2(targets[i], targets[j]) for i, j in enumerate(way))
        for way in itertools.product(*options)
        if max(Counter(way).values()) <= max_uses
    ]
    assert None not in found
    assert max(Counter(found).values()) <= max_uses
    assert all(j in options[i] for i, j in enumerate(found))
    assert sum(l2(targets[i], targets[j]) for i, j in enumerate(found) if j is not None) == pytest.approx(min(sums))


def test_a_hub_serves_no_more_targets_than_allowed() -> None:
    """Five dark pictures far apart in their own ways, all nearest to the plain black one."""
    pixels = np.zeros((6, 12, 12, 3), np.uint8)
    for i in range(1, 6):
        pixels[i, 2 * i, :] = 255
    targets = [Target(str(i), pixels[i], str(i)) for i in range(6)]
    free = only(choose(targets, [Wanted("nearest", "pixel_l2", 6)], 0))
    assert Counter(free)[0] == 5
    for cap in (1, 2, 3):
        assert max(Counter(only(choose(targets, [Wanted("nearest", "pixel_l2", cap)], 0))).values()) == cap


@pytest.mark.parametrize("kind", ["same_class", "nearest", "other_class"])
@pytest.mark.parametrize("metric", [None, "pixel_l2"])
def test_no_foil_is_of_the_targets_own_cluster(kind: str, metric: str | None) -> None:
    if kind == "nearest" and metric is None:
        metric = "ssim"
    targets = make(24, classes=2, clusters=8)
    found = choose(targets, [Wanted(kind, metric)], 0)  # type: ignore[arg-type]
    assert all(len(foils) == 1 for foils in found)
    for target, (foil,) in zip(targets, found, strict=True):
        assert targets[foil.target].cluster != target.cluster
        assert (foil.kind, foil.metric) == (kind, metric)


def test_random_foils_are_by_the_seed_and_spread_over_all() -> None:
    targets = make(30)
    first, again, other = (only(choose(targets, [Wanted("same_class")], seed)) for seed in (0, 0, 1))
    assert first == again != other
    assert all(targets[j].label == target.label for j, target in zip(first, targets, strict=True) if j is not None)
    seen = {only(choose(targets, [Wanted("same_class")], seed))[0] for seed in range(120)}
    assert seen == {
        j for j in range(1, 30) if j % 3 == 0
    }  # each with chance 1/9: one of nine is missed once in 150,000


def test_another_process_chooses_the_same() -> None:
    here = choose(make(15), [Wanted("nearest", "pixel_l2"), Wanted("same_class")], 4)
    code = (
        "from tests.generator.test_alternatives import make\n"
        "from generator.alternatives import Wanted, choose\n"
        "print(choose(make(15), [Wanted('nearest', 'pixel_l2'), Wanted('same_class')], 4))"
    )
    root = Path(__file__).parents[2]
    there = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == repr(here)


def test_several_alternatives_of_one_target_are_several_pictures() -> None:
    targets = make(18, classes=2)
    wanted = [
        Wanted("nearest", "pixel_l2"),
        Wanted("same_class", "pixel_l2"),
        Wanted("same_class"),
        Wanted("other_class"),
    ]
    found = choose(targets, wanted, 0)
    for foils in found:
        assert [(foil.kind, foil.metric) for foil in foils] == [(want.kind, want.metric) for want in wanted]
        assert len({foil.target for foil in foils}) == 4
    assert [foils[:2] for foils in found] == choose(targets, wanted[:2], 0)


def test_a_target_without_candidate_has_none_and_the_others_have() -> None:
    pixels = [made.pixels for made in make(5)]
    labels = ["a", "a", "a", "lonely", None]
    targets = [Target(str(i), pixels[i], str(i), label) for i, label in enumerate(labels)]
    found = choose(targets, [Wanted("same_class"), Wanted("other_class", max_uses=3)], 0)
    kinds = [[foil.kind for foil in foils] for foils in found]
    assert kinds == [["same_class", "other_class"]] * 3 + [["other_class"], []]


def test_the_same_picture_under_another_name_is_no_foil() -> None:
    made = make(4)
    targets = [*made, Target("twin", made[0].pixels, "another source", made[0].label)]
    for i, foil in enumerate(only(choose(targets, [Wanted("nearest", "pixel_l2", max_uses=5)], 0))):
        assert not np.array_equal(targets[foil].pixels, targets[i].pixels)


def test_as_many_targets_as_can_be_have_a_foil() -> None:
    """Four pictures of one source and one of another: for the four, the fifth alone is no picture of their own source."""
    pixels = [made.pixels for made in make(5)]
    targets = [Target(str(i), pixels[i], "many" if i < 4 else "one", "class") for i in range(5)]
    for cap in (1, 2, 3, 4, 9):
        found = only(choose(targets, [Wanted("same_class", max_uses=cap)], 0))
        assert Counter(found)[4] == min(cap, 4)
        assert found[4] in range(4)


def test_large_pictures_are_compared_as_reduced_copies() -> None:
    """A chequerboard of single pixels is its mean in a copy: grey 124, nearer to grey 120 than grey 150 is."""
    board = 64 + 120 * (np.indices((256, 256)).sum(0) % 2)
    pixels = [
        np.broadcast_to(np.asarray(each)[..., None], (256, 256, 3))
        for each in (board * 0 + 120, board, board * 0 + 150)
    ]
    targets = [Target(str(i), each.astype(np.uint8), str(i)) for i, each in enumerate(pixels)]
    assert only(choose(targets, [Wanted("nearest", "pixel_l2", 3)], 0)) == [1, 0, 1]


def test_a_set_without_classes_is_refused_where_classes_are_needed() -> None:
    targets = make(4, classes=None)
    assert None not in only(choose(targets, [Wanted("nearest", "pixel_l2")], 0))
    for kind in ("same_class", "other_class"):
        with pytest.raises(GeneratorError) as problem:
            choose(targets, [Wanted(kind)], 0)  # type: ignore[arg-type]
        assert str(problem.value) == (
            f"alternatives: kind {kind} needs classes, and no target has one; "
            f"give the target set classes or take kind nearest"
        )


def test_nothing_wanted_gives_nothing() -> None:
    assert choose(make(3), [], 0) == [(), (), ()]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"kind": "nearest"}, "kind nearest needs a metric; known are pixel_l2, ssim"),
        ({"kind": "nearest", "metric": "psnr"}, "metric 'psnr' is unknown; known are pixel_l2, ssim"),
        ({"kind": "similar"}, "Input should be 'same_class', 'nearest' or 'other_class'"),
        ({"kind": "same_class", "max_uses": 0}, "greater than or equal to 1"),
        ({"kind": "same_class", "max_use": 1}, "Unexpected keyword argument"),
    ],
)
def test_what_cannot_be_wanted_is_said(entry: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as problem:
        TypeAdapter(Wanted).validate_python(entry)
    assert message in problem.value.errors()[0]["msg"]
