"""Where responses become judgements: the one crossing of database, trial types and scoring."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from sqlalchemy.orm import Session as DbSession

from app.db import tables as t
from app.db.tables import MODES
from app.errors import Invalid, NotFound
from app.exports import TrialRow
from app.results import queries
from app.results.interpretation import judge, trial_row
from app.scoring import Alignment, Judgement, align
from app.sessions.states import State
from app.studies import queries as study_queries
from app.studies import service as studies
from app.studies.protocol import MAKING, Protocol
from app.studies.publishing import Report
from app.trials import TRIAL_TYPES

INVARIANCE = ("pixel_l2", "ssim", "distance_ratio")
NO_ANSWERS = "no answers yet"
OPEN_LINK = "an open link"


@dataclass(frozen=True)
class Score:
    """One condition's human alignment, and what a reader must see beside it.

    `variant` is that in which the condition differs from others of its model and layer, empty where there are none;
    `validity_rate` is the share of the set's items that passed the gate, None where it was not assessed; `invariance` says how far the shown IRIs are
    from their targets (a model without any invariance scores 100 %).
    """

    set_id: str
    model: str
    layer: str
    loss: str
    trial_type: str
    n_responses: int
    n_participants: int
    n_targets: int
    n_clusters: int
    alignment: float | None
    low: float | None
    high: float | None
    chance: float
    validity_rate: float | None
    invariance: dict[str, float | None]
    reason: str | None
    wilson_low: float | None
    wilson_high: float | None
    design_effect: float | None
    training: str
    training_run: str
    start: str
    optimizer: str
    stop: str
    variant: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Summary:
    """Who has taken part so far."""

    participants: int
    completed: int
    responses: int
    median_minutes: float | None


@dataclass(frozen=True)
class Results:
    """Everything that one results page shows, for one version and mode."""

    study: t.Study
    version: t.StudyVersion
    mode: str
    scores: list[Score]
    summary: Summary
    conditional_on: list[tuple[str, str]]
    report: Report


def check_mode(mode: str) -> str:
    """Raises Invalid, naming the modes there are."""
    if mode not in MODES:
        raise Invalid(f"mode {mode!r} is unknown; known are {', '.join(MODES)}")
    return mode


def judgements(db: DbSession, version_id: int, mode: str) -> Iterator[Judgement]:
    """Answers to main trials, interpreted. Practice and catch trials are no judgements."""
    for row in queries.answers(db, version_id, mode, role="main"):
        outcome = judge(row)
        yield Judgement(
            participant=row.participant,
            group=str(row.condition_id),
            target=row.target_id,
            cluster=row.cluster,
            matched=float(outcome.matched),
            chance=outcome.chance,
        )


def scores(db: DbSession, *, slug: str, mode: str, number: int | None = None) -> list[Score]:
    """One score a condition of a published version, in the protocol's order."""
    check_mode(mode)
    version = studies.published(db, slug=slug, number=number)
    aligned = {score.group: score for score in align(judgements(db, version.id, mode))}
    trial_type = Protocol.model_validate(version.protocol).trial_type
    not_assessed = Report.model_validate(version.report).not_assessed
    conditions = study_queries.conditions(db, version.id)
    return [
        _score(
            condition,
            aligned.get(str(condition.id)),
            trial_type,
            variant=_variant(condition, conditions),
            is_assessed=condition.set_id not in not_assessed,
        )
        for condition in conditions
    ]


def _variant(condition: t.Condition, conditions: Sequence[t.Condition]) -> str:
    """The factors in which others of its model and layer differ from it."""

    def place(other: t.Condition) -> tuple[str, str]:
        return other.source["model"], other.source["layer"]

    alike = [other.source for other in conditions if place(other) == place(condition)]
    return " · ".join(
        condition.source.get(factor, "") for factor in MAKING if len({source.get(factor) for source in alike}) > 1
    )


def _score(
    condition: t.Condition, found: Alignment | None, trial_type: str, *, variant: str, is_assessed: bool
) -> Score:
    source = condition.source
    return Score(
        set_id=condition.set_id,
        model=source["model"],
        layer=source["layer"],
        loss=source["loss"],
        trial_type=trial_type,
        n_responses=found.n_responses if found else 0,
        n_participants=found.n_participants if found else 0,
        n_targets=found.n_targets if found else 0,
        n_clusters=found.n_clusters if found else 0,
        alignment=found.alignment if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        chance=found.chance if found else TRIAL_TYPES[trial_type].chance,
        validity_rate=condition.n_valid / condition.n_items if is_assessed else None,
        invariance={name: condition.measures.get(name) for name in INVARIANCE},
        reason=found.reason if found else NO_ANSWERS,
        wilson_low=found.wilson_low if found else None,
        wilson_high=found.wilson_high if found else None,
        design_effect=found.design_effect if found else None,
        training=source["training"],
        training_run=source["training_run"],
        start=source["start"],
        optimizer=source["optimizer"],
        stop=source.get("stop", ""),
        variant=variant,
    )


def default_mode(db: DbSession, *, version_id: int) -> str:
    """live, unless only simulated observers have answered."""
    counts = queries.answers_by_mode(db, version_id)
    return "simulated" if counts.get("simulated") and not counts.get("live") else "live"


def results(db: DbSession, *, slug: str, mode: str | None = None, number: int | None = None) -> Results:
    """Raises NotFound for a study that is not published, Invalid for a mode that does not exist."""
    version = studies.published(db, slug=slug, number=number)
    study = study_queries.study(db, slug)
    assert study is not None
    shown = check_mode(mode) if mode else default_mode(db, version_id=version.id)
    found = scores(db, slug=slug, mode=shown, number=version.number)
    return Results(
        study=study,
        version=version,
        mode=shown,
        scores=found,
        summary=_summary(db, version.id, shown, found),
        conditional_on=_conditional_on(db, version, shown, found),
        report=Report.model_validate(version.report),
    )


def _summary(db: DbSession, version_id: int, mode: str, found: list[Score]) -> Summary:
    runs = queries.runs(db, version_id, mode)
    minutes = [
        (run.finished_at - run.consented_at).total_seconds() / 60
        for run in runs
        if run.state == State.COMPLETED and run.finished_at and run.consented_at
    ]
    return Summary(
        participants=len({run.participant_id for run in runs if run.position > 0}),
        completed=len(minutes),
        responses=sum(score.n_responses for score in found),
        median_minutes=median(minutes) if minutes else None,
    )


def _conditional_on(db: DbSession, version: t.StudyVersion, mode: str, found: list[Score]) -> list[tuple[str, str]]:
    """What the score is a score *of*: it does not speak for other wordings, displays or people (validity.md §18)."""
    protocol = Protocol.model_validate(version.protocol)
    people = sorted({source or OPEN_LINK for source in queries.sources(db, version.id, mode)}) or ["nobody yet"]
    return [
        ("Question", protocol.question),
        ("Display", f"{protocol.display.size} px, kernel {protocol.display.kernel}"),
        ("Participants from", "the simulation" if mode == "simulated" else ", ".join(people)),
        ("Wrong option", ", ".join(sorted({f"the start ({score.start})" for score in found}))),
        ("Optimizer", ", ".join(sorted({score.optimizer for score in found}))),
        ("Stopped at", ", ".join(sorted({score.stop or "not recorded" for score in found}))),
        ("Validity", _validity(Report.model_validate(version.report))),
        ("Checkpoints", "one per model; a score speaks of this checkpoint, not of its training or architecture"),
        ("Images", "new pictures like these source pictures; intervals cluster on the source picture"),
        ("Exclusions", "none: everybody who answered is in, also runs that were not finished"),
    ]


def _validity(report: Report) -> str:
    if not report.not_assessed:
        return "every image passed its set's gate, measured on the stored file"
    return f"not assessed for {', '.join(report.not_assessed.values())}: nobody has shown that these images match"


def trial_rows(db: DbSession, *, slug: str, mode: str, number: int | None = None) -> Iterator[TrialRow]:
    """The long trial table, streamed in the order of the answers. Fails before the first row or not at all."""
    check_mode(mode)
    version = studies.published(db, slug=slug, number=number)
    protocol = Protocol.model_validate(version.protocol)
    conditions = {c.id: c for c in study_queries.conditions(db, version.id)}
    return (
        trial_row(row, version, protocol, mode, conditions.get(row.condition_id or 0))
        for row in queries.answers(db, version.id, mode)
    )


@dataclass(frozen=True)
class StudyLine:
    """One study in a list; `version` is None until it is published."""

    slug: str
    title: str
    version: int | None
    completed: int


def study_lines(db: DbSession) -> list[StudyLine]:
    """Every study, with the number of live runs that were completed in any version."""
    latest = study_queries.latest_numbers(db)
    done = queries.completed_by_study(db, "live")
    return [
        StudyLine(study.slug, study.draft["title"], latest.get(study.id), done.get(study.id, 0))
        for study in study_queries.studies(db)
    ]


def check_picture(db: DbSession, *, slug: str, digest: str) -> None:
    """Raises NotFound for a picture that this study does not show."""
    if not queries.belongs_to_study(db, slug, digest):
        raise NotFound("there is no such picture in this study")


def examples(db: DbSession, *, version_id: int, limit: int) -> list[tuple[str, list[dict[str, Any]]]]:
    """(model and variant, specs of a few trials) for each condition: the same targets for each, evenly spread over all."""
    targets = queries.main_targets(db, version_id)
    chosen = targets[:: max(1, len(targets) // limit)][:limit]
    specs: dict[tuple[int | None, str], dict[str, Any]] = {}
    for spec in queries.main_specs(db, version_id, chosen):
        specs.setdefault((spec.condition_id, spec.target_id), spec.spec)
    conditions = study_queries.conditions(db, version_id)
    return [
        (
            " · ".join(part for part in (condition.source["model"], _variant(condition, conditions)) if part),
            [specs[condition.id, target] for target in chosen],
        )
        for condition in conditions
    ]
