"""Everything that a researcher can reach."""

from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from app.accounts import service as accounts
from app.accounts.throttle import Throttled
from app.config import Settings
from app.errors import Forbidden, NotFound
from app.exports import EXPORTS
from app.results import service as results
from app.studies import queries as study_queries
from app.web import images
from app.web.deps import CurrentResearcher, Db, ReadDb, Services, ServicesDep, cookie_name
from app.web.researcher import present
from app.web.researcher.pages import LoginPage, StudiesPage
from app.web.templates import respond

router = APIRouter()
EXAMPLES = 8
SHOWN_MODES = ("live", "pilot", "simulated")
VersionNumber = Annotated[int | None, Query(ge=1, lt=2**31)]


@router.get("/")
def home() -> Response:
    return RedirectResponse("/studies", 303)


@router.get("/login")
def login_form(request: Request) -> Response:
    return respond(request, LoginPage(problem=None))


@router.post("/login")
async def login(
    request: Request, services: ServicesDep, email: Annotated[str, Form()], password: Annotated[str, Form()]
) -> Response:
    # Passwords are checked on threads of their own and before our turn to write: a flood of logins keeps nobody waiting.
    key = f"{request.client.host if request.client else ''} {email.lower()}"
    check = partial(_check_password, services, key, email, password)
    try:
        researcher_id = await to_thread.run_sync(check, limiter=services.hashing)
    except Throttled as problem:
        page = respond(request, LoginPage(problem=str(problem)), 429)
        page.headers["Retry-After"] = str(problem.seconds)
        return page
    except Forbidden as problem:
        return respond(request, LoginPage(problem=str(problem)), 403)
    settings = services.settings
    before = request.cookies.get(cookie_name(settings), "")
    async with services.database.writing_async() as db:
        log_in = partial(accounts.log_in, db, researcher_id=researcher_id, hours=settings.login_hours)
        cookie = await to_thread.run_sync(partial(log_in, secret=settings.secret, replaces=before))
    return _admitted(settings, cookie)


def _check_password(services: Services, key: str, email: str, password: str) -> int:
    services.throttle.admit(key)
    try:
        with services.database.reading() as db:
            researcher_id = accounts.check_password(db, email=email, password=password)
    except Forbidden:
        services.throttle.failed(key)
        raise
    services.throttle.succeeded(key)
    return researcher_id


def _admitted(settings: Settings, cookie: str) -> Response:
    response = RedirectResponse("/studies", 303)
    response.set_cookie(
        cookie_name(settings),
        cookie,
        max_age=settings.login_hours * 3600,
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )
    return response


@router.post("/logout")
def logout(request: Request, services: ServicesDep, db: Db, csrf: Annotated[str, Form()]) -> Response:
    cookie = request.cookies.get(cookie_name(services.settings), "")
    accounts.check_csrf(token=csrf, cookie=cookie, secret=services.settings.secret)
    accounts.log_out(db, cookie=cookie, secret=services.settings.secret)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(cookie_name(services.settings), secure=services.settings.secure_cookies)
    return response


@router.get("/studies")
def list_studies(request: Request, services: ServicesDep, researcher: CurrentResearcher, db: ReadDb) -> Response:
    lines = tuple(results.study_lines(db))
    return respond(request, StudiesPage(email=researcher.email, csrf=_csrf(request, services), studies=lines))


@router.get("/studies/{slug}")
def show_results(
    request: Request,
    slug: str,
    services: ServicesDep,
    researcher: CurrentResearcher,
    db: ReadDb,
    mode: str | None = None,
    version: VersionNumber = None,
) -> Response:
    found = results.results(db, slug=slug, mode=mode, number=version)
    page = present.results_page(
        found,
        email=researcher.email,
        csrf=_csrf(request, services),
        versions=tuple(study_queries.version_numbers(db, found.study.id)),
        modes=SHOWN_MODES,
        examples=results.examples(db, version_id=found.version.id, limit=EXAMPLES),
        address=services.settings.address,
    )
    return respond(request, page)


@router.get("/studies/{slug}/export.{suffix}")
def export(
    slug: str,
    suffix: str,
    researcher: CurrentResearcher,  # noqa: ARG001
    db: ReadDb,
    mode: str = "live",
    version: VersionNumber = None,
) -> Response:
    found = next((export for export in EXPORTS.values() if export.suffix == suffix), None)
    if found is None:
        raise NotFound(f"there is no export format {suffix!r}; known are {', '.join(EXPORTS)}")
    rows = results.trial_rows(db, slug=slug, mode=mode, number=version)
    name = f"study-{slug.replace('-', '')}_mode-{mode}_data.{suffix}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(found.encode(rows), media_type=found.media_type, headers=headers)


@router.get("/studies/{slug}/images/{digest}")
def picture(slug: str, digest: str, services: ServicesDep, researcher: CurrentResearcher, db: ReadDb) -> Response:  # noqa: ARG001
    results.check_picture(db, slug=slug, digest=digest)
    return images.stored(services, digest)


def _csrf(request: Request, services: ServicesDep) -> str:
    cookie = request.cookies.get(cookie_name(services.settings), "")
    return accounts.csrf_token(cookie=cookie, secret=services.settings.secret)
