"""Colours and type of figures. In a page they are the page's own CSS variables, so a figure follows light and dark; in a
file they are values."""

from collections.abc import Mapping
from dataclasses import dataclass

FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


@dataclass(frozen=True)
class Theme:
    """`series` are colours told apart by hue; shapes tell them apart without it."""

    ink: str
    muted: str
    line: str
    series: tuple[str, str, str]
    variables: Mapping[str, str]  # what to write instead of each colour once the picture is drawn


SHAPES = ("circle", "square", "diamond")

# vl-convert parses colours, so a CSS variable cannot pass through it: placeholders do, and are replaced afterwards.
PAGE = Theme(
    ink="#010101",
    muted="#020202",
    line="#030303",
    series=("#040404", "#050505", "#060606"),
    variables={
        "#010101": "var(--ink)",
        "#020202": "var(--muted)",
        "#030303": "var(--line)",
        "#040404": "var(--c1)",
        "#050505": "var(--c2)",
        "#060606": "var(--c3)",
    },
)
LIGHT = Theme("#14181f", "#545d6b", "#e1e5ea", ("#0b62a8", "#b4530a", "#4f5866"), {})
