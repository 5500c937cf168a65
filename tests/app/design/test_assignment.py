from collections import Counter

import numpy as np
import pytest

from app.design.assignment import Cell, Dealt, balanced, draw, spread

TARGETS, CONDITIONS, TRIALS = 30, ("a", "b", "c"), 12


def cells(served: Counter[tuple[int, int]]) -> list[Cell]:
    made = []
    for t in range(TARGETS):
        for c, condition in enumerate(CONDITIONS):
            i = t * len(CONDITIONS) + c
            made.append(Cell(i, condition, f"t{t}", (served[i, 0], served[i, 1])))
    return made


def deal(people: int, drop: float = 0.0) -> tuple[Counter[tuple[int, int]], list[list[Dealt]]]:
    rng = np.random.default_rng(5)
    served: Counter[tuple[int, int]] = Counter()
    plans = []
    for _ in range(people):
        plan = draw(cells(served), TRIALS, rng)
        kept = plan if rng.random() >= drop else plan[: rng.integers(TRIALS)]
        served.update((dealt.spec_id, dealt.arrangement) for dealt in kept)
        plans.append(plan)
    return served, plans


def test_within_a_person_everything_is_balanced() -> None:
    _, plans = deal(40)
    for plan in plans:
        assert len({dealt.spec_id // len(CONDITIONS) for dealt in plan}) == TRIALS  # each target once
        assert set(Counter(dealt.spec_id % len(CONDITIONS) for dealt in plan).values()) == {TRIALS // len(CONDITIONS)}
        assert Counter(dealt.arrangement for dealt in plan) == {0: TRIALS // 2, 1: TRIALS // 2}
        for condition in range(len(CONDITIONS)):
            sides = Counter(d.arrangement for d in plan if d.spec_id % len(CONDITIONS) == condition)
            assert sides == {0: 2, 1: 2}


def test_over_people_every_cell_fills_evenly_also_when_some_drop_out() -> None:
    for drop in (0.0, 0.3):
        served, _ = deal(45, drop)
        counts = [served[i, 0] + served[i, 1] for i in range(TARGETS * len(CONDITIONS))]
        assert max(counts) - min(counts) <= 2, (drop, Counter(counts))


def test_sides_balance_over_people_within_a_cell() -> None:
    served, _ = deal(90)
    lean = [abs(served[i, 0] - served[i, 1]) for i in range(TARGETS * len(CONDITIONS))]
    assert max(lean) <= 4
    assert np.mean(lean) < 1.5


def test_shares_that_do_not_divide_go_to_the_least_served() -> None:
    served = Counter({(i, 0): 9 for i in range(TARGETS * len(CONDITIONS)) if i % len(CONDITIONS) != 2})
    plan = draw(cells(served), 4, np.random.default_rng(0))
    assert Counter(CONDITIONS[dealt.spec_id % 3] for dealt in plan)["c"] == 2


def test_odd_numbers_of_trials_differ_by_one_side_at_most() -> None:
    plan = draw(cells(Counter()), 11, np.random.default_rng(0))
    assert sorted(Counter(dealt.arrangement for dealt in plan).values()) == [5, 6]


def test_a_plan_is_a_function_of_its_seed() -> None:
    one, two, other = (draw(cells(Counter()), TRIALS, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == two != other


def test_the_order_says_nothing_about_condition_or_side() -> None:
    """First places are taken by each condition and side equally often (χ² with 5 degrees of freedom, p > 0.001)."""
    firsts = Counter((plan[0].spec_id % 3, plan[0].arrangement) for plan in deal(300)[1])
    expected = 300 / 6
    assert sum((firsts[c, a] - expected) ** 2 / expected for c in range(3) for a in range(2)) < 20.5


def test_more_trials_than_targets_are_refused() -> None:
    with pytest.raises(ValueError, match="31 trials"):
        draw(cells(Counter()), 31, np.random.default_rng(0))


def test_of_several_replicates_the_least_served_is_dealt() -> None:
    twins = [Cell(1, "a", "t", (3, 3)), Cell(2, "a", "t", (0, 1))]
    assert draw(twins, 1, np.random.default_rng(0))[0].spec_id == 2


def test_catch_trials_are_spread_one_a_stretch() -> None:
    main = [Dealt(i, 0) for i in range(20)]
    catch = [Dealt(100 + i, 0) for i in range(4)]
    for seed in range(20):
        order = spread(main, catch, np.random.default_rng(seed))
        assert [dealt for dealt in order if dealt.spec_id < 100] == main
        for stretch in range(4):
            assert sum(dealt.spec_id >= 100 for dealt in order[stretch * 6 : stretch * 6 + 6]) == 1


def test_practice_sides_are_balanced() -> None:
    dealt = balanced(range(6), 2, np.random.default_rng(1))
    assert sorted(d.spec_id for d in dealt) == list(range(6))
    assert Counter(d.arrangement for d in dealt) == {0: 3, 1: 3}
