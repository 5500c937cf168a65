import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.db import tables as t
from app.db.engine import Database
from app.db.types import now
from app.errors import Conflict, Gone, Invalid, NotFound
from app.sessions import service
from app.sessions.entry import read_entry
from app.sessions.states import _NEXT, State, after_answer, step
from app.store import Store
from tests.factories import publish


def arrive(database: Database, query: dict[str, str] | None = None, mode: str = "live") -> str:
    with database.writing() as db:
        return service.arrive(db, slug="study", entry=read_entry((query or {}).items()), mode=mode)


def consent(database: Database, token: str) -> None:
    with database.writing() as db:
        service.consent(db, token=token, agreed=True, lease_minutes=60)


def dealt(database: Database) -> Counter[int]:
    """main spec → how often it was dealt."""
    with database.reading() as db:
        rows = db.scalars(
            select(t.AssignedTrial.spec_id)
            .join(t.TrialSpec, t.TrialSpec.id == t.AssignedTrial.spec_id)
            .where(t.TrialSpec.role == "main")
        )
        return Counter(rows)


def test_a_person_with_an_id_has_one_run_however_often_they_come(database: Database, store: Store) -> None:
    publish(database, store)
    query = {"PROLIFIC_PID": "abc", "STUDY_ID": "s", "SESSION_ID": "x"}
    first = arrive(database, query)
    assert arrive(database, {**query, "SESSION_ID": "y"}) == first
    assert arrive(database, {"PROLIFIC_PID": "abd"}) != first
    assert arrive(database) != arrive(database)
    with database.reading() as db:
        kept = db.scalar(select(t.RecruiterId).where(t.RecruiterId.external_id == "abc"))
        assert kept is not None
        # a submission that is taken again has an id of its own, by which it is paid
        assert (kept.source, kept.arrivals) == ("prolific", [query, {**query, "SESSION_ID": "y"}])


def test_nobody_comes_into_the_run_of_somebody_without_an_id(database: Database, store: Store) -> None:
    """Pseudonyms are in every export: they must open nothing."""
    publish(database, store)
    token = arrive(database, {"utm_source": "mail"})
    with database.reading() as db:
        pseudonym = service.find_run(db, token=token).participant_id
        name = db.get_one(t.Participant, pseudonym).pseudonym
    for guess in (name, f"anonymous:{name}", "None", ""):
        assert arrive(database, {"participant_id": guess}) != token
    assert arrive(database, {"utm_source": "mail"}) != token


def test_ids_that_differ_late_are_two_people_or_refused(database: Database, store: Store) -> None:
    publish(database, store)
    assert arrive(database, {"PROLIFIC_PID": "x" * 199 + "1"}) != arrive(database, {"PROLIFIC_PID": "x" * 199 + "2"})
    with pytest.raises(Invalid, match="200 characters"):
        arrive(database, {"PROLIFIC_PID": "x" * 201})
    with pytest.raises(Invalid, match="parameters"):
        arrive(database, {f"p{i}": "v" for i in range(60)} | {"PROLIFIC_PID": "p"})


def test_values_that_come_twice_are_all_kept() -> None:
    entry = read_entry([("a", "1"), ("PROLIFIC_PID", "p"), ("a", "2"), ("pass", "secret")])
    assert entry.query == {"a": ["1", "2"], "PROLIFIC_PID": "p"}
    assert read_entry([("PROLIFIC_PID", "p"), ("PROLIFIC_PID", "q")]).external_id == "p"


def test_the_same_person_through_many_tabs_at_once(database: Database, store: Store) -> None:
    publish(database, store)
    tokens: list[str] = []
    tabs = [
        threading.Thread(target=lambda: tokens.append(arrive(database, {"workerId": "w1", "hitId": "h"})))
        for _ in range(8)
    ]
    [tab.start() for tab in tabs]
    [tab.join() for tab in tabs]
    with database.reading() as db:
        people = db.scalars(select(t.Session.participant_id)).all()
    assert len(tokens) == 8
    assert len(set(people)) == 1
    assert len(set(tokens)) == 1


def test_a_known_person_through_many_tabs_in_another_mode(database: Database, store: Store) -> None:
    publish(database, store)
    arrive(database, {"workerId": "w1"})
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda _: arrive(database, {"workerId": "w1"}, mode="pilot"), range(8)))
    assert len(set(tokens)) == 1


def test_yes_and_no_at_once_are_one_decision(database: Database, store: Store) -> None:
    publish(database, store)

    def decide(token: str, agreed: bool) -> None:
        with suppress(Gone, Conflict), database.writing() as db:
            service.consent(db, token=token, agreed=agreed, lease_minutes=60)

    for _ in range(6):
        token = arrive(database)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(decide, [token] * 4, [True, False, True, False]))
        with database.reading() as db:
            run = service.find_run(db, token=token)
            assert (run.state == State.DECLINED) == (run.consented_at is None)
            assert (run.total > 0) == (run.consented_at is not None)


def test_nothing_is_dealt_before_consent(database: Database, store: Store) -> None:
    publish(database, store)
    token = arrive(database)
    assert dealt(database) == {}
    with database.reading() as db, pytest.raises(NotFound):
        service.load_plan(db, token=token)
    consent(database, token)
    assert sum(dealt(database).values()) == 12
    consent(database, token)  # a form sent twice
    assert sum(dealt(database).values()) == 12


def test_consent_is_kept_with_its_words(database: Database, store: Store) -> None:
    publish(database, store, consent={"version": "7", "locale": "de"})
    token = arrive(database)
    consent(database, token)
    with database.reading() as db:
        run = service.find_run(db, token=token)
        assert (run.consent_version, run.consent_locale) == ("7", "de")
        assert run.consent_sha256 == service.sha256(b"You may stop.")
        assert run.consented_at is not None


def test_declining_ends_the_run(database: Database, store: Store) -> None:
    publish(database, store)
    token = arrive(database)
    with database.writing() as db:
        service.consent(db, token=token, agreed=False, lease_minutes=60)
    with database.writing() as db, pytest.raises(Gone):
        service.consent(db, token=token, agreed=True, lease_minutes=60)


def test_forty_people_at_once_fill_every_cell_evenly(database: Database, store: Store) -> None:
    """36 targets × 2 models, 12 trials each: 40 people make 480 places for 72 cells."""
    publish(database, store)
    tokens = [arrive(database) for _ in range(40)]
    threads = [threading.Thread(target=consent, args=(database, token)) for token in tokens]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    counts = dealt(database)
    assert sum(counts.values()) == 480
    assert len(counts) == 72
    assert max(counts.values()) - min(counts.values()) <= 2


def test_each_picture_at_most_once_a_person(database: Database, store: Store) -> None:
    """But for a catch trial, where one option is by design the picture above it."""
    publish(database, store)
    token = arrive(database)
    consent(database, token)
    with database.reading() as db:
        plan = service.load_plan(db, token=token)
    shown = Counter(image for trial in plan.trials for image in set(trial.kind.images(trial.parts[0])))
    assert set(shown.values()) == {1}


def test_sides_are_exactly_balanced(database: Database, store: Store) -> None:
    publish(database, store)
    for _ in range(5):
        token = arrive(database)
        consent(database, token)
        with database.reading() as db:
            plan = service.load_plan(db, token=token)
        for role in ("practice", "main", "catch"):
            sides = Counter(trial.layout["target_side"] for trial in plan.trials if trial.role == role)
            assert sides["left"] == sides["right"], role


def test_places_of_those_who_left_are_dealt_again(database: Database, store: Store) -> None:
    """Three people fill each of 36 targets once; they vanish; the next three get the same cells again."""
    publish(database, store)
    for _ in range(3):
        consent(database, arrive(database))
    with database.writing() as db:
        for run in db.scalars(select(t.Session)):
            run.last_seen_at = now() - timedelta(hours=2)
    before = dealt(database)
    with database.reading() as db:
        version_id = db.scalar(select(t.StudyVersion.id))
        assert version_id is not None
        assert service.queries.served(db, version_id, "live", now() - timedelta(minutes=60)) == {}
    consent(database, arrive(database))
    assert sum((dealt(database) - before).values()) == 12


def test_simulated_runs_take_no_place_from_live_ones(database: Database, store: Store) -> None:
    publish(database, store)
    for _ in range(6):
        consent(database, arrive(database, mode="simulated"))
    with database.reading() as db:
        version_id = db.scalar(select(t.StudyVersion.id))
        assert version_id is not None
        assert service.queries.served(db, version_id, "live", now() - timedelta(hours=1)) == {}
        assert sum(service.queries.served(db, version_id, "simulated", now() - timedelta(hours=1)).values()) == 6 * 16


def test_withdrawing_keeps_the_answers_and_ends_the_run(database: Database, store: Store) -> None:
    publish(database, store)
    token = arrive(database)
    consent(database, token)
    for _ in range(2):
        with database.writing() as db:
            service.withdraw(db, token=token)
    with database.reading() as db:
        assert service.find_run(db, token=token).state == State.WITHDRAWN


@pytest.mark.parametrize("now_", State)
@pytest.mark.parametrize("to", State)
def test_only_the_steps_of_the_table_are_taken(now_: State, to: State) -> None:
    if to in _NEXT[now_]:
        assert step(now_, to) is to
    else:
        with pytest.raises((Gone, Conflict)):
            step(now_, to)


@pytest.mark.parametrize(
    ("position", "state"), [(1, "practising"), (2, "active"), (9, "active"), (10, "completed"), (11, "completed")]
)
def test_the_state_follows_from_the_number_of_answers(position: int, state: str) -> None:
    assert after_answer(position, practice=2, total=10) == state


@pytest.mark.parametrize(
    ("query", "source", "external_id", "is_preview"),
    [
        ({"PROLIFIC_PID": "p", "STUDY_ID": "s", "SESSION_ID": "x"}, "prolific", "p", False),
        ({"PROLIFIC_PID": "{{%PROLIFIC_PID%}}"}, "prolific", "{{%PROLIFIC_PID%}}", True),
        ({"workerId": "w", "assignmentId": "a", "hitId": "h"}, "mturk", "w", False),
        ({"assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE", "hitId": "h"}, "link", None, True),
        ({"participant_label": "desk-3"}, "lab", "desk-3", False),
        ({"participant": "7", "session": "1"}, "psychopy", "7", False),
        ({"participant_id": "7", "source": "sona"}, "sona", "7", False),
        ({"prolific_pid": "p"}, "link", None, False),
        ({}, "link", None, False),
    ],
)
def test_recruiters_links(query: dict[str, str], source: str, external_id: str | None, is_preview: bool) -> None:
    entry = read_entry(query.items())
    assert (entry.source, entry.external_id, entry.is_preview, entry.query) == (source, external_id, is_preview, query)
