"""From results to the results page."""

from typing import Any

from markupsafe import Markup

from app.plots import PAGE, SHAPES, ForestData, ForestRow, forest, svg
from app.results.service import Results, Score
from app.studies.protocol import Protocol
from app.web.researcher.pages import Example, ResultsPage

WIDE = 640
NARROW = 326
AXIS = "Chose the image that the network treats as the same"


def results_page(
    found: Results,
    *,
    email: str,
    csrf: str,
    versions: tuple[int, ...],
    modes: tuple[str, ...],
    examples: list[tuple[str, list[dict[str, Any]]]],
    address: str,
) -> ResultsPage:
    slug = found.study.slug
    here = f"/studies/{slug}"
    trainings = list(dict.fromkeys(score.training for score in found.scores))
    return ResultsPage(
        email=email,
        csrf=csrf,
        slug=slug,
        title=Protocol.model_validate(found.version.protocol).title,
        version=found.version.number,
        versions=versions,
        mode=found.mode,
        modes=modes,
        summary=found.summary,
        scores=tuple(found.scores),
        wide_figure=_figure(found.scores, WIDE),
        narrow_figure=_figure(found.scores, NARROW),
        legend=tuple((SHAPES[i % len(SHAPES)], training) for i, training in enumerate(trainings)),
        conditional_on=tuple(found.conditional_on),
        report=found.report,
        examples=tuple((model, tuple(_example(here, spec) for spec in specs)) for model, specs in examples),
        participant_url=f"{address}/s/{slug}",
        download=f"{here}/export.csv?mode={found.mode}&version={found.version.number}",
        wilson_label="Binomial, ignores clustering",
    )


def _example(here: str, spec: dict[str, Any]) -> Example:
    return Example(*(f"{here}/images/{spec[role]}" for role in ("target", "alternative", "query")))


def _label(score: Score) -> str:
    return " · ".join(part for part in (score.model, score.layer, score.variant) if part)


def _figure(scores: list[Score], width: int) -> Markup:
    rows = [
        ForestRow(_label(score), score.training, score.alignment, score.low, score.high, score.reason)
        for score in scores
    ]
    described = "; ".join(f"{row.label}: {row.text}" for row in rows)
    data = ForestData(rows, scores[0].chance, AXIS)
    # The figure is drawn by us from numbers and names; vl-convert escapes the names.
    return Markup(svg(forest.spec(data, PAGE, width), PAGE, "Alignment by model and layer", described))  # noqa: S704
