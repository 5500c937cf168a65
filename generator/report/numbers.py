"""What a report shows of a set, as plain numbers: every figure has a table of these behind it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.store import Item, StimulusSet

Row = tuple[str, ...]
_NUMBER = re.compile(r"(?<![\w.])-?(\d+(\.\d+)?(e[+-]?\d+)?|nan|inf)(?![\w.]*\w)")
STAGE = "representation_error@"
AGREEMENT = {
    "representation_error": "error",
    "representation_error_centred": "centred error",
    "pearson": "Pearson r",
    "spearman": "Spearman ρ",
    "snr_db": "dB-SNR",
}


@dataclass(frozen=True)
class Table:
    """A heading for each column, and rows of text."""

    head: Row
    rows: tuple[Row, ...]


def shown(value: float | None) -> str:
    """Three significant digits; an en dash for what is not there."""
    return "–" if value is None or np.isnan(value) else f"{value:.3g}"


def of_measure(items: Sequence[Item], name: str) -> NDArray[np.float64]:
    """A measure of those items that have it."""
    return np.array([item.measures[name] for item in items if name in item.measures])


def median(items: Sequence[Item], name: str) -> float | None:
    values = of_measure(items, name)
    return float(np.median(values)) if len(values) else None


def spread(items: Sequence[Item], name: str) -> tuple[float, float, float] | None:
    """10th percentile, median and 90th percentile."""
    values = of_measure(items, name)
    if not len(values):
        return None
    low, middle, high = np.percentile(values, (10, 50, 90))
    return float(low), float(middle), float(high)


def reached(found: StimulusSet) -> list[tuple[int, float]]:
    """(step, share of all items that are valid and were found by then), each step once; from 0 to the last one taken."""
    steps = sorted(item.steps for item in found.items if item.valid)
    points = {0: 0.0}
    for i, step in enumerate(steps, 1):
        points[step] = i / len(found.items)
    points.setdefault(max(item.steps for item in found.items), len(steps) / len(found.items))
    return sorted(points.items())


def curve(item: Item) -> list[tuple[float, float]]:
    """(step, loss); older sets, which do not say at which steps, have them evenly spaced."""
    steps: Sequence[float] = item.loss_steps or [float(s) for s in np.linspace(0, item.steps, len(item.loss_curve))]
    return list(zip(steps, item.loss_curve, strict=True))


def middle_curve(curves: Sequence[Sequence[tuple[float, float]]]) -> list[tuple[float, float, float, float]]:
    """(step, 10th percentile, median, 90th percentile) of the losses; a finished image keeps its last loss."""
    some = [each for each in curves if each]
    if not some:
        return []
    steps = sorted({step for each in some for step, _ in each})
    grid = sorted({steps[i] for i in np.linspace(0, len(steps) - 1, min(60, len(steps))).astype(int)})
    losses = np.array([np.interp(grid, [step for step, _ in each], [loss for _, loss in each]) for each in some])
    low, middle, high = np.percentile(losses, (10, 50, 90), axis=0)
    return [(float(s), float(a), float(b), float(c)) for s, a, b, c in zip(grid, low, middle, high, strict=True)]


def stages(found: StimulusSet) -> list[str]:
    """Later layers, in the recipe's order where it has one."""
    names = {name.removeprefix(STAGE) for item in found.items for name in item.measures if name.startswith(STAGE)}
    told = found.recipe.get("stages")
    order = [str(name) for name in told if name in names] if isinstance(told, list) else []
    return [*order, *sorted(names - set(order))]


def stage_table(found: StimulusSet, items: Sequence[Item]) -> Table:
    """Medians at the layer and at each later stage, on the file and as displayed."""
    places = [("", f"{found.source.layer} (matched)"), *((f"@{stage}", stage) for stage in stages(found))]
    is_displayed = len(of_measure(items, "representation_error_displayed")) > 0
    head = ["stage", *AGREEMENT.values(), *(["error, displayed"] if is_displayed else [])]
    rows = []
    for place, word in places:
        names = [f"{name}{place}" for name in AGREEMENT]
        names += [f"representation_error_displayed{place}"] if is_displayed else []
        rows.append((word, *(shown(median(items, name)) for name in names)))
    return Table(tuple(head), tuple(rows))


def measure_table(items: Sequence[Item]) -> Table:
    """Median and middle 80 % of every measure at the layer, and how many items have it."""
    names = sorted({name for item in items for name in item.measures if "@" not in name and "predicted" not in name})
    rows = []
    for name in names:
        found = spread(items, name)
        assert found is not None
        rows.append(
            (name, shown(found[1]), f"{shown(found[0])} … {shown(found[2])}", str(len(of_measure(items, name))))
        )
    return Table(("measure", "median", "10th … 90th percentile", "items"), tuple(rows))


def null_table(found: StimulusSet) -> Table:
    """Percentiles of every null distribution."""
    wanted = ("0", "1", "5", "50", "95", "100")
    rows = [
        (name, str(distribution.n), *(shown(distribution.quantiles.get(q)) for q in wanted))
        for name, distribution in sorted(found.null.items(), key=lambda entry: entry[0].rpartition("/")[::2])
    ]
    return Table(("null", "pairs", *(f"{q} %" for q in wanted)), tuple(rows))


def reason_table(found: StimulusSet) -> Table:
    """Why items are not valid, numbers left out, and how often."""
    counted = Counter(_NUMBER.sub("…", reason) for item in found.items for reason in item.invalid_reasons)
    return Table(("reason", "items"), tuple((reason, str(n)) for reason, n in counted.most_common()))


def reached_table(found: StimulusSet) -> Table:
    """The steps by which shares of all items were valid."""
    points = reached(found)
    rows = []
    for share in (0.1, 0.25, 0.5, 0.75, 0.9, 1.0):
        step = next((step for step, have in points if have >= share - 1e-9 and have > 0), None)
        rows.append((f"{share:.0%}", "not reached" if step is None else str(step)))
    return Table(("share of all items", "steps"), tuple(rows))
