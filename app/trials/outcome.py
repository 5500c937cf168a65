"""What an answer says, typed by kind: each kind names its estimator, and no estimator accepts another's kind.

So far there is one kind; `preference`, `yes_no`, `permutation`, `ordinal`, `category` and `triplet` follow with the
trial types that need them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Binary:
    """Did the observer choose the target? Estimator: a proportion with a crossed interval (app.scoring.alignment)."""

    matched: bool
    chance: float


Outcome = Binary
