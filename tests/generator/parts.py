"""The smallest parts that the search takes, for tests of the search alone."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from generator.inversion import (
    Found,
    Loss,
    Network,
    Objective,
    Optimizer,
    Parameterization,
    Represent,
    Search,
    State,
    Statistics,
    Term,
    Transform,
    invert,
)


@dataclass(frozen=True)
class Distance:
    """Relative l2, written from its formula."""

    layer: str | None = None

    def __call__(self, state: State) -> torch.Tensor:
        seen = state.at(self.layer)
        squares = ((seen.representation - seen.target) ** 2).flatten(1).sum(1)
        return squares.sqrt() / (seen.target**2).flatten(1).sum(1).sqrt()


class Pixels:
    """z is the image."""

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        return images

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return z

    def project(self, z: torch.Tensor) -> torch.Tensor:
        return z.clamp(0, 1)


def pictures(n: int, rng_seed: int, size: int = 2) -> torch.Tensor:
    return torch.rand((n, 3, size, size), generator=torch.Generator().manual_seed(rng_seed))


def identity(images: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"l": images}


def network(represent: Represent, exact: Represent | None = None, **more: object) -> Network:
    nothing = Statistics(torch.zeros(1, 1), torch.ones(1, 1))
    statistics = {"l": nothing, "other": nothing}
    return Network(represent, represent if exact is None else exact, "l", statistics, **more)  # type: ignore[arg-type]


def search(
    net: Network,
    optimizer: Optimizer,
    targets: torch.Tensor,
    starts: torch.Tensor,
    *levels: float,
    losses: tuple[Term | Loss, ...] = (Distance(),),
    transforms: tuple[Transform, ...] = (),
    parameterization: Parameterization | None = None,
    batch_size: int | None = None,
    report: Callable[[int, float], None] = lambda _finished, _error: None,
    **switches: object,
) -> list[Found]:
    """`levels` are the same for all images."""
    terms = tuple(loss if isinstance(loss, Term) else Term(loss) for loss in losses)
    return invert(
        net,
        Objective(terms),
        Search(optimizer, parameterization or Pixels(), transforms, **switches),  # type: ignore[arg-type]
        targets,
        starts,
        torch.tensor([levels]).repeat(len(targets), 1),
        batch_size or len(targets),
        report,
    )
