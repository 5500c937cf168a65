"""From rows to what a participant's browser gets: pages and the plan. Roles, sides and conditions stop here."""

from typing import Any

from app.db.tables import Session
from app.db.types import now
from app.sessions import service
from app.sessions.plan import Plan, PlannedTrial
from app.sessions.states import State
from app.studies.protocol import Protocol
from app.web.participant.pages import ConsentPage, DebriefPage, EndedPage, RunPage
from app.web.templates import Page

_ENDED = {
    State.DECLINED: ("You did not take part", ("Nothing was recorded. You can close this page.",)),
    State.WITHDRAWN: (
        "You have left the study",
        ("The answers that you gave before have been kept. You can close this page.",),
    ),
}


def page_of(run: Session, *, is_named: bool) -> Page:
    """The page that shows where a run stands. Whom a recruiter names, the entry link leads back; for others the browser
    remembers the run."""
    protocol = service.protocol_of(run)
    remember = None if is_named else f"{protocol.slug}:{run.mode}"
    locale = protocol.consent.locale
    if run.state == State.ARRIVED:
        return ConsentPage(
            protocol.title,
            paragraphs(protocol.texts.consent),
            remember,
            f"/run/{run.token}/consent",
            locale,
        )
    if run.state == State.COMPLETED:
        text = paragraphs(protocol.texts.debrief)
        return DebriefPage(protocol.title, text, run.completion_code or "", remember, locale)
    if State(run.state) in _ENDED:
        heading, lines = _ENDED[State(run.state)]
        return EndedPage(protocol.title, heading, lines, remember, locale)
    return _run_page(run, protocol, remember)


def preview_page() -> Page:
    """For recruiters' previews: nothing is created."""
    lines = ("This is a preview: nothing is recorded.", "The study opens here once you have accepted it.")
    return EndedPage("Preview", "A study about images", lines, None, "en")


def _run_page(run: Session, protocol: Protocol, remember: str | None) -> RunPage:
    base = f"/run/{run.token}"
    return RunPage(
        title=protocol.title,
        instructions=paragraphs(protocol.texts.instructions),
        position=run.position,
        total=run.total,
        withdraw=f"{base}/withdraw",
        settings={
            "run": base,
            "plan": f"{base}/plan",
            "responses": f"{base}/responses",
            "remember": remember,
            "question": protocol.question,
            "size": protocol.display.size,
            "native": run.version.report["native_px"],
            "kernel": protocol.display.kernel,
            "breakEvery": protocol.break_every,
        },
        locale=protocol.consent.locale,
    )


def plan_of(token: str, run: Session, plan: Plan) -> dict[str, Any]:
    """What is left of the plan."""
    return {
        "position": run.position,
        "total": plan.total,
        "practice": plan.practice,
        "state": run.state,
        "elapsed": round((now() - run.consented_at).total_seconds() * 1000) if run.consented_at else 0,  # ms
        "trials": [_trial_of(token, trial) for trial in plan.trials[run.position :]],
    }


def _trial_of(token: str, trial: PlannedTrial) -> dict[str, Any]:
    return {
        "trial": trial.position,
        "type": trial.trial_type,
        "phase": "practice" if trial.is_practice else "main",
        "images": {slot: f"/run/{token}/images/{name}" for slot, name in trial.slots.items()},
    }


def paragraphs(text: str) -> tuple[str, ...]:
    """Plain text, parted at blank lines."""
    return tuple(part.strip() for part in text.replace("\r\n", "\n").split("\n\n") if part.strip())
