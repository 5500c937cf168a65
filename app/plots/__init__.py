"""Figures: scores in, picture specification out. To add one: its module here, one line in the table."""

from typing import Any

from app.plots.base import Figure, svg
from app.plots.forest import ForestData, ForestRow, forest
from app.plots.theme import LIGHT, PAGE, SHAPES, Theme

FIGURES: dict[str, Figure[Any]] = {
    forest.name: forest,
}

__all__ = ["FIGURES", "LIGHT", "PAGE", "SHAPES", "Figure", "ForestData", "ForestRow", "Theme", "forest", "svg"]
