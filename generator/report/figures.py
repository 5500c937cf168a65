"""The figures of a report: numbers in, inline SVG out, at a width in CSS pixels."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from generator.report import numbers
from generator.report.theme import FIRST, INK, MUTED, SECOND, axis, data, decades, draw
from generator.store import Distribution, Item, StimulusSet

HEIGHT = 220
MOST_CURVES = 60
NULLS = {
    "relative": "null, all pairs",
    "different_class/relative": "different class",
    "same_class/relative": "same class",
}


def reached(found: StimulusSet, width: int) -> str:
    """Share of items that are valid, by the step at which they were found."""
    points = numbers.reached(found)
    last = points[-1][0]
    rows = [{"step": step, "share": share} for step, share in points]
    chart = (
        alt.Chart(data(rows), width=width, height=HEIGHT)
        .mark_area(interpolate="step-after", color=FIRST, opacity=0.14, line={"color": FIRST, "strokeWidth": 2})
        .encode(
            x=alt.X("step:Q", axis=axis("steps", grid=False, tickCount=5)),
            y=alt.Y(
                "share:Q", scale=alt.Scale(domain=[0, 1]), axis=axis("share of all items", format="%", tickCount=5)
            ),
        )
    )
    return draw(chart, "Convergence", f"{points[-1][1]:.0%} of the items are valid after {last} steps")


def losses(found: StimulusSet, width: int) -> str:
    """Loss curves, their median and middle 80 %."""
    curves = [curve for item in found.items if (curve := numbers.curve(item))]
    chosen = [curves[i] for i in np.unique(np.linspace(0, len(curves) - 1, min(len(curves), MOST_CURVES)).astype(int))]
    every = [loss for curve in curves for _, loss in curve]
    positive = all(loss > 0 for loss in every)
    ticks = {"values": decades(every)} if positive else {"tickCount": 4}
    kind = alt.Scale(type="log") if positive else alt.Scale()
    x = alt.X("step:Q", scale=alt.Scale(type="sqrt"), axis=axis("steps (root scale)", grid=False, tickCount=5))
    y = alt.Y("loss:Q", scale=kind, axis=axis("loss (log scale)" if positive else "loss", format="~g", **ticks))
    thin = [{"item": i, "step": step, "loss": loss} for i, curve in enumerate(chosen) for step, loss in curve]
    middle = [
        {"step": step, "low": low, "loss": loss, "high": high} for step, low, loss, high in numbers.middle_curve(curves)
    ]
    band = alt.Chart(data(middle)).mark_area(color=FIRST, opacity=0.14).encode(x=x, y=alt.Y("low:Q", scale=kind, title=None), y2="high:Q")  # fmt: skip
    each = alt.Chart(data(thin)).mark_line(color=MUTED, opacity=0.35, strokeWidth=0.7).encode(x=x, y=y, detail="item:N")
    line = alt.Chart(data(middle)).mark_line(color=FIRST, strokeWidth=2.5).encode(x=x, y=y)
    end = f"the median ends at {middle[-1]['loss']:.3g}" if middle else "no curves were kept"
    return draw(alt.layer(band, each, line).properties(width=width, height=HEIGHT), "Loss", end)


def errors(found: StimulusSet, width: int) -> str:
    """Errors of the set's images against the null distributions, on one logarithmic axis."""
    kept = [item for item in found.items if "representation_error" in item.measures]
    nulls = {word: found.null[name] for name, word in NULLS.items() if name in found.null}
    values = [item.measures["representation_error"] for item in kept]
    smallest = min([v for v in [*values, *(d.quantiles["1"] for d in nulls.values())] if v > 0], default=1e-3)
    order = ["valid", "not valid", *nulls]
    y = alt.Y("row:N", sort=order, axis=axis(None, domain=False, ticks=False, labelPadding=8))
    largest = max([*values, *(d.quantiles["100"] for d in nulls.values() if "100" in d.quantiles), smallest])
    x = axis("representation error (log scale)", values=decades([smallest / 2, largest]), format="~g")
    ticks = [_mark(item, smallest / 2) for item in kept]
    colour = alt.Color("row:N", scale=alt.Scale(domain=["valid", "not valid"], range=[FIRST, SECOND]), legend=None)
    own = (
        alt.Chart(data(ticks))
        .mark_tick(thickness=1.5, size=20, opacity=0.75)
        .encode(x=alt.X("value:Q", scale=alt.Scale(type="log"), axis=x), y=y, color=colour)
    )
    layers = [own, *_bars([_bar(word, null, smallest / 2) for word, null in nulls.items()], y)]
    limits = {item.measures["error_limit"] for item in kept if "error_limit" in item.measures}
    if len(limits) == 1:
        rule = alt.Chart(data([{"limit": limits.pop()}])).mark_rule(color=INK, strokeDash=[3, 3], opacity=0.7)
        layers.append(rule.encode(x="limit:Q"))
    title = "Errors and what pictures that have nothing to do with each other give"
    told = f"median error {numbers.shown(numbers.median(kept, 'representation_error'))}"
    return draw(alt.layer(*layers).properties(width=width, height=34 * len(order)), title, told)


def _mark(item: Item, floor: float) -> dict[str, Any]:
    return {
        "row": "valid" if item.valid else "not valid",
        "value": max(item.measures["representation_error"], floor),
    }


def _bar(word: str, null: Distribution, floor: float) -> dict[str, Any]:
    quantiles = {
        q: max(null.quantiles[q], floor) for q in ("0", "1", "25", "50", "75", "99", "100") if q in null.quantiles
    }
    return {"row": word, **{f"q{q}": value for q, value in quantiles.items()}}


def _bars(rows: list[dict[str, Any]], y: alt.Y) -> list[alt.Chart]:
    """All of a null as a thin line, its middle 98 % thicker, its middle half as a bar, its median as a mark."""
    base = alt.Chart(data(rows)).encode(y=y)
    return [
        base.mark_rule(color=MUTED, strokeWidth=1).encode(x="q0:Q", x2="q100:Q"),
        base.mark_rule(color=MUTED, strokeWidth=4, opacity=0.45).encode(x="q1:Q", x2="q99:Q"),
        base.mark_bar(color=MUTED, size=12, opacity=0.6).encode(x="q25:Q", x2="q75:Q"),
        base.mark_tick(color=INK, thickness=2, size=16).encode(x="q50:Q"),
    ]


def stages(found: StimulusSet, items: Sequence[Item], width: int) -> str:
    """Error at the layer and at each later stage: median and middle 80 %."""
    places = [
        (found.source.layer, "representation_error"),
        *((s, f"{numbers.STAGE}{s}") for s in numbers.stages(found)),
    ]
    rows = []
    for place, name in places:
        told = numbers.spread(items, name)
        if told is not None:
            rows.append({"stage": place, "low": told[0], "error": told[1], "high": told[2]})
    y = alt.Y(
        "stage:N", sort=[place for place, _ in places], axis=axis(None, domain=False, ticks=False, labelPadding=8)
    )
    x = alt.X("error:Q", scale=alt.Scale(zero=True), axis=axis("representation error", tickCount=5, format="~g"))
    base = alt.Chart(data(rows))
    interval = base.mark_rule(color=FIRST, strokeWidth=2.5, opacity=0.5).encode(
        x=alt.X("low:Q", title=None), x2="high:Q", y=y
    )
    point = base.mark_point(filled=True, size=80, opacity=1, color=FIRST).encode(x=x, y=y)
    chart = alt.layer(interval, point).properties(width=width, height=30 * max(1, len(rows)))
    ends = f"median {rows[0]['error']:.3g} at {rows[0]['stage']}, {rows[-1]['error']:.3g} at {rows[-1]['stage']}" if rows else "none"  # fmt: skip
    return draw(chart, "Error at later stages", ends)
