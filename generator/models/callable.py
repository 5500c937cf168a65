"""A researcher's own network: whatever `package.module:callable` returns."""

import hashlib
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from generator.errors import GeneratorError
from generator.models.base import NOMINAL_SIZE, BuiltModel, Family, preprocess
from generator.models.checkpoint import load_checkpoint
from generator.models.normalization import NORMALIZATIONS, Normalization
from generator.models.weights import state_sha256

PATTERN = "package.module:callable"


class CallableFamily(Family):
    """`package.module:callable`, imported from the installed packages or the current folder, is called without arguments,
    or with `n_classes=` where that is given and it takes it, and returns an nn.Module that takes images in [0, 1], NCHW.

    Images are handed on as they are; `input_size` and `normalization` put resizing and normalization in front. Its output
    counts as scores of classes if `n_classes` is given or the module's attribute `is_classifier` is true. Its weights are
    known by a hash of its state dict and of the source file that holds the callable: changed code is another network.
    """

    name = "callable"

    def architectures(self) -> Sequence[str]:
        return (PATTERN,)

    def knows(self, architecture: str) -> bool:
        return re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", architecture) is not None

    def build(
        self,
        architecture: str,
        weights: str | None,
        checkpoint: Path | None,
        n_classes: int | None,
        *,
        normalization: Normalization | None = None,
        input_size: int | None = None,
    ) -> BuiltModel:
        if weights is not None:
            raise GeneratorError(
                f"{architecture} has no weights named {weights!r}; load them in it, or give a checkpoint"
            )
        make = _find(architecture)
        network = _call(architecture, make, n_classes)
        stored = None if checkpoint is None else load_checkpoint(network, checkpoint)
        return BuiltModel(
            module=preprocess(network, input_size, normalization or stored or NORMALIZATIONS["none"]),
            network=network,
            input_size=input_size or NOMINAL_SIZE,
            weights_sha256=_sha256(make, network),
            is_classifier=n_classes is not None or bool(getattr(network, "is_classifier", False)),
        )


def _find(architecture: str) -> Callable[..., Any]:
    """Raises GeneratorError for what is not there, or cannot be imported."""
    module, _, attribute = architecture.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        found: Any = import_module(module)
    except Exception as problem:
        raise GeneratorError(f"{module} cannot be imported ({_told(problem)})") from None
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise GeneratorError(f"{module} has no {attribute}; expected the name of a callable")
        found = getattr(found, name)
    if not callable(found):
        raise GeneratorError(
            f"{architecture} is a {type(found).__name__}; expected a callable that returns an nn.Module"
        )
    return found  # type: ignore[no-any-return]


def _call(architecture: str, make: Callable[..., Any], n_classes: int | None) -> nn.Module:
    options = {} if n_classes is None or not _takes_classes(make) else {"n_classes": n_classes}
    try:
        network = make(**options)
    except Exception as problem:  # whatever a researcher's own code may raise
        raise GeneratorError(f"{architecture} failed ({_told(problem)})") from None
    if not isinstance(network, nn.Module):
        raise GeneratorError(f"{architecture} returned a {type(network).__name__}; expected an nn.Module")
    return network


def _takes_classes(make: Callable[..., Any]) -> bool:
    try:
        return "n_classes" in inspect.signature(make).parameters
    except ValueError:  # a callable that does not say
        return False


def _told(problem: Exception) -> str:
    lines = str(problem).strip().splitlines()
    return f"{type(problem).__name__}: {lines[0][:160]}" if lines else type(problem).__name__


def _sha256(make: Callable[..., Any], network: nn.Module) -> str:
    digest = hashlib.sha256(state_sha256(network).encode())
    source = inspect.getsourcefile(make) if inspect.isroutine(make) or inspect.isclass(make) else None
    if source is not None:
        digest.update(Path(source).read_bytes())
    return digest.hexdigest()


callable_family = CallableFamily()
