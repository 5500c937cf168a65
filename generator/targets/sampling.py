"""Which pictures of many become targets, and which serve the null distributions: drawn without decoding any."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from generator.errors import GeneratorError
from generator.targets.base import Pixels, Target, Targets

OF_A_CLASS = 22
"""Others come from some classes by so many: among 500 of them there are then more than 10,000 ordered pairs of one class."""

Members = dict[str, list[int]]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """`limit`: so many targets, from every class as nearly equally many as there are. `per_class`: exactly so many from
    each class. Neither: all pictures are targets, and there are no others. `others`: of the pictures not drawn, at most
    so many are kept for null distributions."""

    limit: Annotated[int, Field(ge=2)] | None = None
    per_class: Annotated[int, Field(ge=1)] | None = None
    others: Annotated[int, Field(ge=0)] = 500

    def draw(self, ids: Sequence[str], labels: Sequence[str | None], rng_seed: int) -> tuple[list[int], list[int]]:
        """The numbers of the targets and of the others, each in the order of their ids. A function of ids, classes and
        seed, not of the order in which pictures are listed. Raises GeneratorError."""
        if self.limit is not None and self.per_class is not None:
            raise GeneratorError("targets: both limit and per_class are given; give one of them")
        order = sorted(range(len(ids)), key=ids.__getitem__)
        if self.limit is None and self.per_class is None:
            return order, []
        rng = np.random.default_rng(rng_seed)
        members = _shuffled(order, labels, rng)
        shares = _shares(members, self.limit) if self.limit is not None else self._equal_shares(members)
        chosen = {i for name, share in shares.items() for i in members[name][:share]}
        others = self._others({name: each[shares[name] :] for name, each in members.items()}, rng)
        return [i for i in order if i in chosen], [i for i in order if i in others]

    def _equal_shares(self, members: Members) -> dict[str, int]:
        assert self.per_class is not None
        sizes = {name: len(each) for name, each in members.items() if name}
        if not sizes:
            raise GeneratorError("targets: per_class needs classes, and no picture has one; give limit instead")
        least = min(sizes, key=lambda name: (sizes[name], name))
        if sizes[least] < self.per_class:
            raise GeneratorError(
                f"targets: class {least} has {sizes[least]} pictures; per_class must be at most that, not {self.per_class}"
            )
        return {name: self.per_class if name else 0 for name in members}

    def _others(self, rest: Members, rng: np.random.Generator) -> set[int]:
        """Whole handfuls of classes, so that there are pairs of one class, then any."""
        handfuls = [i for each in rest.values() for i in each[:OF_A_CLASS]]
        loose = [i for each in rest.values() for i in each[OF_A_CLASS:]]
        return set([*handfuls, *rng.permutation(loose).tolist()][: self.others])


def assemble(
    name: str,
    describe: Callable[[int], Target],
    drawn: tuple[Sequence[int], Sequence[int]],
    preprocessing: str,
) -> Targets:
    """The drawn pictures, decoded; `describe` gives the one of a number. Raises GeneratorError for two sizes."""
    chosen, others = (tuple(describe(i) for i in numbers) for numbers in drawn)
    for target in chosen + others:
        if target.pixels.shape != chosen[0].pixels.shape:
            raise GeneratorError(
                f"targets: {target.target_id} is {_told(target.pixels)}, but {chosen[0].target_id} is "
                f"{_told(chosen[0].pixels)}; all must be of one size, or give size"
            )
    return Targets(name, chosen, others, preprocessing)


def _shuffled(order: Sequence[int], labels: Sequence[str | None], rng: np.random.Generator) -> Members:
    """Class → its pictures, both in an order by chance; those without a class are under ""."""
    members: Members = {}
    for i in order:
        members.setdefault(labels[i] or "", []).append(i)
    names = sorted(members)
    return {names[k]: rng.permutation(members[names[k]]).tolist() for k in rng.permutation(len(names))}


def _shares(members: Members, limit: int) -> dict[str, int]:
    """How many of each class: one of every class that has more, in turn, until there are `limit`."""
    shares = dict.fromkeys(members, 0)
    left = min(limit, sum(map(len, members.values())))
    while left:
        for name in [name for name, each in members.items() if shares[name] < len(each)][:left]:
            shares[name] += 1
            left -= 1
    return shares


def _told(pixels: Pixels) -> str:
    return f"{pixels.shape[1]}×{pixels.shape[0]}"
