"""What goes wrong while a participant is in the middle of a study: the browser loses nothing and says what is so."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import delete, select, update

from app.db import tables as t
from app.db.engine import Database
from app.store import Store
from tests.factories import publish
from tests.journeys.test_participant import TOTAL, answers, at, choose, enter, finish

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # nothing here depends on the server's


@pytest.fixture(autouse=True)
def study(database: Database, store: Store) -> None:
    publish(database, store)


def test_the_network_goes_just_before_the_beginning(page: Page, context: BrowserContext, database: Database) -> None:
    page.goto("/s/study")
    page.get_by_role("button", name="I agree").click()
    expect(page.get_by_role("button", name="Begin")).to_be_enabled()
    page.wait_for_timeout(300)
    context.set_offline(True)
    page.get_by_role("button", name="Begin").click()
    page.locator(".option").first.click()
    expect(page.get_by_text("Reconnecting")).to_be_visible()
    context.set_offline(False)
    page.locator(".feedback button").click()
    finish(page)
    assert answers(database) == list(range(TOTAL))


def test_another_tab_is_ahead(page: Page, context: BrowserContext, database: Database) -> None:
    enter(page)
    choose(page)
    other = context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Continue").click()
    for _ in range(4):
        choose(other)
    assert at(other) == 6
    page.bring_to_front()
    page.locator(".option").nth(1).click()  # a trial that the other tab has answered otherwise
    expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".option")).to_have_count(2)
    assert at(page) == 6
    finish(page)
    assert answers(database) == list(range(TOTAL))


def test_the_server_comes_back_from_an_older_backup(page: Page, database: Database) -> None:
    """Answers that it lost are asked again; those that it never had are kept until their turn."""
    enter(page)
    for _ in range(6):
        choose(page)
    page.wait_for_function(
        "() => localStorage.getItem(Object.keys(localStorage).find(k => k.includes('outbox'))) === null"
    )
    with database.writing() as db:
        db.execute(delete(t.Response).where(t.Response.position >= 4))
        db.execute(update(t.Session).values(position=4))
    page.locator(".option").first.click()
    expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".option")).to_have_count(2)
    assert at(page) == 5
    choose(page)
    choose(page)
    expect(page.locator("#progress-label")).to_have_text(f"Trial 8 of {TOTAL}")  # trial 7 was answered before
    finish(page)
    assert answers(database) == list(range(TOTAL))


def test_leaving_waits_for_the_last_answers_and_warns(page: Page, context: BrowserContext, database: Database) -> None:
    enter(page)
    choose(page)
    choose(page)
    page.wait_for_timeout(300)
    context.set_offline(True)
    choose(page)
    page.get_by_role("button", name="Leave").click()
    page.get_by_role("button", name="Leave the study").click()
    expect(page.get_by_text("have not arrived yet")).to_be_visible(timeout=15_000)
    context.set_offline(False)
    page.get_by_role("button", name="Stay").click()
    expect(page.get_by_text("Reconnecting")).to_have_count(0)
    page.get_by_role("button", name="Leave").click()
    page.get_by_role("button", name="Leave the study").click()
    expect(page.get_by_role("heading", name="left")).to_be_visible()
    assert answers(database) == [0, 1, 2]


def test_a_pause_is_in_the_data(page: Page, database: Database) -> None:
    enter(page)
    expect(page.locator(".option")).to_have_count(2)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Continue").click()
    choose(page)
    with database.reading() as db:
        timing = db.scalars(select(t.Response.timing)).one()
    assert timing["visibility_changes"] >= 1


def test_time_goes_on_through_a_reload(page: Page, database: Database) -> None:
    enter(page)
    page.wait_for_timeout(1500)
    choose(page)
    page.reload()
    page.get_by_role("button", name="Continue").click()
    choose(page)
    with database.reading() as db:
        first, second = (timing["time_elapsed"] for timing in db.scalars(select(t.Response.timing)))
    assert 1500 < first < second


def test_a_run_is_offered_to_those_whom_no_recruiter_names(page: Page, context: BrowserContext) -> None:
    offer = page.get_by_text("Continue where you stopped")
    enter(page)
    choose(page)
    run = page.url
    page.goto("/s/study")
    expect(offer).to_be_visible()
    page.goto("/s/study?PROLIFIC_PID=somebody-else")  # who comes with an id gets a run of their own
    expect(page.get_by_role("button", name="I agree")).to_be_visible()
    expect(offer).to_be_hidden()
    page.goto("/s/study")
    offer.click()
    page.wait_for_url(run)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Leave").click()
    page.get_by_role("button", name="Leave the study").click()
    expect(page.get_by_role("heading", name="left")).to_be_visible()
    page.wait_for_function("() => Object.keys(localStorage).every(k => !k.startsWith('alike:run'))")
    page.goto("/s/study")
    expect(offer).to_be_hidden()
