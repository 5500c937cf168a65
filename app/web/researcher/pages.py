"""What researchers see, one dataclass a page."""

from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

from app.results.service import Score, StudyLine, Summary
from app.studies.publishing import Report
from app.web.templates import Page


@dataclass(frozen=True)
class LoginPage(Page):
    """E-mail and password; `problem` is what was wrong with the last attempt."""

    template: ClassVar[str] = "researcher/login.html"
    problem: str | None


@dataclass(frozen=True)
class StudiesPage(Page):
    """All studies."""

    template: ClassVar[str] = "researcher/studies.html"
    email: str
    csrf: str
    studies: tuple[StudyLine, ...]


@dataclass(frozen=True)
class Example:
    """Addresses of one item's pictures."""

    target: str
    start: str
    reconstruction: str


@dataclass(frozen=True)
class ResultsPage(Page):
    """One study's results, for one version and one mode."""

    template: ClassVar[str] = "researcher/results.html"
    email: str
    csrf: str
    slug: str
    title: str
    version: int
    versions: tuple[int, ...]
    mode: str
    modes: tuple[str, ...]
    summary: Summary
    scores: tuple[Score, ...]
    wide_figure: Markup
    narrow_figure: Markup
    legend: tuple[tuple[str, str], ...]  # (shape, training)
    conditional_on: tuple[tuple[str, str], ...]
    report: Report
    examples: tuple[tuple[str, tuple[Example, ...]], ...]
    participant_url: str
    download: str
    wilson_label: str
