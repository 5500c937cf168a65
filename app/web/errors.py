"""From kinds of failure to answers: HTML for people, JSON for programs."""

import logging

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from app.db.engine import UNAVAILABLE
from app.errors import AppError, Busy, Conflict, Forbidden, Gone, Invalid, NotFound
from app.store import StoreError
from app.web.pages import ErrorPage
from app.web.templates import respond

STATUS: dict[type[AppError], int] = {
    NotFound: 404,
    Forbidden: 403,
    Conflict: 409,
    Invalid: 422,
    Gone: 410,
    Busy: 503,
}
RETRY_AFTER = {"Retry-After": "2"}
_HEADINGS = {
    403: "This is not yours to see",
    404: "There is nothing here",
    405: "This cannot be done here",
    410: "This has ended",
    413: "That is too much at once",
    429: "Too many attempts",
    503: "Please try again in a moment",
}
_log = logging.getLogger(__name__)


def failed(request: Request, status: int, line: str) -> Response:
    """The answer to a failed request, in the form that was asked for."""
    if "text/html" in request.headers.get("accept", ""):
        page = ErrorPage(status=status, heading=_HEADINGS.get(status, "That did not work"), line=line)
        response: Response = respond(request, page, status)
    else:
        response = JSONResponse({"error": line}, status)
    if status == 503:
        response.headers.update(RETRY_AFTER)
    return response


def install(app: FastAPI) -> None:
    """Make the application answer failures as above, never with a bare 500."""

    @app.exception_handler(AppError)
    def known(request: Request, problem: AppError) -> Response:
        return failed(request, STATUS[type(problem)], str(problem))

    @app.exception_handler(HTTPException)
    def http(request: Request, problem: HTTPException) -> Response:
        return failed(request, problem.status_code, str(problem.detail))

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, problem: RequestValidationError) -> Response:
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return failed(request, 422, f"{where}: {first['msg']}")

    def unavailable(request: Request, problem: Exception) -> Response:
        _log.error("storage failed: %s", problem)
        return failed(request, 503, "Storage cannot be reached at this moment; nothing was lost.")

    for kind in (*UNAVAILABLE, StoreError):
        app.add_exception_handler(kind, unavailable)
