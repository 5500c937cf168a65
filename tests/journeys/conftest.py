"""Chromium, driven by Playwright: the system's where there is one, else Playwright's own."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from app.config import Settings
from tests.server import serving

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    installed = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=installed, args=list(ARGUMENTS))
        yield launched
        launched.close()


@pytest.fixture
def address(settings: Settings) -> Iterator[str]:
    with serving(settings) as url:
        yield url


@pytest.fixture
def context(browser: Browser, address: str) -> Iterator[BrowserContext]:
    """A fresh browser profile. Any error in the console, and any request to another host, fails the test."""
    opened = browser.new_context(base_url=address, viewport=DESKTOP, accept_downloads=True)  # type: ignore[arg-type]
    opened.set_default_timeout(20_000)
    faults: list[str] = []
    opened.on("weberror", lambda fault: faults.append(str(fault.error)))
    opened.on("console", lambda said: faults.append(said.text) if _is_fault(said.type, said.text) else None)
    opened.on("request", lambda asked: None if asked.url.startswith(address) else faults.append(asked.url))
    yield opened
    opened.close()
    assert not faults


def _is_fault(kind: str, text: str) -> bool:
    lost = "ERR_INTERNET_DISCONNECTED" in text or "status of 4" in text  # we cut the line ourselves, or asked for it
    return kind in {"error", "warning"} and not lost


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
