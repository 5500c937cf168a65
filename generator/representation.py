"""From (model, layer) to images ↦ representation, with the graph kept and the computation cut at the layer."""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from generator.errors import GeneratorError


class _Reached(Exception):
    """Thrown out of the forward pass as soon as the layer has spoken, so that nothing after it is computed."""


class Layer:
    """The representation at a named module: called with images, it gives (batch, units).

    `module` is the network with its preprocessing; names are those of `network.named_modules()`, inside blocks too. A
    module that is called several times in one pass is read at its first call. Calling it raises GeneratorError if the
    layer gives no tensor (`layer_shapes` lists those that do).
    """

    def __init__(self, module: nn.Module, network: nn.Module, name: str) -> None:
        self._module = module
        self._layer = _find(network, name)
        self.name = name

    def __call__(self, images: Tensor) -> Tensor:
        with _stopping_at(self._layer) as kept, _suppress_reached():
            self._module(images)
        if not kept:
            raise GeneratorError(
                f"layer {self.name!r} gives no single tensor in the network's forward pass; "
                f"`alike-generate layers` lists those that do"
            )
        return kept[0].flatten(1)


def layer_shapes(module: nn.Module, network: nn.Module, images: Tensor) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(name, output shape of one image) of every layer that gives a tensor, in the order in which they are reached."""
    names = {layer: name for name, layer in network.named_modules() if name}
    found: list[tuple[str, tuple[int, ...]]] = []

    def note(layer: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            found.append((names[layer], tuple(output.shape[1:])))

    hooks = [layer.register_forward_hook(note) for layer in names]
    try:
        with torch.no_grad():
            module(images)
    finally:
        for hook in hooks:
            hook.remove()
    seen = set()
    for name, shape in found:
        if name not in seen:
            seen.add(name)
            yield name, shape


@contextmanager
def _stopping_at(layer: nn.Module) -> Iterator[list[Tensor]]:
    kept: list[Tensor] = []

    def stop(_layer: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            kept.append(output)
            raise _Reached

    hook = layer.register_forward_hook(stop)
    try:
        yield kept
    finally:
        hook.remove()


@contextmanager
def _suppress_reached() -> Iterator[None]:
    try:
        yield
    except _Reached:
        return


def _find(network: nn.Module, name: str) -> nn.Module:
    layers: dict[str, nn.Module] = {known: layer for known, layer in network.named_modules() if known}
    if name in layers:
        return layers[name]
    nearest = difflib.get_close_matches(name, layers, n=5, cutoff=0.3) or list(layers)[-5:]
    raise GeneratorError(f"there is no layer {name!r} in {type(network).__name__}; nearest are {', '.join(nearest)}")
