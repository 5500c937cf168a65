"""A researcher in a real browser: log in, read the results, take the data away, on three screens."""

import csv
import io
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from app.accounts import service as accounts
from app.config import Settings
from app.db.engine import Database
from app.simulation.visit import simulate
from app.store import Store
from app.trials import Observer
from tests.conftest import SECRET
from tests.factories import publish
from tests.journeys.conftest import DESKTOP, PHONE

EMAIL, PASSWORD = "r@example.org", "a long enough password"
OBSERVERS, TRIALS = 4, 16


@pytest.fixture(autouse=True)
def study(database: Database, store: Store, settings: Settings, address: str) -> None:
    publish(database, store)
    with database.writing() as db:
        accounts.add_researcher(db, email=EMAIL, password_hash=accounts.hash_password(PASSWORD))
    simulate(database, url=address, slug="study", secret=SECRET, observers=OBSERVERS, observer=Observer(alignment=0.8))


def log_in(page: Page, password: str = PASSWORD) -> None:
    page.goto("/studies")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_log_in_read_download(page: Page, tmp_path: Path) -> None:
    log_in(page, "not the password")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    log_in(page)
    page.get_by_role("link", name="A study").click()
    expect(page.get_by_role("note")).to_contain_text("Simulated observers")
    table = page.get_by_role("region", name="Scores")
    expect(table.locator("tbody tr")).to_have_count(2)
    expect(table.locator("tbody tr").first).to_contain_text("%")
    expect(page.locator(".figure.wide svg")).to_be_visible()
    expect(page.locator(".figure.narrow svg")).to_be_hidden()
    pictures = page.locator(".strip img")
    pictures.last.scroll_into_view_if_needed()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.strip img')].every(i => i.complete && i.naturalWidth > 0)"
    )

    with page.expect_download() as started:
        page.get_by_role("link", name="Download data").click()
    file = tmp_path / started.value.suggested_filename
    started.value.save_as(file)
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    assert file.name == "study-study_mode-simulated_data.csv"
    assert len(rows) == OBSERVERS * TRIALS
    assert {row["mode"] for row in rows} == {"simulated"}

    page.get_by_role("link", name="Live", exact=True).click()
    expect(table.locator("tbody tr").first).to_contain_text("no answers yet")
    page.get_by_role("button", name="Log out").click()
    page.goto("/studies/study")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


@pytest.mark.parametrize("width", [DESKTOP["width"], PHONE["width"]])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_and_can_be_read(context: BrowserContext, width: int, scheme: str) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    log_in(page)
    expect(page.get_by_role("heading", name="Studies")).to_be_visible()
    for path in ("/studies", "/studies/study"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CONTRAST) >= 4.5


# The lowest contrast of any text against the background that lies behind it (WCAG 2.2, 1.4.3).
CONTRAST = """() => {
  const rgb = (c) => c.match(/[\\d.]+/g).map(Number);
  const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return rgb(getComputedStyle(document.documentElement).backgroundColor);
  };
  let lowest = 21;
  for (const node of document.querySelectorAll("main *, nav *, header *")) {
    const shown = [...node.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) && node.checkVisibility();
    if (!shown || node.closest("svg")) continue;
    const [a, b] = [luminance(rgb(getComputedStyle(node).color)), luminance(behind(node))].sort((x, y) => y - x);
    lowest = Math.min(lowest, (a + 0.05) / (b + 0.05));
  }
  return lowest;
}"""
