"""From a recipe's entry to a start, and from a start to the 8-bit picture that a search begins at."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from generator.choosing import choose
from generator.errors import BadField
from generator.starts.base import Pixels, Start
from generator.starts.noise import Plain
from generator.starts.picture import AnotherTarget, Picture
from generator.starts.table import START_KINDS, STARTS
from generator.targets import Target


@dataclass(frozen=True)
class ChosenStart:
    """A start with its settings; a file stands in them by its hash. `label` is its name, or its kind with settings."""

    value: Start
    settings: dict[str, Any]
    label: str

    @property
    def is_drawn(self) -> bool:
        """Whether another draw is another picture."""
        return not isinstance(self.value, Plain | Picture)

    @property
    def depends_on_target(self) -> bool:
        return isinstance(self.value, AnotherTarget)


def choose_start(place: tuple[str | int, ...], entry: str | dict[str, Any]) -> ChosenStart:
    """A name of `STARTS`, or a table such as { kind = "noise", level = 0.5, scale = 0.1 }. Raises BadField."""
    if isinstance(entry, dict):
        chosen = choose(place, START_KINDS, entry)
        return ChosenStart(chosen.value, chosen.settings, chosen.label)
    if entry not in STARTS:
        raise BadField(
            place,
            f"start {entry!r} is unknown; known are {', '.join(STARTS)}, and tables of kind {', '.join(START_KINDS)}",
        )
    return ChosenStart(STARTS[entry], {"kind": entry}, entry)


def draw_start(
    start: ChosenStart,
    targets: Sequence[Target],
    target: int,
    replicate: int,
    rng_seed: int,
    *,
    one_for_all: bool,
) -> tuple[str, Pixels]:
    """(start_id, 8-bit pixels) for a target and one of its starts, counted from 0.

    A function of the seed, the start, the target's id and the replicate, so that every model begins at the same picture.
    `one_for_all` leaves out the target.
    """
    wanted = targets[target]
    key = "all" if one_for_all else wanted.target_id
    key = f"{key}/{replicate}" if replicate else key
    seed = int.from_bytes(hashlib.sha256(f"{rng_seed}|{start.label}|{key}".encode()).digest()[:8], "big")
    height, width, _ = wanted.pixels.shape
    others = [other.pixels for other in targets if other.cluster != wanted.cluster]
    values = start.value.draw(height, width, np.random.default_rng(seed), others)
    return f"{start.label}/{key}", (values.clip(0, 1) * 255).round().astype(np.uint8)
