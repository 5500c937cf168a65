"""The gradient through the last ReLU, as a switch that acts the same on every architecture.

A layer behind a ReLU gives no gradient where it is 0, so that a start that silences a unit leaves it silent. Nanda et al.
let gradients pass the last ReLU; their code finds it by its attribute's name and skips it without a word where the name is
another. Here it is found by watching what is computed: functions and modules, in place or not.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from generator.errors import GeneratorError

RELUS: frozenset[Callable[..., Tensor]] = frozenset(
    {
        functional.relu,
        functional.relu6,
        functional.relu_,
        torch.relu,
        torch.relu_,
        Tensor.relu,
        Tensor.relu_,
    }
)


class _Passing(torch.autograd.Function):
    """ReLU forward, identity backward. In place where the ReLU is, for whoever reads its input later."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, relu: Callable[[Tensor], Tensor]) -> Tensor:
        y = relu(x)
        if y is x:
            ctx.mark_dirty(x)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        return gradient, None


class _Watch(TorchFunctionMode):
    """Counts calls of ReLU; the one numbered `passed` (from 1) lets gradients pass."""

    def __init__(self, passed: int | None = None) -> None:
        super().__init__()
        self.n = 0
        self._passed = passed

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Iterable[type],
        arguments: tuple[Any, ...] = (),
        named: dict[str, Any] | None = None,
    ) -> Any:
        if function not in RELUS:
            return function(*arguments, **(named or {}))
        self.n += 1
        if self.n != self._passed:
            return function(*arguments, **(named or {}))
        named = dict(named or {})
        x, *rest = arguments or (named.pop("input"),)
        return _Passing.apply(x, lambda values: function(values, *rest, **named))


def count_relus(compute: Callable[[Tensor], Any], images: Tensor) -> int:
    """How many ReLUs a computation passes. Raises GeneratorError where there is none."""
    watch = _Watch()
    with torch.no_grad(), watch:
        compute(images)
    if not watch.n:
        raise GeneratorError(
            'relu = "identity" has nothing to act on: there is no ReLU up to this layer; write relu = "true"'
        )
    return watch.n


def passing(last: int) -> TorchFunctionMode:
    """While it lasts, the ReLU of that number lets gradients pass."""
    return _Watch(last)
