"""Many people at once, over a socket; and a server that is killed in the middle of them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
from sqlalchemy import func, select

from app.config import Settings
from app.db import tables as t
from app.db.engine import Database
from app.store import Store
from tests.conftest import SECRET
from tests.factories import TIMING, publish
from tests.server import free_port, serving
from tests.visitor import HTML

PEOPLE = 50
TRIALS = 6


async def visit(client: httpx.AsyncClient) -> int:
    """One whole run; returns the number of acknowledged answers."""
    arrived = await client.get("/s/study", headers=HTML)
    assert arrived.status_code == 303, arrived.text
    run = arrived.headers["location"]
    agreed = await client.post(f"{run}/consent", data={"agree": "yes"})
    assert agreed.status_code == 303, agreed.text
    trials = (await client.get(f"{run}/plan")).json()["trials"]
    for trial in trials:
        body = {"trial": trial["trial"], "answer": {"choice": 0}, "timing": TIMING}
        stored = await client.post(f"{run}/responses", json=body)
        assert stored.status_code == 200, stored.text
    assert "completion code" in (await client.get(run, headers=HTML)).text
    return len(trials)


def test_fifty_people_at_once_never_meet_a_locked_database(
    settings: Settings, database: Database, store: Store
) -> None:
    publish(database, store, trials=TRIALS, practice=0, catch=0)

    async def all_of_them(url: str) -> list[int]:
        limits = httpx.Limits(max_connections=PEOPLE)
        async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
            return await asyncio.gather(*(visit(client) for _ in range(PEOPLE)))

    with serving(settings) as url:
        answered = asyncio.run(all_of_them(url))
    assert answered == [TRIALS] * PEOPLE
    with database.reading() as db:
        assert db.scalar(select(func.count(t.Response.id))) == PEOPLE * TRIALS
        served = db.execute(select(func.count(t.AssignedTrial.id)).group_by(t.AssignedTrial.spec_id)).scalars().all()
        assert max(served) - min(served) <= 1  # least served first holds under a crowd too
        sides = db.execute(
            select(t.AssignedTrial.arrangement, func.count()).group_by(t.AssignedTrial.arrangement)
        ).all()
        assert len({count for _, count in sides}) == 1


def test_a_server_killed_in_the_middle_has_every_answer_that_it_acknowledged(
    settings: Settings, database: Database, store: Store, tmp_path: Path
) -> None:
    publish(database, store, trials=30)
    environment = {
        **os.environ,
        "ALIKE_DATA_DIR": str(tmp_path),
        "ALIKE_DATABASE_URL": str(settings.database_url),
        "ALIKE_STORE": store.url,
        "ALIKE_SECRET_KEY": SECRET,
        "ALIKE_PORT": str(free_port()),
    }
    server = subprocess.Popen(
        [Path(sys.executable).parent / "alike", "serve"], env=environment, stderr=subprocess.PIPE, text=True
    )
    assert server.stderr
    url = next(line.split("running on ")[1].split()[0] for line in server.stderr if "running on" in line)
    acknowledged = 0
    with httpx.Client(base_url=url, timeout=30) as client:
        run = client.get("/s/study", headers=HTML).headers["location"]
        client.post(f"{run}/consent", data={"agree": "yes"})
        trials = client.get(f"{run}/plan").json()["trials"]
        deadline = time.monotonic() + 0.5
        try:
            for trial in trials:
                if time.monotonic() > deadline or trial["trial"] == 25:
                    server.send_signal(signal.SIGKILL)
                body = {"trial": trial["trial"], "answer": {"choice": 1}, "timing": TIMING}
                assert client.post(f"{run}/responses", json=body).status_code == 200
                acknowledged += 1
        except httpx.HTTPError:
            pass
    server.wait()
    server.stderr.close()
    with database.reading() as db:
        stored = db.scalars(select(t.Response.position)).all()
    assert 0 < acknowledged < len(trials)
    assert set(stored) >= set(range(acknowledged))

    with serving(settings) as url, httpx.Client(base_url=url) as client:  # the next server goes on from there
        told = client.get(f"{run}/plan").json()
        assert told["position"] == len(stored)
        assert told["trials"][0]["trial"] == len(stored)
