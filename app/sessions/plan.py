"""A run's plan as the server keeps it in memory: fixed once dealt, so it can be cached by token.

Pictures are served under names that say nothing: an HMAC, keyed per run, of the place on the screen. Roles never enter.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any

from app.trials import TRIAL_TYPES, AnyTrialType


@dataclass(frozen=True)
class PlannedTrial:
    """One dealt trial. `role`, `spec` and `layout` never reach a browser."""

    position: int
    role: str
    trial_type: str
    spec: dict[str, Any]
    layout: dict[str, Any]
    slots: dict[str, str]  # slot on the screen → name under which the browser asks for the picture

    @property
    def kind(self) -> AnyTrialType:
        return TRIAL_TYPES[self.trial_type]

    @property
    def is_practice(self) -> bool:
        return self.role == "practice"

    @cached_property
    def parts(self) -> tuple[Any, Any]:
        """Spec and layout as their types."""
        return self.kind.spec_type.model_validate(self.spec), self.kind.layout_type.model_validate(self.layout)


@dataclass(frozen=True)
class Plan:
    """All trials of one run, and which file stands behind each picture's name."""

    practice: int
    trials: tuple[PlannedTrial, ...]
    files: dict[str, str] = field(repr=False)  # name → sha256 of the rendition

    @property
    def total(self) -> int:
        return len(self.trials)


def plan_trial(
    image_key: str, renditions: Mapping[str, str], position: int, role: str, trial_type: str, parts: tuple[Any, Any]
) -> tuple[PlannedTrial, dict[str, str]]:
    """A trial with its pictures named, and name → rendition for each of them."""
    kind = TRIAL_TYPES[trial_type]
    spec, layout = parts
    view = kind.view(kind.spec_type.model_validate(spec), kind.layout_type.model_validate(layout))
    names = {slot: picture_name(image_key, position, slot) for slot, _ in view.slots}
    files = {names[slot]: renditions[original] for slot, original in view.slots}
    return PlannedTrial(position, role, trial_type, spec, layout, names), files


def picture_name(image_key: str, position: int, slot: str) -> str:
    """32 hexadecimal digits that only this server can make, from the place on the screen alone."""
    return hmac.new(image_key.encode(), f"{position}:{slot}".encode(), sha256).hexdigest()[:32]
