"""The documentation is held to the code: what a page lists exists, and what exists is on its page."""

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import stripe
from django.test import Client
from django.urls import URLPattern
from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from billingos import api_urls
from billingos.common import registries
from billingos.merchants import scopes

ROOT = Path(__file__).resolve().parent.parent
APPS = ("billingos", "customers", "subscriptions", "usage", "entitlements", "insights")
# DRF's own, which `billingos.api.errors` passes through: nobody writes it down with code=.
CODES_OF_DRF = {"method_not_allowed"}
# Not an error code: `as_billing_error` turns these codes of DRF into parameter_*.
CODES_OF_FIELDS = {"required", "unknown"}
# Plain views, which OpenAPI does not describe.
NOT_IN_SCHEMA = {"/api/webhooks/stripe", "/api/schema"}


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pages() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path, ast.parse(path.read_text(encoding="utf-8"))


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    level = heading.split(" ")[0]
    body = text.split(f"\n{heading}\n", 1)[1]
    return re.split(rf"^#{{1,{len(level)}}} ", body, maxsplit=1, flags=re.MULTILINE)[0]


def first_column(text: str) -> list[str]:
    """The code names in the first column of a section's tables."""
    return re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE)


# --- Settings -----------------------------------------------------------------------------------------------


def settings_read() -> dict[str, Any]:
    """name → default, for every `env.…("NAME")` of settings.py; Ellipsis for a default that is no literal."""
    found: dict[str, Any] = {}
    for node in ast.walk(ast.parse(page("billingos/settings.py"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "env" and node.args):
            continue
        name = ast.literal_eval(node.args[0])
        default = next((keyword.value for keyword in node.keywords if keyword.arg == "default"), None)
        try:
            found.setdefault(name, "" if default is None else ast.literal_eval(default))
        except ValueError:
            found.setdefault(name, ...)
    return found


def settings_explained() -> dict[str, str]:
    return dict(re.findall(r"^# ([A-Z][A-Z_]+)=(.*)$", page(".env.example"), flags=re.MULTILINE))


def test_every_setting_is_explained_and_every_explained_one_exists() -> None:
    assert settings_explained().keys() == settings_read().keys()


def test_settings_are_explained_with_their_defaults() -> None:
    explained = settings_explained()
    for name, default in settings_read().items():
        if default is not ...:
            shown = ",".join(default) if isinstance(default, list) else str(default)
            assert explained[name] == shown, name


# --- API ----------------------------------------------------------------------------------------------------


def endpoints() -> set[tuple[str, str]]:
    """(method, path) of everything under /api."""
    found = set()
    for entry in api_urls.urlpatterns:
        assert isinstance(entry, URLPattern)
        path = "/api/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(entry.pattern))
        view = getattr(entry.callback, "cls", None)
        methods = [name for name in ("get", "post", "put", "patch", "delete") if hasattr(view, name)]
        found |= {(method.upper(), path) for method in methods or ["post"]}  # a plain view: the intake
    return found


def test_api_page_has_every_endpoint_and_no_other() -> None:
    documented = re.findall(r"^### `(GET|POST|PUT|PATCH|DELETE) (/api/\S+)`$", page("docs/api.md"), flags=re.MULTILINE)
    assert len(documented) == len(set(documented))
    assert set(documented) == endpoints()


def test_api_page_has_every_scope() -> None:
    assert set(first_column(section(page("docs/api.md"), "## Scopes"))) == set(scopes.AREAS)


def error_codes() -> set[str]:
    """What the sources give errors: `code="…"` in a call, `code = "…"` in a class, and parameter_*."""
    found: set[str] = set()
    for path, module in modules():
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                found |= {text for keyword in node.keywords if keyword.arg == "code" for text in texts(keyword.value)}
            elif isinstance(node, ast.ClassDef):
                found |= {text for inner in node.body if is_code(inner) for text in texts(inner)}
            elif isinstance(node, ast.Constant) and path.name == "errors.py":
                found |= {text for text in texts(node) if text.startswith("parameter_")}
    return found - CODES_OF_FIELDS


def texts(node: ast.AST) -> set[str]:
    values = (inner.value for inner in ast.walk(node) if isinstance(inner, ast.Constant))
    return {value for value in values if isinstance(value, str) and re.fullmatch(r"[a-z_]+", value)}


def is_code(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "code" for to in node.targets)


def test_api_page_has_every_error_code_and_no_other() -> None:
    documented = first_column(section(page("docs/api.md"), "### Codes"))
    assert len(documented) == len(set(documented))
    assert set(documented) == error_codes() | CODES_OF_DRF


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    reset_generator_stats()
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # untyped too
    return found


def test_openapi_is_made_without_a_warning_and_is_valid(schema: dict[str, Any]) -> None:
    warnings, errors = (list(cache) for cache in (GENERATOR_STATS._warn_cache, GENERATOR_STATS._error_cache))
    assert warnings == []
    assert errors == []
    validate_schema(schema)  # type: ignore[no-untyped-call]  # drf-spectacular's own is untyped


def test_openapi_has_every_endpoint_with_a_summary_and_its_errors(schema: dict[str, Any]) -> None:
    described = {
        (method.upper(), path): operation
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    }
    assert described.keys() == {(method, path) for method, path in endpoints() if path not in NOT_IN_SCHEMA}
    for name, operation in described.items():
        assert operation["summary"], name
        assert {"400", "401", "403", "429", "503"} <= operation["responses"].keys(), name
        for status, response in operation["responses"].items():
            if int(status) >= HTTPStatus.BAD_REQUEST:
                assert response["content"]["application/json"]["schema"]["$ref"].endswith("/Error"), (
                    name,
                    status,
                )


def test_openapi_offers_an_idempotency_key_where_one_is_heeded(schema: dict[str, Any]) -> None:
    offered = {
        path
        for path, operations in schema["paths"].items()
        for operation in operations.values()
        if "Idempotency-Key" in [parameter["name"] for parameter in operation.get("parameters", [])]
    }
    posts = {path for path, operations in schema["paths"].items() if "post" in operations}
    assert posts - offered == {
        "/api/backfill",  # one at a time, whoever asks
        "/api/usage/track",  # its event_id does that, for ever
        "/api/usage/events",
        "/api/products/{product_id}/migrations/preview",  # it changes nothing
        "/api/portal/sessions",  # its answer holds secrets, which are not kept
        "/api/portal/payment-method",  # it only opens a page
        "/api/subscriptions/{subscription_id}/preview",  # it changes nothing
        "/api/credit-notes/preview",  # it changes nothing
    }
    assert offered <= posts


@pytest.mark.parametrize("path", ["/api/schema", "/api-docs"])
def test_openapi_is_served_to_everyone(client: Client, path: str) -> None:
    assert client.get(path).status_code == HTTPStatus.OK


# --- Events -------------------------------------------------------------------------------------------------


def test_webhooks_page_has_every_event_type_and_no_other() -> None:
    documented = first_column(section(page("docs/webhooks.md"), "## Events"))
    assert len(documented) == len(set(documented))
    assert set(documented) == {*registries.handled_types(), *registries._witnesses}


def test_every_event_type_of_stripes_is_handled_or_left_alone_on_purpose() -> None:
    source = inspect.getsource(stripe.Event)
    types = re.search(r"^    type: Literal\[(.*?)\]", source, re.MULTILINE | re.DOTALL)
    assert types
    known = set(re.findall(r'"([^"]+)"', types[1]))
    assert len(known) > 200
    left = re.findall(r"`([^`]+)`", section(page("docs/webhooks.md"), "## Left alone"))
    for prefix in left:
        assert any(type.startswith(prefix) for type in known), prefix
    alone = {type for type in known if type.startswith(tuple(left))}
    handled = {*registries.handled_types(), *registries._witnesses}
    assert (known - handled - alone, handled & alone, handled - known) == (set(), set(), set())


def test_webhooks_page_says_which_events_enter_the_history() -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \| .* \| (yes|) ?\|$", section(page("docs/webhooks.md"), "## Events"), re.MULTILINE
    )
    assert {name for name, kept in rows if kept} == set(registries._witnesses)


# --- Commands, packages, links ------------------------------------------------------------------------------


def test_every_make_target_is_explained() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", page("Makefile"), flags=re.MULTILINE)
    assert targets
    explained = page("README.md") + page("CONTRIBUTING.md")
    assert [target for target in targets if f"make {target}`" not in explained] == []


def test_every_management_command_is_explained() -> None:
    commands = [path.stem for path in ROOT.glob("[!.]*/**/management/commands/[!_]*.py")]
    assert commands
    operations = ROOT / "docs" / "operations.md"
    explained = page("README.md") + (operations.read_text(encoding="utf-8") if operations.is_file() else "")
    assert [name for name in commands if f"manage.py {name}" not in explained] == []


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads(page("pyproject.toml"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    reasons = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "adr").glob("*.md"))
    names = {re.split(r"[\[><=~! ]", requirement)[0] for requirement in wanted}
    assert {name for name in names if f"`{name}`" not in reasons} == set()


def anchors(path: Path) -> set[str]:
    """The anchors that headings get, as code hosting sites make them."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#{1,6} (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (path.parent / name).resolve() if name else path
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found), target
