"""Starts that are pictures themselves: one file for all, or another target of the set."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from generator.errors import GeneratorError
from generator.starts.base import Pixels, Values


@dataclass(frozen=True)
class Picture:
    """The picture in a file, of the targets' size."""

    path: Path

    def draw(self, height: int, width: int, rng: np.random.Generator, others: Sequence[Pixels]) -> Values:  # noqa: ARG002
        try:
            with Image.open(self.path) as opened:
                pixels = np.asarray(opened.convert("RGB"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
            raise GeneratorError(f"start {self.path} is no readable picture ({problem})") from None
        if pixels.shape[:2] != (height, width):
            raise GeneratorError(
                f"start {self.path} is {pixels.shape[1]}×{pixels.shape[0]}, but the targets are {width}×{height}"
            )
        return pixels / 255

    def provenance(self) -> dict[str, str]:
        try:
            return {"path": hashlib.sha256(self.path.read_bytes()).hexdigest()}
        except OSError as problem:
            raise GeneratorError(f"start {self.path} cannot be read: {problem.strerror}") from None


@dataclass(frozen=True)
class AnotherTarget:
    """Another target of the set, of another source picture, drawn for each target."""

    def draw(self, height: int, width: int, rng: np.random.Generator, others: Sequence[Pixels]) -> Values:  # noqa: ARG002
        if not others:
            raise GeneratorError("start target needs targets of two source pictures at least; there is one")
        chosen: Values = others[int(rng.integers(len(others)))] / 255
        return chosen
