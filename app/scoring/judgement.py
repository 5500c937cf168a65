"""The row from which every score is made."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Judgement:
    """One response, interpreted. Whoever judged, a participant or a metric, is an observer like any other.

    `group` is what is scored (a condition), `cluster` the source picture of the target. `matched` is 1 if the observer
    chose the target, 0 if not, ½ for a metric's tie; `chance` is what guessing gives.
    """

    participant: str
    group: str
    target: str
    cluster: str
    matched: float
    chance: float
