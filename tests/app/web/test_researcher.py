import csv
import io

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.accounts import service as accounts
from app.accounts.throttle import Throttle
from app.config import Settings
from app.db import tables as t
from app.db.engine import Database
from app.errors import Forbidden, Invalid
from app.main import create_app
from app.sessions.links import make_pass
from app.store import Store
from tests.app.web.conftest import EMAIL, PASSWORD
from tests.conftest import SECRET
from tests.factories import publish
from tests.visitor import Visitor


def log_in(client: TestClient, email: str = EMAIL, password: str = PASSWORD) -> int:
    return client.post("/login", data={"email": email, "password": password}).status_code


def csrf(client: TestClient) -> str:
    return client.get("/studies").text.split('name="csrf" value="')[1].split('"')[0]


@pytest.mark.usefixtures("researcher")
def test_logging_in_and_out(client: TestClient, database: Database) -> None:
    assert client.get("/studies").headers["location"] == "/login"
    assert log_in(client, email="ADA@example.org") == 303
    assert client.get("/studies").status_code == 200
    cookie = client.cookies["alike_login"]
    assert client.post("/logout", data={"csrf": "forged"}).status_code == 403
    assert client.post("/logout", data={"csrf": csrf(client)}).status_code == 303
    client.cookies.set("alike_login", cookie)  # a copy of the cookie opens nothing any more
    assert client.get("/studies").status_code == 303
    with database.reading() as db:
        login = db.scalars(select(t.Login)).one()
        assert login.revoked_at is not None
        assert login.token_sha256 not in cookie


@pytest.mark.usefixtures("researcher")
@pytest.mark.parametrize(("email", "password"), [(EMAIL, "wrong"), ("eve@example.org", PASSWORD)])
def test_a_wrong_address_and_a_wrong_password_look_the_same(client: TestClient, email: str, password: str) -> None:
    reply = client.post("/login", data={"email": email, "password": password})
    assert reply.status_code == 403
    assert "do not belong together" in reply.text
    assert "set-cookie" not in reply.headers


@pytest.mark.usefixtures("researcher")
def test_guessing_is_slowed_down(client: TestClient) -> None:
    statuses = [log_in(client, password="wrong") for _ in range(7)]
    assert statuses[:5] == [403] * 5
    assert statuses[6] == 429
    assert log_in(client) == 429  # also with the right password, for a moment
    assert log_in(client, email="someone@else.org") == 403


def test_the_pause_doubles_and_ends() -> None:
    clock = [0.0]
    throttle = Throttle(lambda: clock[0])
    for _ in range(5):
        assert throttle.wait("k") == 0
        throttle.failed("k")
    assert throttle.wait("k") == 1
    clock[0] = 1.0
    assert throttle.wait("k") == 0
    throttle.failed("k")
    assert throttle.wait("k") == 2
    assert throttle.wait("other") == 0
    throttle.succeeded("k")
    assert throttle.wait("k") == 0


@pytest.mark.usefixtures("researcher")
def test_the_cookie(settings: Settings) -> None:
    for secure, name in ((False, "alike_login"), (True, "__Host-alike_login")):
        chosen = settings.model_copy(update={"secure_cookies": secure})
        with TestClient(create_app(chosen), follow_redirects=False, base_url="https://testserver") as client:
            told = client.post("/login", data={"email": EMAIL, "password": PASSWORD}).headers["set-cookie"]
            assert told.startswith(f"{name}=")
            assert "HttpOnly" in told
            assert "SameSite=lax" in told
            assert ("Secure" in told) is secure
            assert client.get("/studies").status_code == 200


def test_a_forged_cookie_opens_nothing(client: TestClient) -> None:
    client.cookies.set("alike_login", "made-up")
    assert client.get("/studies").status_code == 303


def test_a_new_password_ends_the_logins(database: Database) -> None:
    with database.writing() as db:
        accounts.add_researcher(db, email=EMAIL, password_hash=accounts.hash_password(PASSWORD))
    with database.writing() as db:
        person = accounts.check_password(db, email=EMAIL, password=PASSWORD)
        cookie = accounts.log_in(db, researcher_id=person, hours=1, secret=SECRET)
    with database.writing() as db:
        accounts.add_researcher(db, email=EMAIL, password_hash=accounts.hash_password("another long password"))
    with database.reading() as db:
        with pytest.raises(accounts.NotLoggedIn):
            accounts.authenticate(db, cookie=cookie, secret=SECRET)
        with pytest.raises(Forbidden):
            accounts.check_password(db, email=EMAIL, password=PASSWORD)


def test_short_passwords_and_odd_addresses_are_refused(database: Database) -> None:
    with pytest.raises(Invalid, match="12 characters"):
        accounts.hash_password("short")
    with database.writing() as db, pytest.raises(Invalid, match="no e-mail"):
        accounts.add_researcher(db, email="ada", password_hash="x")


@pytest.mark.usefixtures("researcher")
def test_results_and_download(client: TestClient, database: Database, store: Store) -> None:
    publish(database, store)
    for _ in range(2):
        Visitor(client).consent().answer_all()
    Visitor(client, query=f"?pass={make_pass('study', 'simulated', SECRET)}").consent().answer_all(1)
    log_in(client)
    listed = client.get("/studies").text
    assert "A study" in listed
    page = client.get("/studies/study").text
    assert "<svg" in page
    assert "Simulated observers" not in page
    assert "Binomial, ignores clustering" in page
    assert "Simulated observers" in client.get("/studies/study?mode=simulated").text
    reply = client.get("/studies/study/export.csv")
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert len(rows) == 2 * 16
    assert {row["mode"] for row in rows} == {"live"}
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    for path in ("/studies/none", "/studies/study/export.xls", "/studies/study/images/" + "0" * 64):
        assert client.get(path).status_code == 404
    assert client.get("/studies/study?mode=nonsense").status_code == 422


@pytest.mark.usefixtures("researcher")
def test_without_live_answers_the_page_shows_the_simulated_ones_and_says_so(
    client: TestClient, database: Database, store: Store
) -> None:
    publish(database, store)
    log_in(client)
    assert "no answers yet" in client.get("/studies/study").text
    Visitor(client, query=f"?pass={make_pass('study', 'simulated', SECRET)}").consent().answer_all()
    assert "Simulated observers" in client.get("/studies/study").text


@pytest.mark.usefixtures("researcher")
def test_pictures_of_a_study_are_its_researchers_to_see(client: TestClient, database: Database, store: Store) -> None:
    publish(database, store)
    log_in(client)
    page = client.get("/studies/study").text
    address = page.split('<img src="')[1].split('"')[0]
    assert client.get(address).headers["content-type"] == "image/png"
