"""The composition root: the only place that wires things together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cachetools import LRUCache
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy import text
from starlette.types import Scope

from app.accounts.service import NotLoggedIn
from app.config import Settings
from app.db.engine import Database
from app.resources import folder
from app.sessions.recorder import open_recorder
from app.store import Store
from app.web import errors
from app.web.deps import Services, ServicesDep
from app.web.participant.routes import router as participant
from app.web.researcher.routes import router as researcher
from app.web.security import BodyLimit, SameOrigin, SecurityHeaders
from app.web.templates import static_version


class ImmutableFiles(StaticFiles):
    """Static files under an address that changes with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def create_app(settings: Settings) -> FastAPI:
    """A server with these settings. Its database must be at the latest revision (`alike db upgrade`)."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        database = Database(settings.database)
        recorder = open_recorder(database)
        images: LRUCache[str, bytes] = LRUCache(settings.image_cache_mib * 2**20, getsizeof=len)
        app.state.services = Services(settings, database, Store(settings.store_url), recorder, images)
        await recorder.start()
        try:
            yield
        finally:
            await recorder.close()
            database.close()

    app = FastAPI(title="Alike", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(BodyLimit, limit=settings.max_body_kib * 1024)
    app.add_middleware(SameOrigin)
    app.add_middleware(errors.LastResort)
    app.add_middleware(SecurityHeaders)
    errors.install(app)
    app.mount(f"/static/{static_version()}", ImmutableFiles(directory=folder("static")), "static")
    app.include_router(participant)
    app.include_router(researcher)

    @app.exception_handler(NotLoggedIn)
    def to_login(_request: Request, _problem: NotLoggedIn) -> Response:
        return RedirectResponse("/login", 303)

    @app.get("/healthz")
    def healthy(services: ServicesDep) -> Response:
        with services.database.reading() as db:
            db.execute(text("SELECT 1"))
        return PlainTextResponse("ok")

    return app
