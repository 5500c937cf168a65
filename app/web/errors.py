"""From kinds of failure to answers: HTML for people, JSON for programs."""

import logging

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.db.engine import UNAVAILABLE, UNSTORABLE
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
    500: "This is our fault",
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
        response = failed(request, problem.status_code, str(problem.detail))
        response.headers.update(problem.headers or {})
        return response

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, problem: RequestValidationError) -> Response:
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return failed(request, 422, f"{where}: {first['msg']}")

    def unavailable(request: Request, problem: Exception) -> Response:
        _log.error("storage failed: %s", problem)
        return failed(request, 503, "Storage cannot be reached at this moment; nothing was lost.")

    def unstorable(request: Request, _problem: Exception) -> Response:
        return failed(request, 422, "A value in this request cannot be stored.")

    for kind in (*UNAVAILABLE, StoreError):
        app.add_exception_handler(kind, unavailable)
    for kind in UNSTORABLE:
        app.add_exception_handler(kind, unstorable)


class LastResort:
    """A fault of ours: logged with its trace, answered by one line and with the headers of every other reply.

    The log names the route, never the address, which may hold a run's token.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def note(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, note)
        except Exception:
            if has_begun or scope["type"] != "http":
                raise  # the reply breaks off, so that nobody takes half of it for the whole
            _log.exception("%s %s failed", scope["method"], getattr(scope.get("route"), "path", "(no route)"))
            line = "Something went wrong on the server. It has been written down; please try again."
            await failed(Request(scope), 500, line)(scope, receive, send)
