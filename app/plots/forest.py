"""Forest plot: a row a group, its score and interval, the chance line, and the numbers beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from app.plots.theme import FONT, SHAPES, Theme

ROW = 34
NARROW = 480
NARROW_ROW = 56


@dataclass(frozen=True)
class ForestRow:
    """One group. Values in [0, 1]; `low` and `high` are None where there is no interval, and `note` says why."""

    label: str
    series: str
    value: float | None
    low: float | None
    high: float | None
    note: str | None = None

    @property
    def text(self) -> str:
        """`72% [64, 79]`, as it stands beside the row."""
        if self.value is None:
            return self.note or "no answers yet"
        if self.low is None or self.high is None:
            return f"{self.value:.0%}"
        return f"{self.value:.0%} [{self.low * 100:.0f}, {self.high * 100:.0f}]"


@dataclass(frozen=True)
class ForestData:
    """Rows from top to bottom, the chance level, and what the axis says."""

    rows: Sequence[ForestRow]
    chance: float
    axis: str


class Forest:
    name = "forest"

    def spec(self, data: ForestData, theme: Theme, width: int) -> dict[str, Any]:
        narrow = width < NARROW
        step = NARROW_ROW if narrow else ROW
        height = step * len(data.rows)
        series = list(dict.fromkeys(row.series for row in data.rows))
        base = alt.Chart(_data([_values(i, row) for i, row in enumerate(data.rows)]))
        y = alt.Y("row:O", axis=None, scale=alt.Scale(padding=0.5))
        x = alt.X("value:Q", scale=alt.Scale(domain=[0, 1]), axis=_axis(data.axis, theme))
        colour = alt.Color("series:N", scale=alt.Scale(domain=series, range=list(theme.series)), legend=None)
        shape = alt.Shape("series:N", scale=alt.Scale(domain=series, range=list(SHAPES)), legend=None)
        chance = alt.Chart(_data([{"chance": data.chance}]))
        line = chance.mark_rule(strokeDash=[3, 3], color=theme.ink, opacity=0.65).encode(x="chance:Q")
        label = chance.mark_text(dy=-8, baseline="bottom", color=theme.muted, fontSize=12).encode(
            x="chance:Q", y=alt.value(0), text=alt.value("Chance")
        )
        interval = base.mark_rule(strokeWidth=2.5, strokeCap="round").encode(x="low:Q", x2="high:Q", y=y, color=colour)
        point = base.mark_point(filled=True, size=90, opacity=1).encode(x=x, y=y, color=colour, shape=shape)
        labels = min(WIDEST_LABELS, max(LABELS, LETTER * max(len(row.label) for row in data.rows) + 16))
        plot_width = width - 24 if narrow else width - labels - NUMBERS
        texts = _narrow_texts(base, y, theme) if narrow else _wide_texts(base, y, theme, plot_width, labels)
        chart = alt.layer(line, label, interval, point, *texts).properties(width=plot_width, height=height)
        spec: dict[str, Any] = (
            chart.configure(font=FONT, background="transparent").configure_view(stroke=None).to_dict()
        )
        spec["padding"] = (
            {"left": 12, "right": 12, "top": 4, "bottom": 4}
            if narrow
            else {"left": 0, "right": 0, "top": 4, "bottom": 4}
        )
        return spec


LABELS, WIDEST_LABELS = 180, 300
LETTER = 7.5  # pixels, at the labels' size
NUMBERS = 110


def _values(i: int, row: ForestRow) -> dict[str, Any]:
    return {
        "row": i,
        "label": row.label,
        "series": row.series,
        "value": row.value,
        "low": row.low,
        "high": row.high,
        "text": row.text,
    }


def _data(values: list[dict[str, Any]]) -> alt.Data:
    return alt.Data(values=values)  # type: ignore[no-untyped-call]


def _axis(title: str, theme: Theme) -> alt.Axis:
    return alt.Axis(
        title=title,
        format=".0%",
        values=[0, 0.25, 0.5, 0.75, 1],
        domain=False,
        ticks=False,
        gridColor=theme.line,
        labelColor=theme.muted,
        titleColor=theme.muted,
        labelFontSize=12,
        titleFontSize=12,
        titleFontWeight="normal",
        labelPadding=8,
        titlePadding=10,
    )


def _wide_texts(base: alt.Chart, y: alt.Y, theme: Theme, plot: float, labels: float) -> list[alt.Chart]:
    left = base.mark_text(align="left", color=theme.ink, fontSize=13, limit=labels - 16)
    right = base.mark_text(align="right", color=theme.ink, fontSize=13, fontWeight=600)
    return [
        left.encode(x=alt.value(-labels), y=y, text="label:N"),
        right.encode(x=alt.value(plot + NUMBERS), y=y, text="text:N"),
    ]


def _narrow_texts(base: alt.Chart, y: alt.Y, theme: Theme) -> list[alt.Chart]:
    """The label above its interval, the numbers at the right of the same line."""
    left = base.mark_text(align="left", dy=-18, color=theme.ink, fontSize=13)
    right = base.mark_text(align="right", dy=-18, color=theme.ink, fontSize=13, fontWeight=600)
    return [
        left.encode(x=alt.value(0), y=y, text="label:N"),
        right.encode(x=alt.value("width"), y=y, text="text:N"),
    ]


forest = Forest()
