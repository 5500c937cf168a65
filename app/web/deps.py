"""What handlers ask for, by name."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Annotated

from anyio import CapacityLimiter
from cachetools import LRUCache
from fastapi import Depends, Request
from sqlalchemy.orm import Session as DbSession

from app.accounts import service as accounts
from app.accounts.throttle import Throttle
from app.config import Settings
from app.db.engine import Database
from app.db.tables import Researcher
from app.sessions.plan import Plan
from app.sessions.recorder import Recorder
from app.store import Store

PLANS_KEPT = 2000
HASHING_THREADS = 2  # each takes 64 MiB and a core for a moment, and anybody may ask for it


@dataclass
class Services:
    """All that one server holds open; made in app.main, reached through the request."""

    settings: Settings
    database: Database
    store: Store
    recorder: Recorder
    images: LRUCache[str, bytes]
    plans: LRUCache[str, Plan] = field(default_factory=lambda: LRUCache(PLANS_KEPT))
    throttle: Throttle = field(default_factory=Throttle)
    hashing: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(HASHING_THREADS))


async def services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


ServicesDep = Annotated[Services, Depends(services)]


async def _writing(services: ServicesDep) -> AsyncIterator[DbSession]:
    async with services.database.writing_async() as db:
        yield db


def _reading(services: ServicesDep) -> Iterator[DbSession]:
    with services.database.reading() as db:
        yield db


# scope="function": committed before the reply leaves. With the default scope a browser would be told "stored" first.
Db = Annotated[DbSession, Depends(_writing, scope="function")]
ReadDb = Annotated[DbSession, Depends(_reading)]

COOKIE = "alike_login"


def cookie_name(settings: Settings) -> str:
    return f"__Host-{COOKIE}" if settings.secure_cookies else COOKIE


def _researcher(request: Request, services: ServicesDep, db: ReadDb) -> Researcher:
    cookie = request.cookies.get(cookie_name(services.settings), "")
    return accounts.authenticate(db, cookie=cookie, secret=services.settings.secret)


CurrentResearcher = Annotated[Researcher, Depends(_researcher)]
