"""Pages that both audiences can meet."""

from dataclasses import dataclass
from typing import ClassVar

from app.web.templates import Page


@dataclass(frozen=True)
class ErrorPage(Page):
    """Anything that went wrong: its HTTP status, a heading, and one clear line."""

    template: ClassVar[str] = "error.html"
    status: int
    heading: str
    line: str
