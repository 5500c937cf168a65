"""Colours and type of the report's figures: the page's own CSS variables, so that they follow light and dark."""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import vl_convert

FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
INK, MUTED, LINE, FIRST, SECOND = "#010101", "#020202", "#030303", "#040404", "#050505"

# vl-convert parses colours, so a CSS variable cannot pass through it: placeholders do, and are replaced afterwards.
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    FIRST: "var(--c1)",
    SECOND: "var(--c2)",
}


def axis(title: str | None, **more: Any) -> alt.Axis:
    settings: dict[str, Any] = {
        "title": title,
        "titleColor": MUTED,
        "titleFontWeight": 500,
        "titleFontSize": 12,
        "labelColor": MUTED,
        "labelFontSize": 12,
        "domainColor": LINE,
        "tickColor": LINE,
        "gridColor": LINE,
        "labelLimit": 140,
    }
    return alt.Axis(**{**settings, **more})


def decades(values: Sequence[float]) -> list[float]:
    """Powers of ten from below the smallest to above the largest of positive values: ticks of a logarithmic axis."""
    first, last = (math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))))
    step = max(1, (last - first) // 6)
    return [10.0**power for power in range(first, last + 1, step)]


def data(rows: list[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=rows)


def draw(chart: alt.TopLevelMixin, title: str, description: str) -> str:
    """The chart as inline SVG, named for those who cannot see it."""
    spec = chart.configure(font=FONT, background="transparent").configure_view(stroke=None).to_dict()
    # Room to the left: the browser's font may be wider than the one with which the labels were measured.
    spec["padding"] = {"left": 20, "right": 12, "top": 6, "bottom": 2}
    drawn: str = vl_convert.vegalite_to_svg(spec)
    for colour, variable in _VARIABLES.items():
        drawn = drawn.replace(colour, variable)
    label = f"{title}. {description}".replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
