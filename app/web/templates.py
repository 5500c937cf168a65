"""Pages: one frozen dataclass a template. A template can use nothing but its page's fields and the globals below."""

import hashlib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.resources import folder

GLOBALS = ("static", "csp_nonce")


@dataclass(frozen=True)
class Page:
    """Base of every page; `template` is its file."""

    template: ClassVar[str]

    def context(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


@cache
def static_version() -> str:
    """Hash of all static files: it stands in their addresses, so that they can be kept for ever."""
    digest = hashlib.sha256()
    root = folder("static")
    for file in sorted(path for path in root.rglob("*") if path.is_file()):
        digest.update(file.relative_to(root).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def static(path: str) -> str:
    """The address of a static file."""
    return f"/static/{static_version()}/{path}"


@cache
def environment(templates: Path | None = None) -> Environment:
    found = Environment(
        loader=FileSystemLoader(templates or folder("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["static"] = static
    return found


def respond(request: Request, page: Page, status: int = 200) -> HTMLResponse:
    """The page as a response."""
    html = environment().get_template(page.template).render(**page.context(), csp_nonce=request.state.csp_nonce)
    return HTMLResponse(html, status)
