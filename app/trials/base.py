"""What a trial type is: a handful of pure questions. It knows no database, no browser, no score."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from app.store import StimulusSet
from app.trials.outcome import Outcome


class Part(BaseModel):
    """Base of specs, layouts and answers: each is a JSON column, typed here, so a new type needs no migration."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Spec = TypeVar("Spec", bound=Part)
Layout = TypeVar("Layout", bound=Part)
Answer = TypeVar("Answer", bound=Part)


@dataclass(frozen=True)
class Question(Generic[Spec]):
    """One trial that a stimulus set gives, with what the design must know about it."""

    spec: Spec
    target_id: str
    cluster: str
    start_id: str
    replicate: int


@dataclass(frozen=True)
class View:
    """All that a browser may know of a trial: pictures by slot on the screen. Slots say nothing about roles."""

    slots: tuple[tuple[str, str], ...]  # (slot, sha256 of the original)


@dataclass(frozen=True)
class Observer:
    """A simulated person of known truth.

    With probability `lapse` the answer is a coin toss; else an IRI is matched with its target with probability
    `alignment`, and a trial that has a right answer is answered rightly.
    """

    alignment: float
    lapse: float = 0.0


class TrialType(Protocol[Spec, Layout, Answer]):
    """One way of asking. `arrangements` is the number of ways in which the options can lie on the screen."""

    @property
    def name(self) -> str: ...
    @property
    def chance(self) -> float: ...
    @property
    def arrangements(self) -> int: ...
    @property
    def spec_type(self) -> type[Spec]: ...
    @property
    def layout_type(self) -> type[Layout]: ...
    @property
    def answer_type(self) -> type[Answer]: ...

    def specs(self, stimulus_set: StimulusSet) -> Iterator[Question[Spec]]:
        """The trials that the valid items of a set give."""
        ...

    def truth_spec(self, reference: str, near: str, far: str) -> Spec:
        """A trial with a right answer, `near`, for practice and catch trials. Arguments are image hashes."""
        ...

    def images(self, spec: Spec) -> tuple[str, ...]:
        """Hashes of every picture that a trial shows."""
        ...

    def lay_out(self, spec: Spec, arrangement: int) -> Layout:
        """What lies where, for `0 <= arrangement < arrangements`. Which arrangement is dealt is the design's to say."""
        ...

    def view(self, spec: Spec, layout: Layout) -> View:
        """What the browser may know."""
        ...

    def judge(self, spec: Spec, layout: Layout, answer: Answer) -> Outcome:
        """What an answer says."""
        ...

    def label(self, spec: Spec, layout: Layout, answer: Answer) -> str:
        """The role that was chosen, for exports: `target`, `start` …"""
        ...

    def right_choice(self, spec: Spec, layout: Layout) -> int:
        """For feedback in practice: the option that is right."""
        ...

    def simulate(self, spec: Spec, layout: Layout, observer: Observer, rng: Random) -> Answer:
        """What an observer of known parameter would answer."""
        ...


AnyTrialType = TrialType[Any, Any, Any]
