"""A tab of the browser that writes down whatever goes wrong while it shows pages."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urldefrag, urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, Request, Response

FAULTS = (Path(__file__).parent / "faults.js").read_text(encoding="utf-8")
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
SIZES = {1440: 900, 390: 844}
QUIET_MILLISECONDS = 5_000
# What the browser says of a page whose whole answer is an error; the walk checks the status itself.
OF_THE_PAGE_ITSELF = "Failed to load resource: the server responded with a status of"
HEAR_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(
  `${event.effectiveDirective} refused ${event.blockedURI || "something inline"} (${event.sourceFile})`));
"""
AXE_OPTIONS = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
# Parts that other people's scripts draw; of them only what the browser complains about is ours to mend.
FOREIGN = "#swagger-ui"
RUN_AXE = "([foreign, options]) => axe.run({ exclude: [[foreign]] }, options)"
GRAVE = {"serious", "critical"}


@dataclass(frozen=True)
class Seen:
    """What came when an address was opened."""

    status: int
    content_type: str
    url: str  # after redirects

    @property
    def is_page(self) -> bool:
        return self.content_type.startswith("text/html")


class Tab:
    """`heard` holds what the browser complained of since it was last read."""

    def __init__(self, context: BrowserContext) -> None:
        context.add_init_script(HEAR_VIOLATIONS)
        self.page: Page = context.new_page()
        self.heard: list[str] = []
        self._opening = ""
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.heard.append(f"script error: {error}"))
        self.page.on("requestfailed", self._on_failed)
        self.page.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        of_itself = message.text.startswith(OF_THE_PAGE_ITSELF) and message.location["url"] == self._opening
        if message.type in {"error", "warning"} and not of_itself:
            self.heard.append(f"console {message.type}: {message.text}")

    def _on_failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the tab went on to the next page
            self.heard.append(f"failed request: {request.method} {request.url} ({request.failure})")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.heard.append(f"{response.status} for {response.url}")

    # --- Looking -----------------------------------------------------------------------------------------------------

    def open(self, url: str) -> Seen:
        """Shows the page and waits until it has settled."""
        self._opening = url
        response = self.page.goto(url, wait_until="load")
        assert response is not None, url
        self.settle()
        return Seen(response.status, response.headers.get("content-type", ""), self.page.url)

    def settle(self) -> None:
        """Until nothing loads any more, or for a page that never ceases to, a few seconds; and the fonts are there."""
        with contextlib.suppress(Error):
            self.page.wait_for_load_state("networkidle", timeout=QUIET_MILLISECONDS)
        self.page.evaluate("document.fonts.ready.then(() => null)")

    def resize(self, width: int) -> None:
        self.page.set_viewport_size({"width": width, "height": SIZES[width]})
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def faults(self) -> list[str]:
        """What is wrong at each width, with what was heard meanwhile."""
        found = []
        for width in SIZES:
            self.resize(width)
            found += [f"at {width} px: {fault}" for fault in self.page.evaluate(FAULTS, FOREIGN)]
        violations: list[str] = self.page.evaluate("window.violations || []")
        return [*self.take_heard(), *(f"against the policy: {one}" for one in violations), *found]

    def take_heard(self) -> list[str]:
        heard, self.heard = self.heard, []
        return heard

    def links(self) -> list[str]:
        """Addresses on this page that lead to others of the same site."""
        found: list[str] = self.page.evaluate("[...document.querySelectorAll('a[href]')].map((link) => link.href)")
        host = urlsplit(self.page.url).netloc
        return sorted({urldefrag(url).url for url in found if urlsplit(url).netloc == host})

    def looks(self, url: str) -> Iterator[tuple[Scheme, int]]:
        """Opens the page and shows it in light and dark and at both widths. Some pages ask for the scheme only once."""
        for scheme in SCHEMES:
            self.page.emulate_media(color_scheme=scheme)
            self.open(url)
            for width in SIZES:
                self.resize(width)
                yield scheme, width

    def grave_violations(self, url: str) -> list[str]:
        """What axe-core finds serious or critical on a page, in each look."""
        return [f"{scheme}, {width} px: {fault}" for scheme, width in self.looks(url) for fault in self._axe()]

    def _axe(self) -> list[str]:
        self.page.evaluate(axe_source())
        result: dict[str, Any] = self.page.evaluate(RUN_AXE, [FOREIGN, AXE_OPTIONS])
        return [
            f"{violation['id']} ({violation['impact']}) at {', '.join(_targets(violation))}: {violation['help']}"
            for violation in result["violations"]
            if violation["impact"] in GRAVE
        ]


def _targets(violation: dict[str, Any]) -> list[str]:
    return [" ".join(map(str, node["target"])) for node in violation["nodes"][:4]]


@cache
def axe_source() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def told(url: str, faults: list[str]) -> str:
    """For the message of a failed test: all of it, a line each."""
    return "\n".join([f"{url} has {len(faults)} faults:", *(f"- {fault}" for fault in faults)])
