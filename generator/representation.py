"""From (model, layers) to images ↦ representations, with the graph kept and the computation cut behind the last layer."""

import difflib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, fx, nn
from torch.overrides import BaseTorchFunctionMode

from generator.errors import GeneratorError
from generator.relu import count_relus, passing

TOKENS: dict[str, Callable[[Tensor], Tensor]] = {
    "cls": lambda tokens: tokens[:, 0],
    "tokens": lambda tokens: tokens[:, 1:],
    "mean": lambda tokens: tokens.mean(1),
}
"""What of a transformer's tokens, (batch, tokens, units), a name picks: `encoder.ln:cls`. A number picks from a tuple."""

Listener = Callable[[str, Any], None]
"""Is told the name and the output of a module that has been called."""


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
        if self.part is None:
            found = output
        elif self.part.isdigit():
            place = int(self.part)
            found = output[place] if isinstance(output, tuple | list) and place < len(output) else None
        else:
            found = TOKENS[self.part](output) if isinstance(output, Tensor) and output.dim() == 3 else None
        return found if isinstance(found, Tensor) else None


class Layers:
    """The representations at named layers: called with images, it gives name → (batch, …), not flattened, in one pass.

    `module` is the network with its preprocessing; names are those of `network.named_modules()`, inside blocks too, or of
    nodes of its graph (`layer4.1.add`, as torchvision's feature extraction names them). `NAME:0` picks from a tuple,
    `NAME:cls`, `NAME:tokens` and `NAME:mean` from a transformer's tokens. A module that is called several times in one
    pass is read at its first call. `relu="identity"` lets gradients pass the last ReLU before the layers as if it were
    not there. Raises GeneratorError for a name that the network does not have; calling it does for a layer that gives no
    tensor (`layer_table` lists those that do), and for `relu="identity"` where there is no ReLU.
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
        self._names = _parse(names, network)
        nodes = list(dict.fromkeys(name.node for name in self._names))
        modules = _modules(network)
        self._modules = {node: modules[node] for node in nodes if node in modules}
        self._graph = None if len(self._modules) == len(nodes) else _Graph(module, network, nodes)

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        if self._relu == "true":
            return self._pass(images)
        if self._last_relu is None:
            self._last_relu = count_relus(self._pass, images[:1])
        with passing(self._last_relu):
            return self._pass(images)

    def _pass(self, images: Tensor) -> dict[str, Tensor]:
        outputs = self._read(images) if self._graph is None else self._graph(images)
        found: dict[str, Tensor] = {}
        for name in self._names:
            representation = name.pick(outputs.get(name.node))
            if representation is None:
                raise GeneratorError(
                    f"layer {name.text!r} gives no single tensor in the network's forward pass; "
                    f"`alike-generate layers` lists those that do"
                )
            found[name.text] = representation
        return found

    def _read(self, images: Tensor) -> dict[str, Any]:
        """Outputs of the modules, cut behind the last of them."""
        outputs: dict[str, Any] = {}

        def note(node: str, output: Any) -> None:
            if node in outputs:
                return
            if len(outputs) + 1 < len(self._modules):
                outputs[node] = _copied(output)
            else:
                outputs[node] = output
                raise _Reached

        with _listening(self._modules, note), suppress(_Reached):
            self._module(images)
        return outputs


class Layer:
    """One layer's representation: called with images, it gives (batch, units)."""

    def __init__(self, module: nn.Module, network: nn.Module, name: str) -> None:
        self._layers = Layers(module, network, [name])
        self.name = name

    def __call__(self, images: Tensor) -> Tensor:
        return self._layers(images)[self.name].flatten(1)


class _Graph:
    """The network's traced graph, cut behind the last of some nodes: called with images, it gives node → output."""

    def __init__(self, module: nn.Module, network: nn.Module, nodes: Sequence[str]) -> None:
        from torchvision.models.feature_extraction import create_feature_extractor  # seconds, for those who need it

        self._module, self._network = module, network
        traced = _nodes(network)
        self._places = {node: traced[_last(traced, node)] for node in nodes if _last(traced, node) >= 0}
        # Only exact names: that of a module would take its nodes away.
        wanted = list(dict.fromkeys(self._places.values()))
        extractor = create_feature_extractor(network, wanted, suppress_diff_warning=True).eval()
        graph = extractor.graph
        (end,) = (node for node in graph.nodes if node.op == "output")
        for node in list(end.args[0].values()):
            with graph.inserting_after(node):
                copied = graph.call_function(_copied, (node,))
            end.replace_input_with(node, copied)
        self._cut = fx.GraphModule(extractor, graph).eval()  # a copy of the extractor itself would wake up in training

    def __call__(self, images: Tensor) -> dict[str, Any]:
        taken: list[Any] = []

        def take(_network: nn.Module, inputs: Any) -> None:
            taken.extend(inputs)
            raise _Reached

        hook = self._network.register_forward_pre_hook(take)
        try:
            with suppress(_Reached):
                self._module(images)
        finally:
            hook.remove()
        outputs = self._cut(*taken)
        return {node: outputs[place] for node, place in self._places.items()}


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
    """Every module that gives a tensor, or a tuple with tensors (`NAME:0` …), in the order in which they have spoken."""
    found: dict[str, tuple[tuple[int, ...], int]] = {}
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)

    def note(name: str, output: Any) -> None:
        parts = {f"{name}:{i}": part for i, part in enumerate(output)} if isinstance(output, tuple) else {name: output}
        for text, part in parts.items():
            if isinstance(part, Tensor):
                found.setdefault(text, (tuple(part.shape[1:]), counter.get_total_flops()))

    # A watched pass (the last context) keeps attention off its fused kernel, whose operations are not counted.
    with _listening(_modules(network), note), torch.no_grad(), counter, BaseTorchFunctionMode():
        module(images)
    whole = max(counter.get_total_flops(), 1)
    for name, (shape, flops) in found.items():
        yield LayerRow(name, shape, flops / whole)


def stages_after(module: nn.Module, network: nn.Module, layer: str, images: Tensor) -> list[str]:
    """The network's later stages: those of its outermost modules that speak after `layer` has, in that order, and give a
    tensor. Whether a match at a layer holds further up is measured there. One that hands on the very numbers of the one
    before (dropout, flattening) is none. Raises GeneratorError for a layer that there is not."""
    (name,) = _parse([layer], network)
    modules = _modules(network)
    children = {child: modules[child] for child, _ in network.named_children()}
    outputs: dict[str, Any] = {}

    def note(spoken: str, output: Any) -> None:
        outputs.setdefault(spoken, _copied(output))

    if name.node in modules:
        children[name.node] = modules[name.node]
    with _listening(children, note), torch.no_grad():
        module(images)
    order = list(outputs)
    if name.node in modules:
        later = order[order.index(name.node) + 1 :] if name.node in outputs else order
    else:
        later = [child for child in order if _is_after(network, child, name.node)]
    stages = []
    before = outputs.get(name.node)
    for child in later:
        if isinstance(outputs[child], Tensor) and not _same(before, outputs[child]):
            stages.append(child)
            before = outputs[child]
    return stages


def _same(before: Any, after: Tensor) -> bool:
    return isinstance(before, Tensor) and torch.equal(before.flatten(1), after.flatten(1))


def _is_after(network: nn.Module, child: str, node: str) -> bool:
    """Whether a module has the last word after a node of the graph."""
    traced = _nodes(network)
    return _last(traced, child) > traced.index(node)


def _last(traced: Sequence[str], name: str) -> int:
    """Where the last node of a module, or the node itself, stands among the graph's nodes; -1 where there is none."""
    return max((i for i, node in enumerate(traced) if node == name or node.startswith(f"{name}.")), default=-1)


def _modules(network: nn.Module) -> dict[str, nn.Module]:
    """By every name that a module has."""
    return {name: layer for name, layer in network.named_modules(remove_duplicate=False) if name}


@contextmanager
def _listening(layers: Mapping[str, nn.Module], note: Listener) -> Iterator[None]:
    def listen(name: str) -> Callable[[nn.Module, Any, Any], None]:
        return lambda _layer, _inputs, output: note(name, output)

    hooks = [layer.register_forward_hook(listen(name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _copied(output: Any) -> Any:
    """What comes after a layer may change its output in place, as ReLU and shortcuts often do."""
    if isinstance(output, Tensor):
        return output.clone()
    return tuple(_copied(part) for part in output) if isinstance(output, tuple | list) else output


def _parse(texts: Sequence[str], network: nn.Module) -> list[_Name]:
    """Raises GeneratorError with the nearest names."""
    known = list(_modules(network))
    traced: list[str] | None = None
    names = []
    for text in dict.fromkeys(texts):
        node, colon, part = text.rpartition(":")
        name = _Name(text, node, part) if colon else _Name(text, text, None)
        if name.part is not None and name.part not in TOKENS and not name.part.isdigit():
            raise GeneratorError(f"layer {text!r}: {part!r} picks nothing; known are {', '.join(TOKENS)} and a number")
        if name.node not in known:
            traced = _nodes(network) if traced is None else traced
            if name.node not in traced:
                raise _unknown(name.node, network, [*known, *traced])
        names.append(name)
    return names


def _unknown(name: str, network: nn.Module, known: list[str]) -> GeneratorError:
    nearest = difflib.get_close_matches(name, dict.fromkeys(known), n=5, cutoff=0.3) or known[-5:]
    return GeneratorError(f"there is no layer {name!r} in {type(network).__name__}; nearest are {', '.join(nearest)}")


def _nodes(network: nn.Module) -> list[str]:
    """Names of the graph's nodes in order; none for a network whose graph cannot be traced."""
    from torchvision.models.feature_extraction import get_graph_node_names

    try:
        return list(get_graph_node_names(network, suppress_diff_warning=True)[1])
    except Exception:  # whatever a researcher's own forward may raise when it is traced
        return []
