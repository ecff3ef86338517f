"""`make screenshots`: a picture of every page, light and dark, wide and narrow, and contact sheets of them all."""

import argparse
import html
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import django
from playwright.sync_api import Browser, Route

from tests.e2e.addresses import MEMBERS, VARIANTS, VIEWERS, Area, routes
from tests.e2e.chromium import find_chromium, open_chromium
from tests.e2e.stage import Stage, open_stage
from tests.e2e.tab import SCHEMES, SIZES, Tab

THUMBNAIL = {1440: 520, 390: 180}  # px of width on the sheet
SHEET_WIDTH = 1500
ON_A_SHEET = 4  # pages: more would be too small to be seen


@dataclass(frozen=True)
class Shot:
    """A page to take: who looks at it, and what the answer is where no healthy stack would give it."""

    group: str
    name: str
    role: str
    path: str
    answer: str = ""
    files: dict[str, Path] = field(default_factory=dict)  # look → picture

    @property
    def stem(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", f"{self.group} {self.name}".lower()).strip("-")


# --- What to take ----------------------------------------------------------------------------------------------------


def shots(stage: Stage) -> Iterator[Shot]:
    """Every page of the URLconf with its variants, the empty merchants', what viewers see of it, and the errors."""
    for route in routes():
        for role in VIEWERS[route.area]:
            name = f"{route.name.rpartition(':')[2]}{' (signed in)' if role in MEMBERS[1:] else ''}"
            path = stage.path(route)
            yield Shot(group_of(route.area), name, role, path)
            for query in VARIANTS.get(route.name, ()):
                yield Shot(group_of(route.area), f"{name}?{query}", role, f"{path}?{query}")
        if route.area is Area.DASHBOARD and route.parameters == ("slug",):
            name = route.name.rpartition(":")[2]
            yield Shot("dashboard as viewer", name, "viewer", stage.path(route))
            for slug in stage.cast["empty"]:
                yield Shot(f"dashboard of {slug}", name, "newcomer", stage.path(route, slug=slug))
    yield from errors(stage)


def errors(stage: Stage) -> Iterator[Shot]:
    yield Shot("errors", "403", "viewer", "/ops/")
    yield Shot("errors", "404", "owner", "/nothing-here")
    for name, answer in stage.cast["errors"].items():
        yield Shot("errors", name, "anonymous", f"/shown-by-hand/{name}", answer)


def group_of(area: Area) -> str:
    return area.value.strip("/").replace("app", "dashboard") or "public"


# --- Taking ----------------------------------------------------------------------------------------------------------


def take(browser: Browser, stage: Stage, wanted: list[Shot], folder: Path) -> list[Shot]:
    """Takes each in every look, and says so. What is no page (a download, a redirect to another page) is left out."""
    taken: list[Shot] = []
    tabs: dict[str, Tab] = {}
    paths = {urlsplit(shot.path).path for shot in wanted}
    for shot in wanted:
        if shot.role not in tabs:
            tabs[shot.role] = Tab(stage.open(browser, shot.role))
        tab = tabs[shot.role]
        if not shot.answer and not tab.page.request.get(shot.path).headers["content-type"].startswith("text/html"):
            continue
        if shot.answer:
            _answer_by_hand(tab, shot)
        for scheme, width in tab.looks(shot.path):
            landed = urlsplit(tab.page.url).path
            if landed != urlsplit(shot.path).path and landed in paths:
                break
            file = folder / f"{shot.stem}-{scheme}-{width}.png"
            tab.settle()
            tab.page.screenshot(path=file, full_page=True, animations="disabled")
            shot.files[f"{scheme} {width}"] = file
        if shot.files:
            print(f"{shot.group:22} {shot.name:44.44} {shot.stem}-*.png", flush=True)
            taken.append(shot)
    return taken


def _answer_by_hand(tab: Tab, shot: Shot) -> None:
    def answer(route: Route) -> None:
        route.fulfill(status=int(shot.name[:3]), body=shot.answer, content_type="text/html; charset=utf-8")

    tab.page.route(f"**{shot.path}", answer)


# --- The sheets ------------------------------------------------------------------------------------------------------

STYLE = """
body { margin: 24px; font: 13px/1.4 system-ui, sans-serif; color: #222; background: #e9e9ef; }
h1 { font-size: 20px; } h2 { font-size: 16px; margin: 32px 0 8px; } h3 { font-size: 13px; margin: 16px 0 4px; }
.looks { display: flex; gap: 8px; align-items: flex-start; }
figure { margin: 0; }
img { display: block; border: 1px solid #aaa; max-height: 560px; object-fit: cover; object-position: top; }
"""


def write_sheets(browser: Browser, taken: list[Shot], folder: Path) -> None:
    """`index.html` with all, and for each group a picture of its part, to be looked at without a browser."""
    groups: dict[str, list[Shot]] = {}
    for shot in taken:
        groups.setdefault(shot.group, []).append(shot)
    everything = "".join(section(group, shots) for group, shots in groups.items())
    (folder / "index.html").write_text(page(everything), encoding="utf-8")
    tab = browser.new_page(viewport={"width": SHEET_WIDTH, "height": 800})
    for group, of_group in groups.items():
        for number in range(0, len(of_group), ON_A_SHEET):
            part = folder / "part.html"
            part.write_text(page(section(group, of_group[number : number + ON_A_SHEET])), encoding="utf-8")
            tab.goto(part.as_uri())
            name = re.sub(r"[^a-z0-9]+", "-", group.lower())
            tab.screenshot(path=folder / f"sheet-{name}-{number // ON_A_SHEET + 1}.png", full_page=True)
            part.unlink()
    tab.close()


def section(group: str, shots: list[Shot]) -> str:
    return f"<h2>{html.escape(group)}</h2>" + "".join(map(entry, shots))


def entry(shot: Shot) -> str:
    pictures = "".join(
        f'<figure><a href="{file.name}"><img src="{file.name}" width="{THUMBNAIL[int(look.split()[1])]}" '
        f'alt="{html.escape(f"{shot.name}, {look}")}" loading="eager"></a><figcaption>{look}</figcaption></figure>'
        for look, file in shot.files.items()
    )
    return f'<h3>{html.escape(f"{shot.name} · {shot.role} · {shot.path}")}</h3><div class="looks">{pictures}</div>'


def page(body: str) -> str:
    head = f'<meta charset="utf-8"><title>Contact sheet</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html><html lang="en">{head}{body}'


# --- The command -----------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", help="words: only pages whose file name has one of them")
    parser.add_argument("--into", type=Path, default=Path(".billingos/screenshots"))
    options = parser.parse_args()
    program = find_chromium()
    if program is None:
        sys.exit("No Chromium was found. Install chromium, or name one: CHROMIUM=/path/to/it make screenshots")
    options.into.mkdir(parents=True, exist_ok=True)
    with open_stage() as stage, open_chromium(program) as browser:
        wanted = [shot for shot in shots(stage) if not options.only or any(word in shot.stem for word in options.only)]
        taken = take(browser, stage, wanted, options.into.absolute())
        write_sheets(browser, taken, options.into.absolute())
    print(f"\n{len(taken)} pages, {len(taken) * len(SCHEMES) * len(SIZES)} pictures: {options.into / 'index.html'}")


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "billingos.settings"
    django.setup()  # the URLconf says which pages there are
    main()
