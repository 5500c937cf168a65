"""What participants see, one dataclass a page."""

from dataclasses import dataclass
from typing import Any, ClassVar

from app.web.templates import Page


@dataclass(frozen=True)
class ConsentPage(Page):
    """Before anything else: what taking part means."""

    template: ClassVar[str] = "participant/consent.html"
    title: str
    paragraphs: tuple[str, ...]
    remember: str | None  # under which a browser keeps a run that is not finished; None where the link leads back
    action: str
    locale: str


@dataclass(frozen=True)
class RunPage(Page):
    """The shell in which trials run. `settings` is all that the runner needs, as JSON."""

    template: ClassVar[str] = "participant/run.html"
    title: str
    instructions: tuple[str, ...]
    position: int
    total: int
    withdraw: str
    settings: dict[str, Any]
    locale: str


@dataclass(frozen=True)
class DebriefPage(Page):
    """The end: every answer is stored."""

    template: ClassVar[str] = "participant/debrief.html"
    title: str
    paragraphs: tuple[str, ...]
    code: str
    remember: str | None
    locale: str


@dataclass(frozen=True)
class EndedPage(Page):
    """A run that ended before its end, or a link that is only looked at."""

    template: ClassVar[str] = "participant/ended.html"
    title: str
    heading: str
    paragraphs: tuple[str, ...]
    remember: str | None
    locale: str
