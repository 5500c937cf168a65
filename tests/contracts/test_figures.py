import xml.etree.ElementTree as ElementTree

import pytest

from app.plots import FIGURES, LIGHT, PAGE, ForestData, ForestRow, Theme, forest, svg

ROWS = [
    ForestRow("robust · avgpool", "adversarial", 0.82, 0.74, 0.88),
    ForestRow("<script>&amp; · layer", "standard", 0.41, 0.33, 0.5),
    ForestRow("alone", "standard", 0.5, None, None, "fewer than 2 participants"),
    ForestRow("empty", "standard", None, None, None, "no answers yet"),
]
DATA = ForestData(ROWS, 0.5, "Chose the target")


@pytest.mark.parametrize("theme", [PAGE, LIGHT], ids=["page", "light"])
@pytest.mark.parametrize("width", [760, 330])
def test_forest(theme: Theme, width: int) -> None:
    drawn = svg(forest.spec(DATA, theme, width), theme, "Alignment", "in words")
    root = ElementTree.fromstring(drawn)  # well formed, whatever names hold
    assert root.get("role") == "img"
    assert root.get("aria-label") == "Alignment. in words"
    assert float(root.get("width", 0)) <= width + 1
    text = [element.text for element in root.iter() if element.text]
    for expected in ("82% [74, 88]", "50%", "no answers yet", "Chance", "Chose the target", "robust · avgpool"):
        assert expected in text, expected
    assert "<script>" not in drawn
    assert ("var(--ink)" in drawn) == (theme is PAGE)
    assert not any(placeholder in drawn for placeholder in PAGE.variables)


def test_marks_lie_where_the_numbers_say() -> None:
    spec = forest.spec(DATA, LIGHT, 760)
    values = next(v for v in spec["datasets"].values() if "low" in v[0]) if "datasets" in spec else None
    rows = values or next(layer["data"]["values"] for layer in spec["layer"] if "low" in str(layer.get("data")))
    assert [(r["value"], r["low"], r["high"]) for r in rows] == [(r.value, r.low, r.high) for r in ROWS]


def test_figures_are_listed_under_their_names() -> None:
    assert {name: figure.name for name, figure in FIGURES.items()} == {name: name for name in FIGURES}
