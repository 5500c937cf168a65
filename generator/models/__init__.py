"""Model families. Only this table holds import strings, so that a family's library loads when it is asked for."""

import difflib
from importlib import import_module
from pathlib import Path

from generator.errors import GeneratorError
from generator.models.base import BuiltModel, Family

FAMILIES = {
    "torchvision": "generator.models.torchvision:torchvision",
    "small_resnet": "generator.models.small_resnet:small_resnet",
}


def family(name: str) -> Family:
    """Raises GeneratorError, naming the families there are."""
    if name not in FAMILIES:
        raise GeneratorError(f"there is no model family {name!r}; known are {', '.join(FAMILIES)}")
    module, _, attribute = FAMILIES[name].partition(":")
    found: Family = getattr(import_module(module), attribute)
    return found


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
    """The network, frozen, with its preprocessing. Raises GeneratorError with the nearest names."""
    chosen = family(family_name)
    known = chosen.architectures()
    if architecture not in known:
        nearest = difflib.get_close_matches(architecture, known, n=5, cutoff=0.3) or known[:5]
        raise GeneratorError(f"{family_name} has no model {architecture!r}; nearest are {', '.join(nearest)}")
    return chosen.build(architecture, weights, checkpoint, n_classes)


__all__ = ["FAMILIES", "BuiltModel", "Family", "build", "family"]
