"""From a recipe's entry to a start, and from a start to the 8-bit picture that a search begins at."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.errors import BadField
from generator.starts.base import Start
from generator.starts.table import STARTS
from generator.targets import Target


@dataclass(frozen=True)
class ChosenStart:
    value: Start
    settings: dict[str, Any]
    label: str


def choose_start(place: tuple[str | int, ...], entry: str | dict[str, Any]) -> ChosenStart:
    if not isinstance(entry, str) or entry not in STARTS:
        raise BadField(place, f"start {entry!r} is unknown; known are {', '.join(STARTS)}")
    return ChosenStart(STARTS[entry], {"kind": entry}, entry)


def draw_start(
    start: ChosenStart,
    targets: Sequence[Target],
    target: int,
    replicate: int,
    rng_seed: int,
    *,
    one_for_all: bool,
) -> tuple[str, NDArray[np.uint8]]:
    key = "all" if one_for_all else targets[target].target_id
    if replicate:
        key = f"{key}/{replicate}"
    seed = int.from_bytes(hashlib.sha256(f"{rng_seed}|{start.label}|{key}".encode()).digest()[:8], "big")
    height, width, _ = targets[target].pixels.shape
    values = start.value.draw(height, width, np.random.default_rng(seed))
    return f"{start.label}/{key}", (values.clip(0, 1) * 255).round().astype(np.uint8)
