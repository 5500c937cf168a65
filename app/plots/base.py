"""What a figure is, and how one is drawn."""

from typing import Any, Protocol, TypeVar

import vl_convert

from app.plots.theme import Theme

Data = TypeVar("Data", contravariant=True)


class Figure(Protocol[Data]):
    """Scores in, Vega-Lite specification out: the same picture in a page, a file and a report."""

    @property
    def name(self) -> str: ...

    def spec(self, data: Data, theme: Theme, width: int) -> dict[str, Any]:
        """`width` is that of the whole figure in CSS pixels; a narrow one may be laid out differently."""
        ...


def svg(spec: dict[str, Any], theme: Theme, title: str, description: str) -> str:
    """The figure as inline SVG in the theme's colours, named for those who cannot see it."""
    drawn: str = vl_convert.vegalite_to_svg(spec)
    for colour, variable in theme.variables.items():
        drawn = drawn.replace(colour, variable)
    label = f"{title}. {description}".replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
