"""Does a 95 % interval hold the truth in 95 % of studies? Simulated, seeded; the argument for the interval we use."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit

from app.scoring import Alignment, Judgement, align

SIMULATIONS = 400
Answers = tuple[float, list[Judgement]]


def covered(simulate: Callable[[np.random.Generator], Answers], inside: Callable[[float, Alignment], bool]) -> float:
    rng = np.random.default_rng(20)
    hits = []
    for _ in range(SIMULATIONS):
        truth, judgements = simulate(rng)
        hits.append(inside(truth, align(judgements)[0]))
    return float(np.mean(hits))


def by_crossed(truth: float, score: Alignment) -> bool:
    return score.low is not None and score.high is not None and score.low <= truth <= score.high


def by_binomial(truth: float, score: Alignment) -> bool:
    return score.wilson_low <= truth <= score.wilson_high


def truth_of(intercept: float, *sds: float) -> float:
    """Mean of expit(intercept + normal) by a million draws."""
    rng = np.random.default_rng(0)
    return float(expit(intercept + rng.normal(0, np.sqrt(np.sum(np.square(sds))), 1_000_000)).mean())


TRUTH = truth_of(0.5, 0.5, 1.0)


def full_design(rng: np.random.Generator) -> Answers:
    """40 people × 30 pictures, everybody sees everything (scenario A)."""
    logits = 0.5 + rng.normal(0, 0.5, (40, 1)) + rng.normal(0, 1.0, (1, 30))
    matched = rng.random((40, 30)) < expit(logits)
    return TRUTH, [
        Judgement(str(i), "g", str(j), str(j), float(matched[i, j]), 0.5) for i in range(40) for j in range(30)
    ]


CROPS_TRUTH = truth_of(0.3, 0.5, 0.8, 0.4)


def crops_of_photographs(by_photograph: bool) -> Callable[[np.random.Generator], Answers]:
    """30 people, 60 crops of 15 photographs, 20 answers each: pictures differ by photograph more than by crop."""

    def simulate(rng: np.random.Generator) -> Answers:
        photograph, crop = rng.normal(0, 0.8, 15), rng.normal(0, 0.4, 60)
        judged = []
        for i in range(30):
            person = rng.normal(0, 0.5)
            for j in rng.permutation(60)[:20]:
                matched = rng.random() < expit(0.3 + person + photograph[j // 4] + crop[j])
                cluster = str(j // 4) if by_photograph else str(j)
                judged.append(Judgement(str(i), "g", str(j), cluster, float(matched), 0.5))
        return CROPS_TRUTH, judged

    return simulate


def test_crossed_wilson_covers() -> None:
    assert 0.92 <= covered(full_design, by_crossed) <= 0.98


def test_plain_wilson_does_not() -> None:
    assert covered(full_design, by_binomial) < 0.65


def test_the_unit_of_images_is_the_source_picture() -> None:
    assert covered(crops_of_photographs(by_photograph=True), by_crossed) >= 0.92
    assert covered(crops_of_photographs(by_photograph=False), by_crossed) < 0.86


@pytest.mark.parametrize("p", [0.003, 0.01, 0.99, 1.0])
def test_it_covers_at_the_edges(p: float) -> None:
    def rare(rng: np.random.Generator) -> Answers:
        matched = rng.random((30, 30)) < p
        return p, [
            Judgement(str(i), "g", str(j), str(j), float(matched[i, j]), 0.5) for i in range(30) for j in range(30)
        ]

    assert covered(rare, by_crossed) >= 0.92
