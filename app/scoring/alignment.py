"""Human alignment: the share of answers that chose the target, with an interval over new people and new pictures.

Estimand: E[P(choose the target)] over new participants *and* new source pictures. Every participant answers on many
pictures and every picture is judged by many participants, so answers cluster twice; the variance of the share is

    V = f_P ΣA² + f_T ΣB² − ΣC²,   f = K/(K − 1)

with A, B and C the sums of influence values e = (y − p)/n over each participant, each image cluster and each
(participant, cluster) cell (Cameron, Gelbach & Miller 2011). V is noisy in small studies, so it is floored at its two
one-way parts and at the binomial variance.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.scoring.intervals import LEVEL, crossed_wilson, wilson
from app.scoring.judgement import Judgement

EDGE = 2
"""With so few answers on one side, the influence values say nothing about how answers cluster (validity.md §9)."""

_Floats = NDArray[np.float64]
_Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Alignment:
    """The score of one group. `low` and `high` are None where they cannot be known, and `reason` says why."""

    group: str
    n_responses: int
    n_participants: int
    n_targets: int
    n_clusters: int
    alignment: float
    low: float | None
    high: float | None
    reason: str | None
    wilson_low: float
    wilson_high: float
    design_effect: float
    chance: float


def align(judgements: Iterable[Judgement], level: float = LEVEL) -> list[Alignment]:
    """One score a group, sorted by group.

    The interval is *crossed Wilson*; `wilson_low` and `wilson_high` ignore clustering and are there to compare.
    `design_effect` is V over the binomial variance. At the edges, where at most two answers are on one side, the
    effective sample size is n over the design effect pooled from the other groups (1 where there is none to pool).
    """
    columns = list(
        zip(*((j.participant, j.group, j.target, j.cluster, j.matched, j.chance) for j in judgements), strict=True)
    )
    if not columns:
        return []
    participant, target, cluster = (_codes(columns[i]) for i in (0, 2, 3))
    names, group = np.unique(np.asarray(columns[1]), return_inverse=True)
    matched, chance = (np.asarray(columns[i], dtype=float) for i in (4, 5))
    n = np.bincount(group)
    k = np.bincount(group, matched)
    p = k / n
    counts = [_distinct(group, codes) for codes in (participant, target, cluster)]
    binomial = p * (1 - p) / n
    variance = _variance(group, participant, cluster, (matched - p[group]) / n[group], counts[0], counts[2], binomial)
    at_edge = np.minimum(k, n - k) <= EDGE
    effect = np.divide(variance, binomial, out=np.ones_like(p), where=binomial > 0)
    pooled = float(np.average(effect[~at_edge], weights=n[~at_edge])) if (~at_edge).any() else 1.0
    effect[at_edge] = np.maximum(1.0, pooled)
    chances = np.bincount(group, chance) / n
    return [
        _alignment(
            str(names[g]),
            int(n[g]),
            float(k[g]),
            [int(c[g]) for c in counts],
            float(effect[g]),
            float(chances[g]),
            level,
        )
        for g in range(len(names))
    ]


def _alignment(name: str, n: int, k: float, counts: list[int], effect: float, chance: float, level: float) -> Alignment:
    participants, targets, clusters = counts
    low = high = None
    reason = _too_few(participants, clusters)
    if reason is None:
        low, high = crossed_wilson(k / n, n / effect, min(participants, clusters) - 1, level)
    wilson_low, wilson_high = wilson(k, n, level)
    return Alignment(
        group=name,
        n_responses=n,
        n_participants=participants,
        n_targets=targets,
        n_clusters=clusters,
        alignment=k / n,
        low=low,
        high=high,
        reason=reason,
        wilson_low=wilson_low,
        wilson_high=wilson_high,
        design_effect=effect,
        chance=chance,
    )


def _too_few(participants: int, clusters: int) -> str | None:
    if participants < 2:
        return "fewer than 2 participants"
    return "fewer than 2 source pictures" if clusters < 2 else None


def _variance(
    group: _Codes,
    participant: _Codes,
    cluster: _Codes,
    influence: _Floats,
    participants: _Codes,
    clusters: _Codes,
    binomial: _Floats,
) -> _Floats:
    """V of each group, floored."""
    n_groups = len(participants)
    n_clusters = int(cluster.max()) + 1
    by_participant = _correct(participants) * _squares(group, participant, influence, n_groups)
    by_cluster = _correct(clusters) * _squares(group, cluster, influence, n_groups)
    by_cell = _squares(group, participant * n_clusters + cluster, influence, n_groups)
    crossed = by_participant + by_cluster - by_cell
    floored: _Floats = np.maximum.reduce([crossed, by_participant, by_cluster, binomial])
    return floored


def _squares(group: _Codes, unit: _Codes, influence: _Floats, n_groups: int) -> _Floats:
    """Per group, the sum over units of the squared sum of influence values."""
    span = int(unit.max()) + 1
    pairs, index = np.unique(group * span + unit, return_inverse=True)
    sums = np.bincount(index, influence)
    squares: _Floats = np.bincount(pairs // span, sums**2, minlength=n_groups).astype(float)
    return squares


def _distinct(group: _Codes, unit: _Codes) -> _Codes:
    span = int(unit.max()) + 1
    return np.bincount(np.unique(group * span + unit) // span)


def _correct(k: _Codes) -> _Floats:
    """K/(K − 1); 1 for a single unit, whose group gets no interval anyhow."""
    factor: _Floats = np.where(k > 1, k / np.maximum(k - 1, 1).astype(float), 1.0)
    return factor


def _codes(values: Iterable[str]) -> _Codes:
    codes: _Codes = np.unique(np.asarray(list(values)), return_inverse=True)[1].astype(np.int64)
    return codes
