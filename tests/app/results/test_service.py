import csv
import io
from collections import Counter

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.db import tables as t
from app.db.engine import Database
from app.errors import Invalid, NotFound
from app.exports import COLUMNS, EXPORTS
from app.results import service
from app.scoring import Judgement, align
from app.sessions.links import make_pass
from app.store import NOT_ASSESSED, Store
from tests.conftest import SECRET
from tests.factories import create_stimulus_set, publish
from tests.visitor import Visitor


def test_scores_are_what_one_would_count_by_hand(client: TestClient, database: Database, store: Store) -> None:
    sets = [
        create_stimulus_set(store, "a", invalid=frozenset({0, 1, 2, 3})),
        create_stimulus_set(store, "b", training="robust"),
    ]
    publish(database, store, sets=sets)
    for _ in range(3):
        Visitor(client).consent().answer_all(0)
    Visitor(client, query=f"?pass={make_pass('study', 'simulated', SECRET)}").consent().answer_all(1)
    with database.reading() as db:
        rows = db.execute(
            select(t.Condition.name, t.AssignedTrial.layout)
            .join(t.TrialSpec, t.TrialSpec.condition_id == t.Condition.id)
            .join(t.AssignedTrial, t.AssignedTrial.spec_id == t.TrialSpec.id)
            .join(t.Session, t.Session.id == t.AssignedTrial.session_id)
            .where(t.Session.mode == "live")
        ).all()
        found = {score.model: score for score in service.scores(db, slug="study", mode="live")}
    asked = Counter(name for name, _ in rows)
    left = Counter(name for name, layout in rows if layout["target_side"] == "left")  # everybody chose left
    for name, score in (("test/a", found["a"]), ("test/b", found["b"])):
        assert score.n_responses == asked[name] == 18
        assert score.alignment == left[name] / asked[name] == 0.5
        assert score.n_participants == 3
        assert score.low is not None
        assert score.low < 0.5 < (score.high or 0)
    assert (found["a"].validity_rate, found["b"].validity_rate) == (0.9, 1.0)
    assert found["a"].invariance == {"pixel_l2": 0.2, "ssim": 0.5, "distance_ratio": 0.8}


def test_snapshots_are_told_apart_and_imported_sets_say_so(
    client: TestClient, database: Database, store: Store
) -> None:
    create_stimulus_set(store, "a", stop="error ≤ 0.3")
    create_stimulus_set(store, "a", stop="error ≤ 0.1", recipe={"validity": NOT_ASSESSED})
    sets = [*sorted(store.set_ids()), create_stimulus_set(store, "b", stop="error ≤ 0.1")]
    publish(database, store, sets=sets, compared=["stop"], not_assessed=True)
    Visitor(client).consent().answer_all()
    with database.reading() as db:
        results = service.results(db, slug="study", mode="live")
    told = {(score.model, score.variant): score.validity_rate for score in results.scores}
    assert told == {("a", "error ≤ 0.3"): 1.0, ("a", "error ≤ 0.1"): None, ("b", ""): 1.0}
    assert "not assessed for test/a" in dict(results.conditional_on)["Validity"]
    assert dict(results.conditional_on)["Stopped at"] == "error ≤ 0.1, error ≤ 0.3"


def test_nobody_and_a_single_person(client: TestClient, database: Database, store: Store) -> None:
    publish(database, store)
    with database.reading() as db:
        empty = service.scores(db, slug="study", mode="live")
    assert [(score.n_responses, score.alignment, score.low, score.reason) for score in empty] == [
        (0, None, None, "no answers yet")
    ] * 2
    Visitor(client).consent().answer_all()
    with database.reading() as db:
        one = service.scores(db, slug="study", mode="live")[0]
    assert (one.low, one.high, one.reason) == (None, None, "fewer than 2 participants")
    assert one.wilson_low is not None


def test_the_export_alone_gives_the_scores_again(client: TestClient, database: Database, store: Store) -> None:
    publish(database, store)
    for i in range(4):
        Visitor(client).consent().answer_all(i % 2)
    with database.reading() as db:
        scores = {score.model: score for score in service.scores(db, slug="study", mode="live")}
        data = b"".join(EXPORTS["csv"].encode(service.trial_rows(db, slug="study", mode="live")))
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    assert tuple(rows[0]) == COLUMNS
    main = [row for row in rows if row["trial_role"] == "main"]
    again = align(
        Judgement(
            r["participant_id"],
            r["model_id"],
            r["target_id"],
            r["cluster_id"],
            float(r["chose_target"]),
            float(r["chance"]),
        )
        for r in main
    )
    for group in again:
        assert (group.alignment, group.low, group.high) == (
            scores[group.group].alignment,
            scores[group.group].low,
            scores[group.group].high,
        )
    for row in rows:
        side = row["left_id"] if row["response"] == "0" else row["right_id"]
        assert row["chose_target"] == str(int((row["response"] == "0") == (row["target_side"] == "left")))
        assert side
        assert row["correct"] == ("" if row["trial_role"] == "main" else row["chose_target"])


def test_external_ids_are_in_no_export(client: TestClient, database: Database, store: Store) -> None:
    publish(database, store)
    Visitor(client, query="?PROLIFIC_PID=very-secret-id&SESSION_ID=another-secret").consent().answer_all()
    with database.reading() as db:
        for export in EXPORTS.values():
            data = b"".join(export.encode(service.trial_rows(db, slug="study", mode="live")))
            assert b"secret" not in data
            assert len(data) > 1000


def test_clocks_of_participants_are_exported_in_utc(client: TestClient, database: Database, store: Store) -> None:
    publish(database, store)
    Visitor(client).consent().answer(0, presented_at="2026-11-24T10:00:00.123456+01:00")
    with database.reading() as db:
        data = b"".join(EXPORTS["csv"].encode(service.trial_rows(db, slug="study", mode="live"))).decode()
    [row] = csv.DictReader(io.StringIO(data))
    assert row["presented_at"] == "2026-11-24T09:00:00.123Z"


def test_conditions_of_one_name_are_told_apart(client: TestClient, database: Database, store: Store) -> None:
    """Two checkpoints under one name: the table alone must give both scores back."""
    names = [create_stimulus_set(store, "same", training_run=run, weights_sha256=run * 64) for run in "12"]
    assert names[0] == names[1]
    publish(database, store, sets=store.set_ids())
    Visitor(client).consent().answer_all()
    with database.reading() as db:
        data = b"".join(EXPORTS["csv"].encode(service.trial_rows(db, slug="study", mode="live"))).decode()
        scores = {score.set_id: score.n_responses for score in service.scores(db, slug="study", mode="live")}
    rows = [row for row in csv.DictReader(io.StringIO(data)) if row["trial_role"] == "main"]
    assert Counter(row["set_id"] for row in rows) == scores


def test_versions_are_scored_apart(client: TestClient, database: Database, store: Store) -> None:
    publish(database, store)
    Visitor(client).consent().answer_all()
    publish(database, store, sets=["test/a", "test/b"], question="Another wording?")
    with database.reading() as db:
        assert [score.n_responses for score in service.scores(db, slug="study", mode="live")] == [0, 0]
        assert sum(score.n_responses for score in service.scores(db, slug="study", mode="live", number=1)) == 12
        told = dict(service.results(db, slug="study").conditional_on)
        assert told["Question"] == "Another wording?"


def test_what_is_not_there_is_said(database: Database, store: Store) -> None:
    with database.reading() as db:
        with pytest.raises(NotFound, match="no study 'x'"):
            service.scores(db, slug="x", mode="live")
        with pytest.raises(Invalid, match="preview, pilot, live, simulated"):
            service.scores(db, slug="x", mode="dead")
