"""When something fails: one clear line, nothing secret in the log, and it goes on afterwards."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.to_thread import current_default_thread_limiter
from fastapi.testclient import TestClient
from sqlalchemy import event

from app.accounts import service as accounts
from app.accounts.throttle import FREE_ATTEMPTS
from app.config import Settings
from app.db.engine import Database
from app.errors import AppError
from app.main import create_app
from app.store import Store
from app.web.errors import STATUS
from tests.app.web.conftest import EMAIL, PASSWORD
from tests.conftest import SECRET
from tests.factories import publish
from tests.visitor import HTML, Visitor

PATIENCE = 30


@pytest.fixture
def sqlite_settings(sqlite_url: str, store: Store, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, database_url=sqlite_url, store=store.url, secret_key=SECRET)


def test_every_kind_of_failure_has_its_status() -> None:
    assert set(STATUS) == set(AppError.__subclasses__())


def test_a_fault_of_ours_is_one_line_and_a_trace_in_the_log_without_the_token(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings)

    def fail(token: str) -> None:
        raise ZeroDivisionError("a fault")

    app.add_api_route("/run/{token}/fails", fail)
    with TestClient(app) as client:
        page = client.get("/run/very-secret/fails", headers=HTML)
        data = client.get("/run/very-secret/fails")
    assert page.status_code == data.status_code == 500
    assert "<h1>This is our fault</h1>" in page.text
    assert list(data.json()) == ["error"]
    assert "ZeroDivisionError" not in page.text + data.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "ZeroDivisionError: a fault" in caplog.text
    assert "GET /run/{token}/fails failed" in caplog.text
    assert "very-secret" not in caplog.text


def test_a_method_that_is_not_there_says_which_are(client: TestClient) -> None:
    reply = client.request("DELETE", "/studies")
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET")


def test_healthz_says_when_the_database_is_away(sqlite_settings: Settings) -> None:
    away = sqlite_settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:9/none?connect_timeout=2"})
    with TestClient(create_app(away)) as client:
        reply = client.get("/healthz")
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")


def test_a_full_disk_is_503_and_the_server_goes_on_when_there_is_room_again(
    sqlite_settings: Settings, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(sqlite_settings.database)
    publish(database, store)
    database.close()
    app = create_app(sqlite_settings)
    pages = [0]  # 0: no limit

    def limit(connection: Any, *_: object) -> None:
        wanted = pages[0] or 2**30
        connection.execute(f"PRAGMA max_page_count = {wanted}")  # never below what the file has

    with TestClient(app, follow_redirects=False) as client:
        visitor = Visitor(client).consent()
        engine = app.state.services.database.engine
        event.listen(engine, "checkout", limit)
        pages[0] = 1
        entered = [client.get("/s/study", headers=HTML) for _ in range(300)]
        assert {reply.status_code for reply in entered} == {303, 503}
        assert (entered[-1].status_code, entered[-1].headers["retry-after"]) == (503, "2")
        assert "disk is full" in caplog.text
        assert visitor.token not in caplog.text
        pages[0] = 0
        assert client.get("/s/study").status_code == 303
        assert visitor.answer(0).status_code == 200


@pytest.mark.usefixtures("researcher")
def test_logging_in_again_ends_the_login_before(client: TestClient) -> None:
    form = {"email": EMAIL, "password": PASSWORD}
    client.post("/login", data=form)
    before = client.cookies["alike_login"]
    client.post("/login", data=form)
    assert client.cookies["alike_login"] != before
    assert client.get("/studies").status_code == 200
    client.cookies.clear()
    client.cookies.set("alike_login", before)
    assert client.get("/studies").status_code == 303


@pytest.mark.usefixtures("researcher")
def test_who_is_slowed_down_is_told_for_how_long(client: TestClient) -> None:
    for _ in range(FREE_ATTEMPTS + 1):
        reply = client.post("/login", data={"email": EMAIL, "password": "wrong"})
    assert reply.status_code == 429
    assert reply.headers["retry-after"] == "1"


def test_a_flood_of_logins_keeps_nobody_from_writing(sqlite_settings: Settings, store: Store) -> None:
    """Whoever waits for the turn to write must keep no thread, for the one whose turn it is needs one."""
    database = Database(sqlite_settings.database)
    publish(database, store)
    with database.writing() as db:
        accounts.add_researcher(db, email=EMAIL, password_hash=accounts.hash_password(PASSWORD))
    database.close()
    app = create_app(sqlite_settings)

    async def main() -> None:
        threads = current_default_thread_limiter()
        threads.total_tokens = 3
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://testserver", timeout=None) as client,
            asyncio.timeout(PATIENCE),
        ):
            async with app.state.services.database.lock.hold_async():
                entering = asyncio.create_task(client.get("/s/study"))
                await asyncio.sleep(0.5)  # it waits for its turn, first in line
                form = {"email": EMAIL, "password": PASSWORD}
                logins = [asyncio.create_task(client.post("/login", data=form)) for _ in range(6)]
                await asyncio.sleep(2)  # they wait for theirs
            replies = await asyncio.gather(entering, *logins)
        assert [reply.status_code for reply in replies] == [303] * 7

    asyncio.run(main())


def test_a_picture_larger_than_the_cache_is_served_all_the_same(
    client: TestClient, database: Database, store: Store
) -> None:
    publish(database, store)
    services = client.app.state.services  # type: ignore[attr-defined]
    visitor = Visitor(client).consent()
    address = visitor.plan()["trials"][0]["images"]["query"]
    services.images = type(services.images)(10, getsizeof=len)
    assert client.get(address).status_code == 200


def test_no_token_is_logged(
    client: TestClient, database: Database, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    publish(database, store)
    caplog.set_level(logging.DEBUG, logger="app")
    visitor = Visitor(client, query="?PROLIFIC_PID=very-secret").consent()
    visitor.answer(0)
    visitor.answer(0, 1)
    visitor.answer(99)
    client.get(f"{visitor.path}/images/none")
    visitor.answer_all()
    mine = [
        record.getMessage()
        for record in caplog.records
        if record.name.split(".")[0] in {"app", "sqlalchemy", "uvicorn"}
    ]
    assert not [line for line in mine if visitor.token in line or "very-secret" in line]
