"""A participant's visit: arrive, consent, be dealt a plan, answer, finish or withdraw."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session as DbSession

from app.db import tables as t
from app.db.types import now
from app.design.assignment import Cell, balanced, draw, spread
from app.errors import Gone, Invalid, NotFound
from app.sessions import queries
from app.sessions.entry import Entry
from app.sessions.plan import Plan, PlannedTrial, plan_trial
from app.sessions.recorder import Receipt, Recorder, Submission
from app.sessions.states import State, step
from app.sessions.timing import Timing
from app.store import sha256
from app.studies import queries as study_queries
from app.studies import service as studies
from app.studies.protocol import Protocol
from app.trials import TRIAL_TYPES

ALLOCATION_RULE = "least_served"
MOST_ARRIVALS = 100  # different links of one person that are kept


def arrive(db: DbSession, *, slug: str, entry: Entry, mode: str) -> str:
    """The token of this person's run: of the one they have, if the recruiter names them, else of a new one.

    No place is taken: the plan is dealt at consent.
    """
    version = studies.published(db, slug=slug)
    participant_id = _participant(db, version.study_id, entry)
    existing = queries.run_of(db, version.study_id, participant_id, mode)
    if existing is not None:
        return existing.token
    run = t.Session(
        token=secrets.token_urlsafe(24),
        public_id=secrets.token_hex(8),
        image_key=secrets.token_hex(16),
        version_id=version.id,
        participant_id=participant_id,
        mode=mode,
        state=State.ARRIVED,
        rng_seed=secrets.randbits(31),
    )
    db.add(run)
    db.flush()
    return run.token


def _participant(db: DbSession, study_id: int, entry: Entry) -> int:
    if entry.external_id is not None:
        known = queries.recruited(db, study_id, entry.source, entry.external_id)
        if known is not None:
            return _came_again(known, entry)
    person = t.Participant(pseudonym=secrets.token_hex(6))
    if entry.external_id is None and not entry.query:
        db.add(person)
        db.flush()
        return person.id
    try:
        with db.begin_nested():
            db.add(person)
            db.flush()
            db.add(
                t.RecruiterId(
                    study_id=study_id,
                    participant_id=person.id,
                    source=entry.source,
                    external_id=entry.external_id,
                    arrivals=[entry.query],
                )
            )
    except IntegrityError:  # the same person, through another tab, a moment ago
        known = queries.recruited(db, study_id, entry.source, entry.external_id or "")
        assert known is not None
        return _came_again(known, entry)
    return person.id


def _came_again(known: t.RecruiterId, entry: Entry) -> int:
    """Keep what this link says too: a recruiter's second submission has an id of its own, by which it is paid."""
    if entry.query not in known.arrivals and len(known.arrivals) < MOST_ARRIVALS:
        known.arrivals = [*known.arrivals, entry.query]
    return known.participant_id


def find_run(db: DbSession, *, token: str) -> t.Session:
    """The run of that token, with its version and study. Raises NotFound."""
    run = queries.session(db, token)
    if run is None:
        raise NotFound("there is no such run; please use the link that you were given")
    return run


def is_named(db: DbSession, run: t.Session) -> bool:
    """Whether a recruiter says who this is, so that the entry link itself leads them back to their run."""
    return queries.is_named(db, run.participant_id)


def protocol_of(run: t.Session) -> Protocol:
    return Protocol.model_validate(run.version.protocol)


def consent(db: DbSession, *, token: str, agreed: bool, lease_minutes: int) -> None:
    """Record the decision and, if they agreed, deal the plan. Agreeing twice changes nothing."""
    run = find_run(db, token=token)
    _take_turn(db, run)
    if not agreed:
        run.state = step(run.state, State.DECLINED)
        run.finished_at = now()
        return
    if run.consented_at is not None:
        return
    step(run.state, State.CONSENTED)
    protocol = protocol_of(run)
    run.consent_version = protocol.consent.version
    run.consent_sha256 = sha256(protocol.texts.consent.encode())
    run.consent_locale = protocol.consent.locale
    run.consented_at = run.last_seen_at = now()
    run.completion_code = secrets.token_hex(4).upper()
    _deal(db, run, protocol, lease_minutes)


def _take_turn(db: DbSession, run: t.Session) -> None:
    """Plans of one version and mode are dealt one after the other, so that they count each other, and what is decided
    about this run is decided on what it is now.

    SQLite writes one at a time anyhow; on PostgreSQL two locks do it, held until the commit.
    """
    if db.get_bind().dialect.name == "postgresql":
        db.execute(
            text("SELECT pg_advisory_xact_lock(:version, hashtext(:mode))"),
            {"version": run.version_id, "mode": run.mode},
        )
        queries.lock(db, run.token)
        db.refresh(run)


def _deal(db: DbSession, run: t.Session, protocol: Protocol, lease_minutes: int) -> None:
    kind = TRIAL_TYPES[protocol.trial_type]
    rng = np.random.default_rng(run.rng_seed)
    specs = {spec.id: spec for spec in study_queries.specs(db, run.version_id)}
    served = queries.served(db, run.version_id, run.mode, now() - timedelta(minutes=lease_minutes))
    cells = [
        Cell(i, str(s.condition_id), s.target_id, tuple(served.get((i, a), 0) for a in range(kind.arrangements)))
        for i, s in specs.items()
        if s.role == "main"
    ]
    dealt = {role: balanced(_ids(specs, role), kind.arrangements, rng) for role in ("practice", "catch")}
    main = spread(draw(cells, protocol.trials, rng), dealt["catch"], rng)
    order = [*dealt["practice"], *main]
    for position, trial in enumerate(order):
        spec = specs[trial.spec_id]
        layout = kind.lay_out(kind.spec_type.model_validate(spec.spec), trial.arrangement)
        asked = position - len(dealt["practice"])
        db.add(
            t.AssignedTrial(
                session_id=run.id,
                position=position,
                block=0 if asked < 0 else 1 + asked // protocol.break_every,
                spec_id=spec.id,
                arrangement=trial.arrangement,
                layout=layout.model_dump(mode="json"),
                allocation_rule=ALLOCATION_RULE,
                selection_probability=None,
            )
        )
    run.practice = len(dealt["practice"])
    run.total = len(order)
    run.state = State.CONSENTED
    db.flush()


def _ids(specs: dict[int, t.TrialSpec], role: str) -> Sequence[int]:
    return [i for i, spec in specs.items() if spec.role == role]


def load_plan(db: DbSession, *, token: str) -> Plan:
    """The plan that was dealt to a run. Raises NotFound before consent."""
    run = find_run(db, token=token)
    if run.consented_at is None:
        raise NotFound("this run has no trials yet")
    renditions = queries.renditions(db, run.version_id)
    trials: list[PlannedTrial] = []
    files: dict[str, str] = {}
    for row in queries.assigned(db, run.id):
        trial, named = plan_trial(
            run.image_key, renditions, row.position, row.role, row.trial_type, (row.spec, row.layout)
        )
        trials.append(trial)
        files |= named
    return Plan(practice=run.practice, trials=tuple(trials), files=files)


async def record_response(
    recorder: Recorder, *, plan: Plan, token: str, trial: int, answer: dict[str, Any], timing: Timing
) -> tuple[Receipt, int | None]:
    """Store an answer; the receipt comes after the commit. With it, in practice, the right choice for feedback.

    Raises Invalid for an answer that this trial type does not know, Busy where storage cannot take it now, NotFound and
    Gone where the run is not there or has ended. A conflict is the receipt's to tell.
    """
    planned = plan.trials[trial] if trial < plan.total else None
    if planned is not None:
        try:
            answer = planned.kind.answer_type.model_validate(answer).model_dump(mode="json")
        except ValidationError as problem:
            first = problem.errors()[0]
            where = ".".join(str(part) for part in ("answer", *first["loc"]))
            raise Invalid(f"trial {trial}: {where}: {first['msg']}") from None
    receipt = await recorder.submit(Submission(token, trial, answer, timing.model_dump(mode="json"), now()))
    if receipt.status == "unknown":
        raise NotFound("there is no such run")
    if receipt.status == "gone":
        raise Gone("this run has ended")
    if planned is None or not planned.is_practice or receipt.status == "conflict":
        return receipt, None
    return receipt, planned.kind.right_choice(*planned.parts)


def withdraw(db: DbSession, *, token: str) -> None:
    """End the run; the answers given so far are kept. Withdrawing twice changes nothing."""
    queries.lock(db, token)  # an answer that is on its way comes before or after, never in between
    run = find_run(db, token=token)
    if run.state == State.WITHDRAWN:
        return
    run.state = step(run.state, State.WITHDRAWN) if run.state != State.ARRIVED else step(run.state, State.DECLINED)
    run.finished_at = now()


def see(db: DbSession, *, token: str) -> None:
    """A sign of life: the run's trials stay its own for another lease."""
    find_run(db, token=token).last_seen_at = now()
