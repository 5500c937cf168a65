"""Model families. Only this table holds import strings, so that a family's library loads when it is asked for."""

import difflib
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from generator.errors import GeneratorError
from generator.models.base import BuiltModel, Family
from generator.models.normalization import NORMALIZATIONS, find_normalization

FAMILIES = {
    "torchvision": "generator.models.torchvision:torchvision",
    "small_resnet": "generator.models.small_resnet:small_resnet",
    "timm": "generator.models.timm:timm",
    "open_clip": "generator.models.open_clip:open_clip",
    "cifar": "generator.models.cifar:cifar",
    "callable": "generator.models.callable:callable_family",
    "control": "generator.models.control:control",
}

EXTRAS = {"timm": "timm", "open_clip": "clip"}
"""Families whose library, of the same name, comes with an extra."""


def family(name: str) -> Family:
    """Raises GeneratorError, naming the families there are, or the extra that brings its library."""
    if name not in FAMILIES:
        raise GeneratorError(f"there is no model family {name!r}; known are {', '.join(FAMILIES)}")
    if name in EXTRAS and find_spec(name) is None:
        raise GeneratorError(
            f"model family {name} needs a library that is not installed; install alike[{EXTRAS[name]}]"
        )
    module, _, attribute = FAMILIES[name].partition(":")
    found: Family = getattr(import_module(module), attribute)
    return found


def installed() -> Iterator[Family]:
    """The families whose libraries are there."""
    for name in FAMILIES:
        if name not in EXTRAS or find_spec(name) is not None:
            yield family(name)


def build(
    family_name: str,
    architecture: str,
    weights: str | None = None,
    checkpoint: Path | None = None,
    n_classes: int | None = None,
    *,
    normalization: str | None = None,
    input_size: int | None = None,
) -> BuiltModel:
    """The network, frozen, with its preprocessing.

    `normalization`, a name of NORMALIZATIONS, and `input_size`, pixels a side, stand in for the family's own, and for the
    normalizer inside a checkpoint. Raises GeneratorError with the nearest names.
    """
    chosen = family(family_name)
    if not chosen.knows(architecture):
        known = chosen.architectures()
        nearest = difflib.get_close_matches(architecture, known, n=5, cutoff=0.3) or known[:5]
        raise GeneratorError(f"{family_name} has no model {architecture!r}; nearest are {', '.join(nearest)}")
    return chosen.build(
        architecture,
        weights,
        checkpoint,
        n_classes,
        normalization=None if normalization is None else find_normalization(normalization),
        input_size=input_size,
    )


__all__ = ["EXTRAS", "FAMILIES", "NORMALIZATIONS", "BuiltModel", "Family", "build", "family", "installed"]
