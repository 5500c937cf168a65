"""What a participant's browser can do, and what it can learn."""

import re
from collections import Counter

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.db import tables as t
from app.db.engine import Database
from app.sessions.links import make_pass
from app.store import Store
from tests.conftest import SECRET
from tests.factories import TIMING, publish
from tests.visitor import HTML, Visitor


@pytest.fixture(autouse=True)
def study(database: Database, store: Store) -> None:
    publish(database, store)


def test_a_whole_visit(client: TestClient) -> None:
    visitor = Visitor(client)
    assert "You may stop." in visitor.page()
    visitor.consent()
    assert "Take your time." in visitor.page()
    plan = visitor.plan()
    assert (plan["position"], plan["total"], plan["practice"], len(plan["trials"])) == (0, 16, 2, 16)
    assert [trial["phase"] for trial in plan["trials"]] == ["practice"] * 2 + ["main"] * 14
    first = visitor.answer(0, 1)
    assert first.json()["feedback"] in (0, 1)
    assert "completion code" not in visitor.page()
    visitor.answer_all()
    page = visitor.page()
    assert "Thanks." in page
    assert re.search(r'<output id="code"[^>]*>[0-9A-F]{8}</output>', page)


def test_resuming_goes_on_at_the_exact_trial(client: TestClient) -> None:
    visitor = Visitor(client, query="?PROLIFIC_PID=p1").consent()
    before = visitor.plan()["trials"]
    for trial in range(5):
        visitor.answer(trial)
    again = Visitor(client, query="?PROLIFIC_PID=p1")
    assert again.path == visitor.path
    assert "trial 6 of 16" in again.page()
    assert again.plan()["trials"] == before[5:]


def test_an_answer_sent_again_is_fine_and_another_one_is_not(client: TestClient) -> None:
    visitor = Visitor(client).consent()
    assert visitor.answer(0, 1).json()["position"] == 1
    again = visitor.answer(0, 1, rt=1.0)
    assert (again.status_code, again.json()["position"]) == (200, 1)
    other = visitor.answer(0, 0)
    assert (other.status_code, other.json()) == (409, {"position": 1})
    ahead = visitor.answer(7, 0)
    assert (ahead.status_code, ahead.json()) == (409, {"position": 1})


def test_an_answer_is_committed_before_the_reply(client: TestClient, database: Database) -> None:
    visitor = Visitor(client).consent()
    visitor.answer(0, 1)
    with database.reading() as db:  # another connection
        stored = db.scalars(select(t.Response)).one()
        assert stored.answer == {"choice": 1}
        assert stored.timing["rt"] == TIMING["rt"]


def test_everything_else_a_handler_writes_is_committed_before_the_reply(client: TestClient, database: Database) -> None:
    visitor = Visitor(client).consent()
    with database.reading() as db:
        assert db.scalars(select(t.Session)).one().state == "consented"
    assert client.post(f"{visitor.path}/withdraw").status_code == 303
    with database.reading() as db:
        assert db.scalars(select(t.Session)).one().state == "withdrawn"


def test_after_withdrawing_nothing_can_be_answered(client: TestClient) -> None:
    visitor = Visitor(client).consent()
    visitor.answer(0)
    client.post(f"{visitor.path}/withdraw")
    assert visitor.answer(1).status_code == 410
    assert "You have left the study" in visitor.page()


def test_declining(client: TestClient) -> None:
    visitor = Visitor(client).consent("no")
    assert "did not take part" in visitor.page()
    assert client.get(f"{visitor.path}/plan").status_code == 404


def test_practice_teaches_and_main_trials_do_not(client: TestClient) -> None:
    visitor = Visitor(client).consent()
    feedback = [visitor.answer(trial["trial"]).json()["feedback"] for trial in visitor.plan()["trials"]]
    assert None not in feedback[:2]
    assert set(feedback[2:]) == {None}


def test_a_preview_creates_nothing(client: TestClient, database: Database) -> None:
    for query in ("PROLIFIC_PID={{%25PROLIFIC_PID%25}}", "assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE&hitId=h"):
        shown = client.get(f"/s/study?{query}", headers=HTML)
        assert shown.status_code == 200
        assert "preview" in shown.text
    with database.reading() as db:
        assert db.scalars(select(t.Session)).all() == []


def test_the_recruiters_ids_leave_the_address_at_once(client: TestClient) -> None:
    arrived = client.get("/s/study?PROLIFIC_PID=secret-id")
    assert "secret-id" not in arrived.headers["location"]
    assert arrived.headers["referrer-policy"] == "no-referrer"


def test_modes_come_from_signed_passes_only(client: TestClient, database: Database) -> None:
    Visitor(client, query=f"?pass={make_pass('study', 'pilot', SECRET)}")
    Visitor(client)
    with database.reading() as db:
        assert Counter(db.scalars(select(t.Session.mode))) == {"pilot": 1, "live": 1}
    for forged in (
        "x",
        make_pass("study", "pilot", "another secret of thirty-two characters"),
        make_pass("other", "pilot", SECRET),
    ):
        assert client.get(f"/s/study?pass={forged}").status_code == 403


# What the browser is told


def test_no_answer_correlates_with_anything_but_the_pixels(client: TestClient, database: Database) -> None:
    """For both sides of every trial: address, status, headers, length and form of the file; and the trial's JSON."""
    seen: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for _ in range(6):
        visitor = Visitor(client).consent()
        with database.reading() as db:
            rows = db.execute(
                select(t.AssignedTrial.position, t.AssignedTrial.layout)
                .join(t.Session, t.Session.id == t.AssignedTrial.session_id)
                .where(t.Session.token == visitor.token)
            )
            sides = {position: layout["target_side"] for position, layout in rows}
        for trial in visitor.plan()["trials"]:
            assert set(trial) == {"trial", "type", "phase", "images"}
            assert list(trial["images"]) == ["query", "option-0", "option-1"]
            for i, side in enumerate(("left", "right")):
                url = trial["images"][f"option-{i}"]
                assert re.fullmatch(rf"{visitor.path}/images/[0-9a-f]{{32}}", url)
                reply = client.get(url)
                assert reply.status_code == 200
                headers = {k: v for k, v in reply.headers.items() if k not in {"date", "content-security-policy"}}
                form = reply.content[:33].hex() + reply.content[-12:].hex()
                seen[sides[trial["trial"]] == side].update([str((headers, len(reply.content), form))])
    assert len(seen[True]) == len(seen[False]) == 1
    assert set(seen[True]) == set(seen[False])


def test_names_of_pictures_are_not_the_same_in_another_run(client: TestClient) -> None:
    one, two = (Visitor(client).consent().plan()["trials"] for _ in range(2))
    names = [{url.rsplit("/", 1)[1] for trial in run for url in trial["images"].values()} for run in (one, two)]
    assert not names[0] & names[1]
    assert len(names[0]) == 16 * 3


def test_the_page_and_the_plan_name_no_role(client: TestClient) -> None:
    visitor = Visitor(client).consent()
    told = visitor.page() + client.get(f"{visitor.path}/plan").text
    for word in ("target", "start", "catch", "foil", "model", "robust", "cluster", "condition", "alternative"):
        assert not re.search(rf'["\s:>]{word}["\s<]', told), word


# Hostile


def test_another_runs_things_cannot_be_reached(client: TestClient) -> None:
    mine, theirs = Visitor(client).consent(), Visitor(client).consent()
    picture = theirs.plan()["trials"][0]["images"]["query"].rsplit("/", 1)[1]
    assert client.get(f"{mine.path}/images/{picture}").status_code == 404
    for method, path in (
        ("GET", ""),
        ("GET", "/plan"),
        ("GET", f"/images/{picture}"),
        ("POST", "/consent"),
        ("POST", "/withdraw"),
        ("POST", "/responses"),
    ):
        body = {"trial": 0, "answer": {"choice": 0}, "timing": TIMING} if path == "/responses" else None
        form = {"agree": "yes"} if path == "/consent" else None
        reply = client.request(method, f"/run/{'x' * 32}{path}", json=body, data=form)
        assert reply.status_code == 404, path


@pytest.mark.parametrize("name", ["..%2F..%2Fsecret_key", "a%2Fb", "0" * 64, "%00", "%2e%2e%5c", "images"])
def test_picture_names_lead_nowhere_else(client: TestClient, name: str) -> None:
    visitor = Visitor(client).consent()
    assert client.get(f"{visitor.path}/images/{name}").status_code == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"trial": 0, "answer": {"choice": 2}, "timing": TIMING}, "answer.choice"),
        ({"trial": 0, "answer": {"choice": 0, "correct": True}, "timing": TIMING}, "answer.correct"),
        ({"trial": -1, "answer": {"choice": 0}, "timing": TIMING}, "trial"),
        ({"trial": 0, "answer": {"choice": 0}, "timing": {**TIMING, "rt": -5}}, "rt"),
        ({"trial": 0, "answer": {"choice": 0}, "timing": {**TIMING, "source": "telepathy"}}, "source"),
        (
            {"trial": 0, "answer": {"choice": 0}, "timing": {**TIMING, "presented_at": "2026-11-24T10:00"}},
            "presented_at",
        ),
        ({"trial": 0, "answer": {"choice": 0}}, "timing"),
        ({"trial": 0, "answer": {"choice": 0}, "timing": TIMING, "session": 3}, "session"),
    ],
)
def test_malformed_answers_are_refused_with_one_line(client: TestClient, body: object, said: str) -> None:
    visitor = Visitor(client).consent()
    reply = client.post(f"{visitor.path}/responses", json=body)
    assert reply.status_code == 422
    assert said in reply.json()["error"]
    assert visitor.plan()["position"] == 0


def test_text_of_the_study_is_shown_as_text(client: TestClient, database: Database, store: Store) -> None:
    evil = '<script>alert(1)</script> & "quotes"'
    texts = {"consent": evil, "instructions": evil, "debrief": evil}
    publish(database, store, sets=["test/a"], slug="evil", title=evil, question=evil, texts=texts)
    visitor = Visitor(client, "evil")
    for page in (visitor.page(), visitor.consent().page(), visitor.answer_all().page()):
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page
