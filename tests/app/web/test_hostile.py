"""Whatever is sent, the answer is one clear line: never a bare 500, never a secret in the log."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.accounts import service as accounts
from app.db.engine import Database
from app.store import Store
from tests.app.web.test_security import routes
from tests.factories import TIMING, publish
from tests.visitor import HTML, Visitor

ODD = (
    "%00",
    "a%00b",
    "%ff%fe",
    "%ed%a0%80",
    "..%2f..%2fetc%2fpasswd",
    "%F0%9F%98%80",
    "x" * 3000,
    "%7B%7B7*7%7D%7D",
    "-1",
)
NUMBERS = ("-1", "0", "2147483648", "9" * 30, "1e3", "NaN", "", "%00")


@pytest.fixture
def logged_in(client: TestClient, database: Database) -> None:
    with database.writing() as db:
        accounts.add_researcher(
            db, email="ada@example.org", password_hash=accounts.hash_password("a long enough password")
        )
    assert (
        client.post("/login", data={"email": "ada@example.org", "password": "a long enough password"}).status_code
        == 303
    )


@pytest.fixture(autouse=True)
def study(database: Database, store: Store) -> None:
    publish(database, store)


def test_odd_names_in_addresses(client: TestClient, logged_in: None) -> None:
    for method, path in routes(client):
        for odd in ODD:
            if "{" not in path:
                continue
            address = path
            for name in ("{slug}", "{token}", "{name}", "{suffix}", "{digest}"):
                address = address.replace(name, odd)
            reply = client.request(
                method, address, headers=HTML, data={"agree": "yes", "csrf": odd} if method == "POST" else None
            )
            assert 400 <= reply.status_code < 500, (method, address, reply.status_code, reply.text[:300])


def test_odd_parameters(client: TestClient, database: Database, logged_in: None) -> None:
    for odd in ODD:
        for name in ("participant_id", "PROLIFIC_PID", "source", "pass", odd):
            reply = client.get(f"/s/study?{name}={odd}&source={odd}", headers=HTML)
            assert reply.status_code < 500, (name, odd, reply.text[:300])
        for name in ("mode", "version"):
            for path in ("/studies/study", "/studies/study/export.csv"):
                reply = client.get(f"{path}?{name}={odd}", headers=HTML)
                assert reply.status_code < 500, (path, name, odd)
    for number in NUMBERS:
        for path in ("/studies/study", "/studies/study/export.csv"):
            reply = client.get(f"{path}?version={number}")
            assert reply.status_code in (404, 422), (path, number, reply.status_code)


BODIES: list[Any] = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe",
    b'{"trial": 0',
    b"[" * 5000,
    b'{"\\ud800": 1}',
    b'{"trial": 0, "answer": {"\\ud800": 0}}',
    json.dumps({"trial": 0, "answer": {"choice": "\ud800"}, "timing": TIMING}).encode(),
    json.dumps({"trial": 0, "answer": {"choice": 0}, "timing": {**TIMING, "source": "\ud800"}}).encode(),
    json.dumps({"trial": 0, "answer": {"choice": 0}, "timing": {**TIMING, "presented_at": "\u0000"}}).encode(),
    json.dumps(
        {"trial": 0, "answer": {"choice": 0}, "timing": {**TIMING, "presented_at": "0001-01-01T00:00:00+23:59"}}
    ).encode(),
    json.dumps({"trial": 0, "answer": {"choice": 0}, "timing": {**TIMING, "presented_at": 1e300}}).encode(),
    json.dumps({"trial": 0, "answer": {"choice": 0}, "timing": {**TIMING, "rt": float("nan")}}).encode(),
    json.dumps({"trial": 0, "answer": {"choice": 10**400}, "timing": TIMING}).encode(),
    json.dumps({"trial": 0, "answer": {"choice": 0, "\u0000": 1}, "timing": TIMING}).encode(),
    b'{"trial": ' + b"9" * 5000 + b"}",
]


def test_odd_bodies(client: TestClient) -> None:
    visitor = Visitor(client).consent()
    for body in BODIES:
        reply = client.post(f"{visitor.path}/responses", content=body, headers={"Content-Type": "application/json"})
        assert 200 <= reply.status_code < 500, (body[:200], reply.status_code, reply.text[:300])


FORMS = [
    (b"email=%00&password=%00", "application/x-www-form-urlencoded"),
    (b"email=%ff@%ff&password=%ed%a0%80", "application/x-www-form-urlencoded"),
    (b"email=a&email=b&password=", "application/x-www-form-urlencoded"),
    (b"&&&===;", "application/x-www-form-urlencoded"),
    (
        b'--x\r\nContent-Disposition: form-data; name="email"; filename="a"\r\n\r\nx\r\n--x--',
        "multipart/form-data; boundary=x",
    ),
    (
        b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\n\xff\r\n--x--',
        "multipart/form-data; boundary=x; charset=utf-16",
    ),
    (
        b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\n\xff\r\n--x--',
        "multipart/form-data; boundary=x; charset=nonsense",
    ),
    (b"garbage", "multipart/form-data; boundary=x"),
    (b"garbage", "multipart/form-data"),
    (b"{}", "application/json"),
]


@pytest.mark.parametrize(("body", "kind"), FORMS)
def test_odd_forms(client: TestClient, body: bytes, kind: str) -> None:
    visitor = Visitor(client)
    for path in ("/login", "/logout", f"{visitor.path}/consent"):
        reply = client.post(path, content=body, headers={"Content-Type": kind})
        assert reply.status_code < 500, (path, reply.text[:300])
