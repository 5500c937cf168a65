from random import Random

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.sandwich_covariance import cov_cluster_2groups

from app.scoring import Judgement, align
from app.scoring.intervals import crossed_wilson, wilson


def study(
    people: int = 30,
    targets: int = 40,
    each: int = 12,
    per_cluster: int = 2,
    p: float = 0.6,
    groups: tuple[str, ...] = ("a", "b"),
    rng_seed: int = 1,
) -> list[Judgement]:
    """Answers with person and picture effects, unbalanced."""
    rng = np.random.default_rng(rng_seed)
    person, picture = rng.normal(0, 0.15, people), rng.normal(0, 0.2, targets)
    made = []
    for i in range(people):
        for j in rng.permutation(targets)[:each]:
            matched = rng.random() < np.clip(p + person[i] + picture[j], 0.02, 0.98)
            group = groups[int(rng.integers(len(groups)))]
            made.append(Judgement(f"p{i}", group, f"t{j}", f"c{j // per_cluster}", float(matched), 0.5))
    return made


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (23, 60, 0.2709, 0.5098),
    ],
)
def test_wilson_gives_the_published_values(k: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, table I, and one more."""
    assert wilson(k, n) == pytest.approx((low, high), abs=5e-5)
    assert wilson(k, n) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-12)


def test_crossed_wilson_tends_to_wilson_with_many_clusters() -> None:
    assert crossed_wilson(0.3, 200, 10**7) == pytest.approx(wilson(60, 200), abs=1e-6)


def test_the_variance_is_that_of_an_independent_implementation() -> None:
    """statsmodels' two-way clustered covariance of an intercept-only regression, one group at a time."""
    judgements = study()
    for score in align(judgements):
        mine = [j for j in judgements if j.group == score.group]
        y = np.array([j.matched for j in mine])
        people = np.unique([j.participant for j in mine], return_inverse=True)[1]
        clusters = np.unique([j.cluster for j in mine], return_inverse=True)[1]
        fitted = sm.OLS(y, np.ones(len(y))).fit()
        both, by_people, by_clusters = (
            float(v[0, 0]) for v in cov_cluster_2groups(fitted, people, clusters, use_correction=False)
        )
        cells = by_people + by_clusters - both
        f_people, f_clusters = (k / (k - 1) for k in (score.n_participants, score.n_clusters))
        corrected = f_people * by_people + f_clusters * by_clusters - cells
        binomial = y.mean() * (1 - y.mean()) / len(y)
        expected = max(corrected, f_people * by_people, f_clusters * by_clusters, binomial)
        assert score.design_effect == pytest.approx(expected / binomial, rel=1e-9)
        assert score.alignment == pytest.approx(y.mean())
        df = min(score.n_participants, score.n_clusters) - 1
        assert (score.low, score.high) == crossed_wilson(score.alignment, score.n_responses / score.design_effect, df)


def test_counts() -> None:
    (score,) = align(study(groups=("a",), people=5, targets=8, each=8, per_cluster=4))
    assert (score.n_responses, score.n_participants, score.n_targets, score.n_clusters) == (40, 5, 8, 2)
    assert score.chance == 0.5


def test_order_and_names_do_not_matter() -> None:
    judgements = study()
    renamed = [
        Judgement(f"x{j.participant}", j.group, j.target[::-1], f"z{j.cluster}", j.matched, j.chance)
        for j in judgements
    ]
    Random(4).shuffle(renamed)
    for one, two in zip(align(judgements), align(renamed), strict=True):
        assert (one.low, one.high, one.design_effect) == pytest.approx((two.low, two.high, two.design_effect))


def test_sending_every_answer_twice_makes_nothing_more_certain() -> None:
    judgements = study(groups=("a",))
    (once,), (twice,) = align(judgements), align(judgements * 2)
    assert twice.n_responses == 2 * once.n_responses
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high), abs=0.01)
    assert twice.wilson_high - twice.wilson_low < 0.75 * (once.wilson_high - once.wilson_low)


@pytest.mark.parametrize("k", [0, 1, 2, 58, 59, 60])
def test_at_the_edges_the_design_effect_is_borrowed_from_the_others(k: int) -> None:
    others = study(groups=("b", "c"), p=0.5)
    edge = [Judgement(f"p{i % 10}", "edge", f"t{i % 12}", f"c{i % 6}", float(i < k), 0.5) for i in range(60)]
    scores = {score.group: score for score in align(others + edge)}
    weights = [scores[g].n_responses for g in "bc"]
    pooled = np.average([scores[g].design_effect for g in "bc"], weights=weights)
    found = scores["edge"]
    assert found.design_effect == pytest.approx(max(1, pooled))
    assert found.low is not None
    assert found.high is not None
    assert found.low <= k / 60 <= found.high
    assert found.high - found.low > found.wilson_high - found.wilson_low
    alone = next(score for score in align(edge) if score.group == "edge")
    assert alone.design_effect == 1


@pytest.mark.parametrize(
    ("people", "clusters", "reason"),
    [(1, 5, "fewer than 2 participants"), (5, 1, "fewer than 2 source pictures"), (2, 2, None)],
)
def test_what_cannot_be_known_is_not_claimed(people: int, clusters: int, reason: str | None) -> None:
    judged = [
        Judgement(f"p{i}", "a", f"t{j}", f"c{j}", float((i + j) % 2), 0.5)
        for i in range(people)
        for j in range(clusters)
    ]
    (score,) = align(judged)
    assert score.reason == reason
    assert (score.low is None) == (score.high is None) == (reason is not None)
    assert 0 <= score.wilson_low <= score.alignment <= score.wilson_high <= 1


def test_no_judgements_no_scores() -> None:
    assert align([]) == []
