"""Everything that a participant can reach."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from app.errors import NotFound
from app.sessions import service
from app.sessions.entry import read_entry
from app.sessions.links import mode_of
from app.sessions.plan import Plan
from app.sessions.timing import Timing
from app.studies import service as studies
from app.web import images
from app.web.deps import Db, ReadDb, Services, ServicesDep
from app.web.participant import present
from app.web.templates import respond

router = APIRouter()


@router.get("/s/{slug}")
def enter(request: Request, slug: str, services: ServicesDep, db: Db) -> Response:
    entry = read_entry(request.query_params.multi_items())
    if entry.is_preview:
        studies.published(db, slug=slug)
        return respond(request, present.preview_page())
    mode = mode_of(request.query_params.get("pass"), slug, services.settings.secret)
    return RedirectResponse(f"/run/{service.arrive(db, slug=slug, entry=entry, mode=mode)}", 303)


@router.get("/run/{token}")
def show(request: Request, token: str, db: ReadDb) -> Response:
    run = service.find_run(db, token=token)
    return respond(request, present.page_of(run, is_named=service.is_named(db, run)))


@router.post("/run/{token}/consent")
def consent(token: str, agree: Annotated[str, Form()], services: ServicesDep, db: Db) -> Response:
    service.consent(db, token=token, agreed=agree == "yes", lease_minutes=services.settings.lease_minutes)
    return RedirectResponse(f"/run/{token}", 303)


@router.get("/run/{token}/plan")
def plan(token: str, db: Db) -> Response:
    run = service.find_run(db, token=token)
    service.see(db, token=token)
    return JSONResponse(present.plan_of(token, run, service.load_plan(db, token=token)))


class ResponseBody(BaseModel):
    """An answer as the browser sends it."""

    model_config = ConfigDict(extra="forbid")
    trial: Annotated[int, Field(ge=0, le=100_000, strict=True)]
    answer: dict[str, Any]
    timing: Timing


@router.post("/run/{token}/responses")
async def record(token: str, body: ResponseBody, services: ServicesDep) -> Response:
    found = await _plan(services, token)
    receipt, feedback = await service.record_response(
        services.recorder, plan=found, token=token, trial=body.trial, answer=body.answer, timing=body.timing
    )
    if receipt.status == "conflict":
        return JSONResponse({"position": receipt.position}, 409)
    return JSONResponse({"position": receipt.position, "feedback": feedback})


@router.get("/run/{token}/images/{name}")
async def image(token: str, name: str, services: ServicesDep) -> Response:
    digest = (await _plan(services, token)).files.get(name)
    if digest is None:
        raise NotFound("there is no such picture in this run")
    return await images.serve(services, digest)


@router.post("/run/{token}/withdraw")
def withdraw(token: str, db: Db) -> Response:
    service.withdraw(db, token=token)
    return RedirectResponse(f"/run/{token}", 303)


async def _plan(services: Services, token: str) -> Plan:
    """The run's plan, from memory where it is: once dealt it never changes. Only the event loop touches the cache."""
    found = services.plans.get(token)
    if found is None:
        found = await to_thread.run_sync(_load_plan, services, token)
        services.plans[token] = found
    return found


def _load_plan(services: Services, token: str) -> Plan:
    with services.database.reading() as db:
        return service.load_plan(db, token=token)
