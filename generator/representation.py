"""From (model, layers) to images ↦ representations, with the graph kept and the computation cut behind the last layer."""

import copy
import difflib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from generator.errors import GeneratorError
from generator.relu import count_relus, passing

TOKENS: dict[str, Callable[[Tensor], Tensor]] = {
    "cls": lambda tokens: tokens[:, 0],
    "tokens": lambda tokens: tokens[:, 1:],
    "mean": lambda tokens: tokens.mean(1),
}
"""What of a transformer's tokens, (batch, tokens, units), a name picks: `encoder.ln:cls`. A number picks from a tuple."""


class _Reached(Exception):
    """Thrown out of the forward pass when the last layer has spoken, so that nothing after it is computed."""


@dataclass(frozen=True)
class _Name:
    """A layer's name as a recipe writes it: a module or a node of the graph, and what of its output."""

    text: str
    node: str
    part: str | None

    def pick(self, output: Any) -> Tensor | None:
        """The part of a module's output that is meant; None where it is no tensor."""
        if self.part is not None and self.part.isdigit():
            output = (
                output[int(self.part)] if isinstance(output, tuple | list) and int(self.part) < len(output) else None
            )
        elif self.part is not None and isinstance(output, Tensor):
            output = TOKENS[self.part](output) if output.dim() == 3 else None
        return output if isinstance(output, Tensor) else None


class Layers:
    """The representations at named layers: called with images, it gives name → (batch, …), not flattened, in one pass.

    `module` is the network with its preprocessing; names are those of `network.named_modules()`, inside blocks too, or of
    nodes of its graph (`layer4.1.add`, as torchvision's feature extraction names them). `NAME:0` picks from a tuple,
    `NAME:cls`, `NAME:tokens` and `NAME:mean` from a transformer's tokens. A module that is called several times in one
    pass is read at its first call. `relu="identity"` lets gradients pass the last ReLU before the layers as if it were
    not there. Raises GeneratorError for a name that the network does not have; calling it does for a layer that gives no
    tensor (`layer_table` lists those that do).
    """

    def __init__(
        self,
        module: nn.Module,
        network: nn.Module,
        names: Sequence[str],
        relu: Literal["true", "identity"] = "true",
    ) -> None:
        self._module = module
        self._relu = relu
        self._last_relu: int | None = None
        self._parsed = [_parse(name, network) for name in dict.fromkeys(names)]
        nodes = list(dict.fromkeys(name.node for name in self._parsed))
        modules = dict(network.named_modules())
        self._modules = {node: modules[node] for node in nodes if node in modules}
        self._graph = None if len(self._modules) == len(nodes) else _graph(module, network, nodes)

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        if self._relu == "true":
            return self._pass(images)
        if self._last_relu is None:
            self._last_relu = count_relus(self._pass, images[:1])
        with passing(self._last_relu):
            return self._pass(images)

    def _pass(self, images: Tensor) -> dict[str, Tensor]:
        outputs = self._graph(images) if self._graph is not None else self._read(images)
        found = {name.text: name.pick(outputs.get(name.node)) for name in self._parsed}
        for text, representation in found.items():
            if representation is None:
                raise GeneratorError(
                    f"layer {text!r} gives no single tensor in the network's forward pass; "
                    f"`alike-generate layers` lists those that do"
                )
        return found  # type: ignore[return-value]

    def _read(self, images: Tensor) -> dict[str, Any]:
        """Outputs of the modules, cut behind the last of them."""
        outputs: dict[str, Any] = {}

        def listen(node: str) -> Callable[[nn.Module, Any, Any], None]:
            def note(_layer: nn.Module, _inputs: Any, output: Any) -> None:
                outputs.setdefault(node, output)
                if len(outputs) == len(self._modules):
                    raise _Reached

            return note

        hooks = [layer.register_forward_hook(listen(node)) for node, layer in self._modules.items()]
        try:
            with suppress(_Reached):
                self._module(images)
        finally:
            for hook in hooks:
                hook.remove()
        return outputs


class Layer:
    """One layer's representation: called with images, it gives (batch, units)."""

    def __init__(self, module: nn.Module, network: nn.Module, name: str) -> None:
        self._layers = Layers(module, network, [name])
        self.name = name

    def __call__(self, images: Tensor) -> Tensor:
        return self._layers(images)[self.name].flatten(1)


@dataclass(frozen=True)
class LayerRow:
    """A layer that gives a tensor: its output's shape for one image, and the share, in [0, 1], of the network's
    floating-point operations (convolutions and matrix products) that is done when it has spoken."""

    name: str
    shape: tuple[int, ...]
    share: float

    @property
    def units(self) -> int:
        return math.prod(self.shape)


def layer_table(module: nn.Module, network: nn.Module, images: Tensor) -> Iterator[LayerRow]:
    """Every layer that gives a tensor, in the order in which they are first reached."""
    names = {layer: name for name, layer in network.named_modules() if name}
    found: dict[str, tuple[tuple[int, ...], int]] = {}
    counter = FlopCounterMode(display=False)

    def note(layer: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            found.setdefault(names[layer], (tuple(output.shape[1:]), counter.get_total_flops()))

    hooks = [layer.register_forward_hook(note) for layer in names]
    try:
        with torch.no_grad(), counter:
            module(images)
    finally:
        for hook in hooks:
            hook.remove()
    whole = max(counter.get_total_flops(), 1)
    for name, (shape, flops) in found.items():
        yield LayerRow(name, shape, flops / whole)


def stages_after(module: nn.Module, network: nn.Module, layer: str, images: Tensor) -> list[str]:
    """The network's later stages: those of its outermost modules that speak after `layer` has, in that order, and give a
    tensor. Whether a match at a layer holds further up is measured there."""
    children = {child: name for name, child in network.named_children()}
    order: list[str] = []

    def note(child: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and children[child] not in order:
            order.append(children[child])

    hooks = [child.register_forward_hook(note) for child in children]
    try:
        with torch.no_grad():
            Layers(module, network, [layer])(images)
            before = set(order)
            module(images)
    finally:
        for hook in hooks:
            hook.remove()
    return [name for name in order if name not in before and name != layer]


def _parse(text: str, network: nn.Module) -> _Name:
    """Raises GeneratorError with the nearest names."""
    modules = {name for name, _ in network.named_modules() if name}
    node, colon, part = text.rpartition(":")
    name = _Name(text, node, part) if colon else _Name(text, text, None)
    if name.part is not None and name.part not in TOKENS and not name.part.isdigit():
        raise GeneratorError(f"layer {text!r}: {part!r} picks nothing; known are {', '.join(TOKENS)} and a number")
    if name.node in modules or name.node in _nodes(network):
        return name
    nearest = difflib.get_close_matches(name.node, sorted(modules), n=5, cutoff=0.3) or sorted(modules)[-5:]
    raise GeneratorError(
        f"there is no layer {name.node!r} in {type(network).__name__}; nearest are {', '.join(nearest)}"
    )


def _nodes(network: nn.Module) -> set[str]:
    """Names of the graph's nodes; none for a network whose graph cannot be traced."""
    try:
        return set(get_graph_node_names(network, suppress_diff_warning=True)[1])
    except Exception:  # whatever a researcher's own forward may raise when it is traced
        return set()


def _graph(module: nn.Module, network: nn.Module, nodes: Sequence[str]) -> nn.Module:
    """The module with its network cut out of the traced graph: it gives node → output."""
    cut = create_feature_extractor(network, list(nodes), suppress_diff_warning=True).eval()
    if module is network:
        return cut
    (place,) = (name for name, child in module.named_children() if child is network)
    twin = copy.copy(module)
    twin._modules = {**module._modules, place: cut}
    return twin
