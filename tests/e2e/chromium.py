"""The browser: the Chromium of the machine, driven by Playwright, which downloads none here."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
PLACES = ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",)
ARGUMENTS = (
    "--no-sandbox",  # as root there is none
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--font-render-hinting=none",
)


def find_chromium() -> str | None:
    """$CHROMIUM, or the first of the usual names on the path."""
    for name in (os.environ.get("CHROMIUM"), *NAMES, *PLACES):
        if name and (found := shutil.which(name)):
            return found
    return None


def require_chromium() -> str:
    """The program; without one the test is skipped, or fails where BILLINGOS_REQUIRE_BROWSER=1."""
    if found := find_chromium():
        return found
    reason = "NO CHROMIUM: nothing was looked at in a browser. Install chromium, or name one with CHROMIUM=/path/to/it"
    if os.environ.get("BILLINGOS_REQUIRE_BROWSER") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def open_chromium(executable: str) -> Iterator[Browser]:
    """A headless browser. While it is open, this thread runs an event loop, in which Django refuses the database."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(Path(executable)), args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
