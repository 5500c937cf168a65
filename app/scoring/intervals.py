"""Intervals for proportions."""

from math import sqrt

from scipy.special import ndtri, stdtrit  # a tenth of the time that scipy.stats takes to load

LEVEL = 0.95


def wilson(successes: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's score interval (Wilson 1927; Newcombe 1998) for independent answers.

    Answers of one person, or to one picture, are not independent: on such data it covers far less than it says.
    """
    return _score_interval(successes / n, n, float(ndtri(0.5 + level / 2)))


def crossed_wilson(p: float, effective_n: float, df: int, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's interval at an effective sample size n* = p(1 − p)/V, with Student's t for the normal quantile.

    V is the two-way cluster-robust variance and df = min(participants, image clusters) − 1. Franco, Little, Louis &
    Slud (2019) recommend intervals of this form for clustered proportions.
    """
    return _score_interval(p, effective_n, float(stdtrit(df, 0.5 + level / 2)))


def _score_interval(p: float, n: float, z: float) -> tuple[float, float]:
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)
