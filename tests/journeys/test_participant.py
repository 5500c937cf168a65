"""A participant in a real browser: to the end, through a reload and a lost connection, by keys, by touch, on a phone."""

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select

from app.db import tables as t
from app.db.engine import Database
from app.store import Store
from tests.factories import create_stimulus_set, publish
from tests.journeys.conftest import PHONE

TOTAL = 16  # 2 practice, 12 main, 2 catch trials


@pytest.fixture(autouse=True)
def study(database: Database, store: Store) -> None:
    publish(database, store)


def enter(page: Page, query: str = "") -> None:
    page.goto(f"/s/study{query}")
    expect(page.get_by_role("heading", name="A study")).to_be_visible()
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("button", name="Begin").click()


def at(page: Page) -> int:
    """The number of the trial that is on the screen."""
    found = re.search(r"Trial (\d+) of", page.locator("#progress-label").inner_text())
    assert found
    return int(found[1])


def choose(page: Page, side: int = 0) -> None:
    """Answer the trial on the screen by a click, and go past what comes after it."""
    expect(page.locator(".option")).to_have_count(2)
    before = page.locator("#progress-label").inner_text()
    page.locator(".option").nth(side).click()
    go_on(page, before)


def go_on(page: Page, before: str, key: str | None = None) -> None:
    """Past feedback, breaks and the end of practice, by clicks or by a key, until the next trial or the last page is
    there."""
    while True:
        page.wait_for_function(
            """before => document.querySelector(".feedback button, .rest button, #code") ||
               (document.querySelector(".option") && document.querySelector("#progress-label").textContent !== before)""",
            arg=before,
        )
        button = page.query_selector(".feedback button, .rest button")
        if button is None:
            return
        if key:
            button.press(key)
        else:
            button.click()
        button.wait_for_element_state("hidden")


def answers(database: Database) -> list[int]:
    """Positions of the trials that have a stored answer, one entry an answer."""
    with database.reading() as db:
        return list(db.scalars(select(t.Response.position).order_by(t.Response.position)))


def finish(page: Page) -> str:
    while page.locator("#code").count() == 0:
        choose(page)
    return page.locator("#code").inner_text()


def test_through_a_reload_and_a_lost_connection_to_the_end(
    page: Page, context: BrowserContext, database: Database
) -> None:
    enter(page, "?PROLIFIC_PID=5f1d0000000000000000abcd&STUDY_ID=s&SESSION_ID=x")
    for _ in range(4):
        choose(page)
    assert at(page) == 5

    page.reload()  # a reload comes back to the same trial
    expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".option")).to_have_count(2)
    assert at(page) == 5

    page.wait_for_timeout(300)  # the pictures of the next trial are there
    context.set_offline(True)  # an answer given without a network waits in the browser
    page.locator(".option").first.click()
    expect(page.get_by_text("Reconnecting")).to_be_visible()
    assert len(answers(database)) == 4
    page.close()

    context.set_offline(False)  # the next page delivers it, and goes on after it
    again = context.new_page()
    again.goto("/s/study?PROLIFIC_PID=5f1d0000000000000000abcd&STUDY_ID=s&SESSION_ID=x")
    again.get_by_role("button", name="Continue").click()
    expect(again.locator(".option")).to_have_count(2)
    assert at(again) == 6

    code = finish(again)
    assert re.fullmatch(r"[A-Z0-9-]{6,}", code)
    assert answers(database) == list(range(TOTAL))


def test_a_connection_that_comes_back_is_noticed(page: Page, context: BrowserContext, database: Database) -> None:
    enter(page)
    for _ in range(4):
        choose(page)
    page.wait_for_timeout(300)
    context.set_offline(True)
    choose(page)  # the next trial's pictures were there already: an answer waits for nobody
    assert at(page) == 6
    context.set_offline(False)
    expect(page.get_by_text("Reconnecting")).to_have_count(0)
    finish(page)
    assert answers(database) == list(range(TOTAL))


def test_by_keys_alone(page: Page, database: Database) -> None:
    page.goto("/s/study")
    page.get_by_role("button", name="I agree").press("Enter")
    begin = page.get_by_role("button", name="Begin")
    expect(begin).to_be_enabled()
    begin.press("Enter")
    while page.locator("#code").count() == 0:
        expect(page.locator(".option")).to_have_count(2)
        before = page.locator("#progress-label").inner_text()
        page.keyboard.press("j")
        go_on(page, before, "Enter")
    with database.reading() as db:
        rows = db.scalars(select(t.Response)).all()
        assert {row.timing["source"] for row in rows} == {"keyboard"}
        assert {row.answer["choice"] for row in rows} == {1}


def test_timing_is_what_a_browser_saw(page: Page, database: Database) -> None:
    enter(page)
    expect(page.locator(".option")).to_have_count(2)
    page.wait_for_timeout(700)
    choose(page, 1)
    choose(page)
    with database.reading() as db:
        first = db.scalars(select(t.Response).order_by(t.Response.id)).first()
    assert first is not None
    timing = first.timing
    assert 600 < timing["rt"] < 10_000
    assert timing["rt"] == pytest.approx(timing["t_event"] - timing["onset"], abs=0.11)
    assert timing["onset_paint"] > timing["onset"]
    assert timing["source"] == "mouse"
    assert timing["rendered_px"] == 16
    assert timing["frames"]["n"] > 10
    assert timing["images_ok"] is True


def test_pictures_keep_their_shape(page: Page, database: Database, store: Store) -> None:
    sets = [create_stimulus_set(store, model, height=4) for model in ("wide-a", "wide-b")]
    publish(database, store, sets=sets, display={"size": 64}, slug="wide")
    page.goto("/s/wide")
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("button", name="Begin").click()
    expect(page.locator(".option")).to_have_count(2)
    boxes = [page.locator(".trial img").nth(i).bounding_box() for i in range(3)]
    assert [(box["width"], box["height"]) for box in boxes if box] == [(64, 32)] * 3


def test_a_pause_hides_the_pictures_and_leaving_keeps_the_answers(page: Page, database: Database) -> None:
    enter(page)
    choose(page)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("dialog", name="Paused")).to_be_visible()
    page.keyboard.press("f")
    page.get_by_role("button", name="Continue").click()
    choose(page)
    page.get_by_role("button", name="Leave").click()
    page.get_by_role("button", name="Stay").click()
    choose(page)
    page.get_by_role("button", name="Leave").click()
    page.get_by_role("button", name="Leave the study").click()
    expect(page.get_by_role("heading", name="left")).to_be_visible()
    assert len(answers(database)) == 3


def test_no_consent_no_study(page: Page, database: Database) -> None:
    page.goto("/s/study")
    page.get_by_role("button", name="No, thank you").click()
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator("#begin")).to_have_count(0)
    assert answers(database) == []


def test_on_a_phone(browser: Browser, address: str, database: Database) -> None:
    phone = browser.new_context(
        base_url=address,
        viewport=PHONE,  # type: ignore[arg-type]
        has_touch=True,
        is_mobile=True,
        device_scale_factor=2,
    )
    page = phone.new_page()
    enter(page)
    while page.locator("#code").count() == 0:
        expect(page.locator(".option")).to_have_count(2)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight"), (
            "a trial needs no scrolling"
        )
        before = page.locator("#progress-label").inner_text()
        page.locator(".option").first.tap()
        go_on(page, before)
    phone.close()
    with database.reading() as db:
        rows = db.scalars(select(t.Response)).all()
    assert len(rows) == TOTAL
    assert {row.timing["source"] for row in rows} == {"touch"}
