"""What pictures that have nothing to do with each other look like to a network: the null distributions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.errors import GeneratorError
from generator.inversion import Represent
from generator.proof.agreement import LARGEST_SNR, is_constant, ranks
from generator.proof.probe import batches
from generator.stimuli import rounded
from generator.store import Distribution
from generator.targets import Target, Targets

QUANTILES = (0, 0.1, 1, 5, 10, 25, 50, 75, 90, 95, 99, 100)
PAIRS = 10_000
PICTURES = 500
"""At most so many pictures are represented. 22 of a class give 10,000 ordered pairs of one class among 500."""
PER_CLASS = 22
ROOM = 2**30
"""Bytes for representations. What needs more is held in blocks, and represented again for each pair of blocks."""

Numbers = NDArray[np.float64]


def choose_pool(targets: Targets) -> tuple[str, Sequence[Target]]:
    """Where null distributions come from: pictures outside the set (`others`) or, where a target set has none, the
    `targets` themselves."""
    return ("others", targets.others) if targets.others else ("targets", targets.targets)


def measure_null(
    represent: Represent,
    layer: str,
    pool: Sequence[Target],
    mean: Tensor,
    rng_seed: int,
    device: torch.device,
    n_pairs: int = PAIRS,
    room: int = ROOM,
) -> dict[str, Distribution]:
    """Distributions over random ordered pairs (a, b) of pictures of different clusters: `n_pairs`, none twice, or all
    there are.

    `relative` ‖g(a) − g(b)‖₂/‖g(b)‖₂ · `centred`, over ‖g(b) − mean‖₂ · `pearson` · `spearman` · `snr_db`, as
    `agreement` defines them. Where pictures have classes, the same over pairs of one class and of two, each drawn for
    itself: `same_class/relative`, `different_class/relative`, … A pair without a finite value is left out of that
    distribution. `mean` is that over targets, (1, …). Raises GeneratorError where no pair is left.
    """
    rng = np.random.default_rng([rng_seed, 1])
    drawn = _drawn(pool, rng)
    groups = {name: pairs for name, pairs in _groups(drawn, n_pairs, rng).items() if len(pairs[0])}
    if "" not in groups:
        raise _nothing_left(pool)
    values = _values(_products(represent, layer, drawn, mean, device, room))
    found = {
        f"{group}{name}": _distribution(table[pairs])
        for group, pairs in groups.items()
        for name, table in values.items()
        if np.isfinite(table[pairs]).any()
    }
    if "relative" not in found or "centred" not in found:
        raise _nothing_left(pool)
    return found


def _nothing_left(pool: Sequence[Target]) -> GeneratorError:
    return GeneratorError(
        "a null distribution needs pictures of two clusters at least that the network does not represent by zeros; "
        f"there are {len(pool)} pictures of {len({picture.cluster for picture in pool})}"
    )


def _drawn(pool: Sequence[Target], rng: np.random.Generator) -> list[Target]:
    """All, or `PICTURES` of them: `PER_CLASS` of each of some classes, so that there are pairs of one class, then any."""
    if len(pool) <= PICTURES:
        return list(pool)
    order = rng.permutation(len(pool)).tolist()
    classes: dict[str | None, list[int]] = {}
    for i in order:
        classes.setdefault(pool[i].label, []).append(i)
    first = [i for members in classes.values() for i in members[:PER_CLASS]][:PICTURES]
    chosen = set(first)
    rest = [i for i in order if i not in chosen]
    return [pool[i] for i in first + rest[: PICTURES - len(first)]]


def _groups(
    pool: Sequence[Target], n: int, rng: np.random.Generator
) -> dict[str, tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Prefix of a distribution's name → its pairs, as two arrays of indices."""
    clusters = np.unique([picture.cluster for picture in pool], return_inverse=True)[1]
    classes = np.array([picture.label or "" for picture in pool])
    apart = clusters[:, None] != clusters[None, :]
    known = (classes[:, None] != "") & (classes[None, :] != "")
    same = classes[:, None] == classes[None, :]
    masks = {"": apart, "same_class/": apart & known & same, "different_class/": apart & known & ~same}
    groups = {}
    for name, mask in masks.items():
        numbers = rng.permutation(np.flatnonzero(mask))[:n]
        groups[name] = (numbers // len(pool), numbers % len(pool))
    return groups


@dataclass(frozen=True)
class _Products:
    """Inner products of n representations of `units` numbers, (n, n), and of their ranks less the mean rank; sums,
    distances from the mean representation, and which representations are constant, (n,)."""

    units: int
    raw: Numbers
    ranked: Numbers
    sums: Numbers
    spreads: Numbers
    constant: NDArray[np.bool_]


def _products(
    represent: Represent, layer: str, pool: Sequence[Target], mean: Tensor, device: torch.device, room: int
) -> _Products:
    centre = mean.flatten().double().cpu()
    units = centre.numel()
    # Two blocks at once, each of representations and ranks in float32.
    blocks = _ranges(len(pool), max(1, room // (16 * units)))
    n = len(pool)
    raw, ranked = np.zeros((n, n)), np.zeros((n, n))
    sums, spreads, constant = np.zeros(n), np.zeros(n), np.zeros(n, dtype=bool)
    for i, rows in enumerate(blocks):
        a = _block(represent, layer, pool[rows], device)
        sums[rows] = [float(values.double().sum()) for values in a[0]]
        spreads[rows] = [float((values.double() - centre).norm()) for values in a[0]]
        constant[rows] = [is_constant(values) for values in a[0]]
        for j, columns in enumerate(blocks[: i + 1]):
            b = a if i == j else _block(represent, layer, pool[columns], device)
            for table, left, right in zip((raw, ranked), a, b, strict=True):
                table[rows, columns] = _inner(left, right)
                table[columns, rows] = table[rows, columns].T
    return _Products(units, raw, ranked, sums, spreads, constant)


def _ranges(n: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, n)) for first in range(0, n, size)]


def _block(
    represent: Represent, layer: str, pool: Sequence[Target], device: torch.device, batch_size: int = 32
) -> tuple[Tensor, Tensor]:
    """Representations and centred ranks, (pictures, units) float32 in memory; ranks are exact up to 2²³ units."""
    found, ranked = [], []
    for images in batches([picture.pixels for picture in pool], device, batch_size):
        with torch.no_grad():
            values = represent(images)[layer].flatten(1).float()
        middle = (values.shape[1] + 1) / 2
        ranked.append(torch.stack([(ranks(row) - middle).float() for row in values]).cpu())
        found.append(values.cpu())
    return torch.cat(found), torch.cat(ranked)


def _inner(a: Tensor, b: Tensor, width: int = 2**14) -> Numbers:
    """a · bᵀ, summed in float64."""
    total = torch.zeros(len(a), len(b), dtype=torch.float64)
    for first in range(0, a.shape[1], width):
        columns = slice(first, first + width)
        total += a[:, columns].double() @ b[:, columns].double().T
    return total.numpy()


def _values(products: _Products) -> dict[str, Numbers]:
    """Tables (n, n) of each number for each ordered pair (a, b); not finite where there is none."""
    squares = np.diag(products.raw)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2 * products.raw, 0))
    varying = np.where(products.constant, math.nan, 1.0)
    covariances = products.raw - np.outer(products.sums, products.sums) / products.units
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = distances / np.sqrt(squares)[None, :]
        return {
            "relative": relative,
            "centred": distances / products.spreads[None, :],
            "pearson": _correlations(covariances) * np.outer(varying, varying),
            "spearman": _correlations(products.ranked),
            "snr_db": -20 * np.log10(np.maximum(relative, 10 ** (-LARGEST_SNR / 20))),
        }


def _correlations(products: Numbers) -> Numbers:
    lengths = np.sqrt(np.diag(products))
    correlations: Numbers = products / np.outer(lengths, lengths)
    return correlations


def _distribution(values: Numbers) -> Distribution:
    finite = values[np.isfinite(values)]
    quantiles = np.percentile(finite, QUANTILES)
    return Distribution(
        n=len(finite), quantiles={str(q): rounded(float(v)) for q, v in zip(QUANTILES, quantiles, strict=True)}
    )
