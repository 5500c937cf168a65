"""The states of a run, and which may follow which. Every other step is refused."""

from enum import StrEnum

from app.errors import Conflict, Gone


class State(StrEnum):
    """Names as in the field's platforms (conventions.md §1.8)."""

    ARRIVED = "arrived"
    DECLINED = "declined"
    CONSENTED = "consented"
    PRACTISING = "practising"
    ACTIVE = "active"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"


ANSWERING = frozenset({State.CONSENTED, State.PRACTISING, State.ACTIVE})  # a plan is dealt and open
ENDED = frozenset({State.DECLINED, State.COMPLETED, State.WITHDRAWN})

_NEXT: dict[State, frozenset[State]] = {
    State.ARRIVED: frozenset({State.CONSENTED, State.DECLINED}),
    State.CONSENTED: frozenset({State.PRACTISING, State.ACTIVE, State.COMPLETED, State.WITHDRAWN}),
    State.PRACTISING: frozenset({State.ACTIVE, State.COMPLETED, State.WITHDRAWN}),
    State.ACTIVE: frozenset({State.COMPLETED, State.WITHDRAWN}),
    State.DECLINED: frozenset(),
    State.COMPLETED: frozenset(),
    State.WITHDRAWN: frozenset(),
}


def step(now: str, to: State) -> State:
    """The new state. Raises Gone where the run has ended, Conflict where this step does not follow."""
    if to in _NEXT[State(now)]:
        return to
    if State(now) in ENDED:
        raise Gone(f"this run has ended ({now})")
    raise Conflict(f"a run that is {now} cannot become {to}")


def after_answer(position: int, *, practice: int, total: int) -> State:
    """The state of a run that has `position` answers."""
    if position >= total:
        return State.COMPLETED
    return State.ACTIVE if position >= practice else State.PRACTISING
