"""Two-alternative forced choice: which of two pictures is more like the one above?"""

from collections.abc import Iterator
from random import Random
from typing import Annotated, Literal

from pydantic import Field

from app.store import StimulusSet
from app.trials.base import Observer, Part, Question, View
from app.trials.outcome import Binary


class TwoAfcSpec(Part):
    """Hashes of the three pictures. In a trial with a right answer, `target` is that answer and `has_truth` is set."""

    query: str
    target: str
    alternative: str
    alternative_kind: str
    has_truth: bool = False


class TwoAfcLayout(Part):
    """The side on which the target lies. It never leaves the server."""

    target_side: Literal["left", "right"]


class TwoAfcAnswer(Part):
    """Index of the option as it lay on the screen: 0 left, 1 right."""

    choice: Annotated[int, Field(ge=0, le=1, strict=True)]


_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


class TwoAfc:
    """The IRI above; its target and its start below."""

    name = "two_afc"
    chance = 0.5
    arrangements = len(_SIDES)
    spec_type = TwoAfcSpec
    layout_type = TwoAfcLayout
    answer_type = TwoAfcAnswer

    def specs(self, stimulus_set: StimulusSet) -> Iterator[Question[TwoAfcSpec]]:
        for item in stimulus_set.items:
            if item.valid:
                spec = TwoAfcSpec(
                    query=item.reconstruction.sha256,
                    target=item.target.sha256,
                    alternative=item.start.sha256,
                    alternative_kind="start",
                )
                yield Question(spec, item.target_id, item.cluster, item.start_id, item.replicate)

    def truth_spec(self, reference: str, near: str, far: str) -> TwoAfcSpec:
        return TwoAfcSpec(query=reference, target=near, alternative=far, alternative_kind="foil", has_truth=True)

    def images(self, spec: TwoAfcSpec) -> tuple[str, ...]:
        return (spec.query, spec.target, spec.alternative)

    def lay_out(self, spec: TwoAfcSpec, arrangement: int) -> TwoAfcLayout:  # noqa: ARG002
        return TwoAfcLayout(target_side=_SIDES[arrangement])

    def view(self, spec: TwoAfcSpec, layout: TwoAfcLayout) -> View:
        options = (spec.target, spec.alternative) if layout.target_side == "left" else (spec.alternative, spec.target)
        return View((("query", spec.query), ("option-0", options[0]), ("option-1", options[1])))

    def judge(self, spec: TwoAfcSpec, layout: TwoAfcLayout, answer: TwoAfcAnswer) -> Binary:
        return Binary(matched=answer.choice == self.right_choice(spec, layout), chance=self.chance)

    def label(self, spec: TwoAfcSpec, layout: TwoAfcLayout, answer: TwoAfcAnswer) -> str:
        return "target" if self.judge(spec, layout, answer).matched else spec.alternative_kind

    def right_choice(self, spec: TwoAfcSpec, layout: TwoAfcLayout) -> int:  # noqa: ARG002
        return _SIDES.index(layout.target_side)

    def simulate(self, spec: TwoAfcSpec, layout: TwoAfcLayout, observer: Observer, rng: Random) -> TwoAfcAnswer:
        if rng.random() < observer.lapse:
            return TwoAfcAnswer(choice=rng.randrange(2))
        right = self.right_choice(spec, layout)
        matched = spec.has_truth or rng.random() < observer.alignment
        return TwoAfcAnswer(choice=right if matched else 1 - right)


two_afc = TwoAfc()
