"""Dealing trials to one person.

The rules (statistics.md §3.3 and validity.md in short): every condition equally often; each target, and with it each
picture in any role, at most once a person; what was served least comes first, so that over people every
target × condition cell fills evenly, also when people drop out; sides exactly balanced within the person and, as far as
that leaves a choice, within each cell over people.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment


@dataclass(frozen=True)
class Cell:
    """One question that can be dealt, and how often it was: `served[a]` counts arrangement `a`."""

    spec_id: int
    condition: str
    target_id: str
    served: tuple[int, ...]


@dataclass(frozen=True)
class Dealt:
    """One question dealt, with the number of its arrangement."""

    spec_id: int
    arrangement: int


def draw(cells: Sequence[Cell], n_trials: int, rng: np.random.Generator) -> list[Dealt]:
    """`n_trials` questions for one person, in the order in which they are asked.

    Conditions get equal shares; where they do not divide, the least served get one more. Targets are matched to
    conditions so that the total number of times that the dealt cells were served before is least (an assignment
    problem; ties are broken at random). Raises ValueError when there are fewer targets than trials.
    """
    targets = sorted({cell.target_id for cell in cells})
    if n_trials > len(targets):
        raise ValueError(f"{n_trials} trials a person need as many targets; there are {len(targets)}")
    chosen = _least_served(cells, targets, _shares(cells, n_trials, rng), rng)
    dealt = _arrange(chosen, rng)
    return [dealt[i] for i in rng.permutation(len(dealt))]


def _shares(cells: Sequence[Cell], n_trials: int, rng: np.random.Generator) -> list[str]:
    """One entry a trial: the condition that it is to come from."""
    served: dict[str, int] = defaultdict(int)
    for cell in cells:
        served[cell.condition] += sum(cell.served)
    tie = {condition: rng.random() for condition in sorted(served)}
    least_first = sorted(served, key=lambda condition: (served[condition], tie[condition]))
    each, extra = divmod(n_trials, len(least_first))
    return [c for i, c in enumerate(least_first) for _ in range(each + (i < extra))]


def _least_served(cells: Sequence[Cell], targets: list[str], shares: list[str], rng: np.random.Generator) -> list[Cell]:
    by_place: dict[tuple[str, str], Cell] = {}
    for i in rng.permutation(len(cells)):  # of several replicates of one place, the least served stands for it
        cell = cells[i]
        place = (cell.target_id, cell.condition)
        if place not in by_place or sum(cell.served) < sum(by_place[place].served):
            by_place[place] = cell
    seen: dict[str, int] = defaultdict(int)
    for cell in cells:
        seen[cell.target_id] += sum(cell.served)
    # A cell's own count decides, then its target's over all conditions, then chance.
    scale = 1.0 + max(seen.values(), default=0)
    cost = np.empty((len(shares), len(targets)))
    for row, condition in enumerate(shares):
        for column, target in enumerate(targets):
            found = by_place.get((target, condition))
            cost[row, column] = np.inf if found is None else sum(found.served) + seen[target] / (2 * scale)
    cost += rng.random(cost.shape) / (4 * scale * len(shares))
    rows, columns = linear_sum_assignment(cost)
    return [by_place[targets[column], shares[row]] for row, column in zip(rows, columns, strict=True)]


def _arrange(chosen: list[Cell], rng: np.random.Generator) -> list[Dealt]:
    """Give each arrangement to an equal part of the trials, also within each condition.

    Cells are taken condition by condition and, within one, by how far they lean to arrangement 0 so far; each takes the
    arrangement that is due. Counts of arrangements differ by at most one, in a condition and in total.
    """
    groups: dict[str, list[Cell]] = defaultdict(list)
    for cell in chosen:
        groups[cell.condition].append(cell)
    n_arrangements = len(chosen[0].served) if chosen else 1
    total = np.zeros(n_arrangements, dtype=int)
    dealt = []
    for condition in rng.permutation(sorted(groups)):
        quota = _quota(len(groups[condition]), total, rng)
        total += quota
        waiting = list(groups[condition])
        for arrangement in rng.permutation(n_arrangements):
            lean = [cell.served[arrangement] - sum(cell.served) / n_arrangements for cell in waiting]
            order = np.lexsort((rng.random(len(waiting)), lean))
            taken = set(order[: quota[arrangement]].tolist())
            dealt += [Dealt(waiting[i].spec_id, int(arrangement)) for i in sorted(taken)]
            waiting = [cell for i, cell in enumerate(waiting) if i not in taken]
    return dealt


def _quota(n: int, total: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How many of `n` trials each arrangement gets: equal, the rest to those that have had least so far."""
    quota = np.full(len(total), n // len(total))
    order = np.lexsort((rng.random(len(total)), total))
    quota[order[: n % len(total)]] += 1
    return quota


def spread(main: Sequence[Dealt], catch: Sequence[Dealt], rng: np.random.Generator) -> list[Dealt]:
    """Put the catch trials among the others, one at a random place in each of as many equal stretches."""
    if not catch:
        return list(main)
    edges = np.linspace(0, len(main), len(catch) + 1).round().astype(int)
    order: list[Dealt] = []
    for i, caught in enumerate(catch):
        stretch = list(main[edges[i] : edges[i + 1]])
        stretch.insert(int(rng.integers(len(stretch) + 1)), caught)
        order += stretch
    return order


def balanced(spec_ids: Sequence[int], n_arrangements: int, rng: np.random.Generator) -> list[Dealt]:
    """All of these, in random order, each arrangement equally often (counts differ by at most one)."""
    offset = int(rng.integers(n_arrangements))
    shuffled = rng.permutation(np.asarray(spec_ids, dtype=int))
    dealt = [Dealt(int(spec_id), (i + offset) % n_arrangements) for i, spec_id in enumerate(shuffled)]
    return [dealt[i] for i in rng.permutation(len(dealt))]
