"""Observers of known truth take a study over HTTP, as a browser does: the entry link, consent, plan, answers, the end.

They act over HTTP alone. What is where, which a browser is never told, is read from the database, because an observer
of known alignment must know which option is the target.
"""

import re
from datetime import UTC, datetime
from random import Random

import httpx

from app.db.engine import Database
from app.errors import AppError
from app.sessions.links import make_pass
from app.sessions.plan import Plan
from app.sessions.service import load_plan
from app.trials import Observer

_TIMEOUT = 60.0


def simulate(
    database: Database, *, url: str, slug: str, secret: str, observers: int, observer: Observer, rng_seed: int = 0
) -> int:
    """`observers` complete runs, marked as simulated; returns the number of answers given. Raises AppError when the
    server is away or a page does not answer as it should."""
    entry_pass = make_pass(slug, "simulated", secret)
    try:
        with httpx.Client(base_url=url, timeout=_TIMEOUT, follow_redirects=True) as client:
            return sum(
                _visit(client, database, slug, entry_pass, observer, Random(rng_seed * 100_003 + number))
                for number in range(observers)
            )
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        raise AppError(f"the server at {url} does not answer ({problem}); is it up (`alike serve`)?") from None


def _visit(
    client: httpx.Client, database: Database, slug: str, entry_pass: str, observer: Observer, rng: Random
) -> int:
    arrived = _checked(client.get(f"/s/{slug}", params={"pass": entry_pass}, headers={"Accept": "text/html"}))
    token = re.sub(r"^/run/", "", arrived.url.path)
    _checked(client.post(f"/run/{token}/consent", data={"agree": "yes"}, headers={"Accept": "text/html"}))
    told = _checked(client.get(f"/run/{token}/plan")).json()
    with database.reading() as db:
        plan = load_plan(db, token=token)
    elapsed = 0.0
    for view in told["trials"]:
        for address in view["images"].values():
            _checked(client.get(address))
        elapsed += _answer(client, token, plan, view["trial"], observer, rng, elapsed)
    ended = _checked(client.get(f"/run/{token}", headers={"Accept": "text/html"}))
    if "completion code" not in ended.text:
        raise AppError(f"run of {slug} did not end after its last answer")
    return len(told["trials"])


def _answer(
    client: httpx.Client, token: str, plan: Plan, trial: int, observer: Observer, rng: Random, elapsed: float
) -> float:
    """Answer a trial; returns the reaction time, by which the pretended clock moves on."""
    planned = plan.trials[trial]
    answer = planned.kind.simulate(*planned.parts, observer, rng)
    rt = rng.lognormvariate(6.8, 0.35)
    timing = {
        "rt": rt,
        "onset": 0.0,
        "onset_paint": None,
        "t_event": rt,
        "presented_at": datetime.now(UTC).isoformat(),
        "time_elapsed": elapsed + rt,
        "source": "keyboard",
        "early_presses": 0,
        "frames": {"n": 0, "dropped": 0, "worst_ms": 0},
        "frame_interval": None,
        "focus_lost": 0,
        "visibility_changes": 0,
        "resizes": 0,
        "rendered_px": 0,
        "natural_px": 0,
        "device_pixel_ratio": 1,
        "images_ok": True,
    }
    body = {"trial": trial, "answer": answer.model_dump(mode="json"), "timing": timing}
    receipt = _checked(client.post(f"/run/{token}/responses", json=body)).json()
    if receipt["position"] != trial + 1:
        raise AppError(f"trial {trial} was answered, but the run is at {receipt['position']}")
    return rt


def _checked(response: httpx.Response) -> httpx.Response:
    if response.status_code != httpx.codes.OK:
        raise AppError(
            f"{response.request.method} {response.url.path.split('/')[1]} answered {response.status_code}: {response.text[:200]}"
        )
    return response
