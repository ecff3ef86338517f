"""A stack to walk through: started for this, or one that runs already (E2E_STATE_DIR names its state folder)."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext

from billingos.embedded.pytest_plugin import outside_environment
from billingos.embedded.state import BASE_DIR, read_json
from tests.e2e.addresses import Route
from tests.stack.running import RunningStack

TELL = "from tests.e2e.casting import tell; tell()"
SESSION_COOKIE = "sessionid"
# Everybody, so that lists are longer than a page and there is something of every kind, but not for long.
# The environment may ask for another size.
DEMO = {"BILLINGOS_DEMO_MONTHS": "2", "BILLINGOS_DEMO_CUSTOMERS": "0"}


@dataclass(frozen=True)
class Stage:
    """Where the pages are, and who may look at them; `cast` is what casting.py tells."""

    url: str
    demo: dict[str, Any]
    cast: dict[str, Any]

    def path(self, route: Route, **values: str) -> str:
        """The address of the page, filled with rows of the demo. Raises KeyError where the demo has none."""
        return route.fill({**self.cast["values"][route.name], **values})

    def open(self, browser: Browser, role: str, **options: Any) -> BrowserContext:
        """A browser window of somebody in this role."""
        context = browser.new_context(base_url=self.url, reduced_motion="reduce", **options)
        if session := self.cast["sessions"].get(role):
            context.add_cookies([{"name": SESSION_COOKIE, "value": session, "url": self.url}])
        elif role == "customer":
            _enter_portal(context, self.demo["portal_url"], self.cast["customer"])
        return context


def _enter_portal(context: BrowserContext, url: str, customer: str) -> None:
    """As the demo offers it: a customer is chosen, and the link's button exchanges it for a cookie."""
    tab = context.new_page()
    tab.goto(url)
    tab.locator(f"form:has(input[name=customer][value='{customer}']) button").click()
    tab.wait_for_url("**/portal/s/*")
    tab.locator("main form[method=post] button").click()
    tab.wait_for_url("**/portal/")
    tab.close()


@contextmanager
def open_stage() -> Iterator[Stage]:
    """Starts a stack with a demo of its own, unless E2E_STATE_DIR names one; adds the people who walk."""
    with ExitStack() as opened:
        if given := os.environ.get("E2E_STATE_DIR"):
            state = Path(given).absolute()
        else:
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="billingos-e2e-")))
            stack = opened.enter_context(RunningStack(folder / "state", command=None, **_demo()))
            stack.start(timeout_seconds=float(os.environ.get("E2E_START_SECONDS", "900")))
            state = stack.state.path
        demo = read_json(state / "demo.json")
        yield Stage(url=demo["url"], demo=demo, cast=_cast(state))


def _demo() -> dict[str, str]:
    return {name: os.environ.get(name, value) for name, value in DEMO.items()}


def _cast(state: Path) -> dict[str, Any]:
    done = subprocess.run(  # noqa: S603 - our own program, no shell
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", TELL],
        cwd=BASE_DIR,
        env={**outside_environment(), "BILLINGOS_STATE_DIR": str(state)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
