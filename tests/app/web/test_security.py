import sqlite3

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from app.config import Settings
from app.db.engine import Database
from app.main import create_app
from app.store import Store
from tests.factories import publish
from tests.visitor import HTML, Visitor


def routes(client: TestClient) -> list[tuple[str, str]]:
    found = []
    for route in client.app.routes:  # type: ignore[attr-defined]
        for inner in getattr(getattr(route, "original_router", None), "routes", [route]):
            if isinstance(inner, APIRoute):
                found += [(method, inner.path) for method in inner.methods]
    return found


def test_there_are_routes_to_walk(client: TestClient) -> None:
    assert {("GET", "/s/{slug}"), ("POST", "/run/{token}/responses"), ("GET", "/studies/{slug}")} <= set(routes(client))


def test_every_reply_carries_the_headers(client: TestClient) -> None:
    for method, path in routes(client):
        reply = client.request(method, path.replace("{", "").replace("}", ""))
        assert "default-src 'none'" in reply.headers["content-security-policy"], path
        assert "unsafe" not in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        framed = path.startswith(("/s/", "/run/"))
        assert ("frame-ancestors 'none'" in reply.headers["content-security-policy"]) != framed, path
        assert "content-encoding" not in reply.headers


def test_nonces_are_used_once(client: TestClient) -> None:
    policies = {client.get("/login").headers["content-security-policy"] for _ in range(3)}
    assert len(policies) == 3


def test_every_researchers_route_needs_a_login(client: TestClient, database: Database, store: Store) -> None:
    publish(database, store)
    walked = 0
    for method, path in routes(client):
        if path.startswith("/studies") and method == "GET":
            reply = client.get(path.replace("{slug}", "study").replace("{suffix}", "csv").replace("{digest}", "0" * 64))
            assert (reply.status_code, reply.headers["location"]) == (303, "/login"), path
            walked += 1
    assert walked >= 4


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_refused(
    client: TestClient, database: Database, store: Store, announced: bool
) -> None:
    publish(database, store)
    visitor = Visitor(client).consent()
    body = b'{"trial": 0, "pad": "' + b"x" * 200_000 + b'"}'
    content = body if announced else (body[i : i + 9000] for i in range(0, len(body), 9000))
    reply = client.post(f"{visitor.path}/responses", content=content, headers={"Content-Type": "application/json"})
    assert reply.status_code == 413


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),
        ({"Origin": "http://testserver"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://testserver"}, False),
        ({"Origin": "https://evil.example"}, False),
    ],
)
def test_posts_of_other_sites_are_refused(client: TestClient, headers: dict[str, str], allowed: bool) -> None:
    reply = client.post("/login", data={"email": "a@b.c", "password": "x"}, headers=headers)
    assert (
        reply.json()["error"] != "this request comes from another site"
        if "json" in reply.headers["content-type"]
        else True
    ) is allowed


def test_errors_are_pages_for_people_and_json_for_programs(client: TestClient) -> None:
    page = client.get("/s/nothing", headers=HTML)
    assert (page.status_code, "there is no study" in page.text) == (404, True)
    data = client.get("/s/nothing", headers={"Accept": "application/json"})
    assert (data.status_code, data.json()) == (404, {"error": "there is no study 'nothing'"})
    assert client.get("/nowhere", headers=HTML).status_code == 404


def test_a_locked_database_is_503_with_retry_after_and_then_works(
    sqlite_url: str, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.engine.BUSY_SECONDS", 0.2)
    database = Database(sqlite_url)
    publish(database, store)
    chosen = settings.model_copy(update={"database_url": sqlite_url})
    with TestClient(create_app(chosen), follow_redirects=False) as client:
        other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        reply = client.get("/s/study", headers=HTML)
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")
        assert "nothing was lost" in reply.text
        other.execute("ROLLBACK")
        other.close()
        assert client.get("/s/study").status_code == 303
    database.close()


def test_static_files_are_kept_for_ever_under_their_version(client: TestClient) -> None:
    page = client.get("/login").text
    address = page.split('href="')[1].split('"')[0]
    assert client.get(address).headers["cache-control"] == "public, max-age=31536000, immutable"


def test_healthz(client: TestClient) -> None:
    assert client.get("/healthz").text == "ok"


def test_nothing_is_documented_to_the_public(client: TestClient) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 404
