"""Webhook endpoints: of the platform, or with ``connect`` of all its connected accounts."""

from typing import Any
from urllib.parse import urlsplit

from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid, not_simulated
from stripe_simulator.ids import random_text
from stripe_simulator.lists import page
from stripe_simulator.params import LISTING, Fields, Flag, Metadata, Sequenced, Text, merged_metadata
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work

_KIND = "webhook_endpoint"
_SHARED: Fields = {"description": Text(), "metadata": Metadata()}


@endpoint(
    "POST",
    "/v1/webhook_endpoints",
    _SHARED
    | {
        "api_version": Text(),
        "connect": Flag(),
        "enabled_events": Sequenced(of=Text(required=True), required=True, most=500),
        "url": Text(required=True),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """An endpoint; only this answer shows its secret."""
    _only_platform(work)
    made = _add(work, values, f"whsec_{random_text(32)}")
    return render(work, made) | {"secret": made["_secret"]}


@endpoint("GET", "/v1/webhook_endpoints/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """An endpoint, without its secret."""
    return render(work, work.get(_KIND, id))


@endpoint(
    "POST",
    "/v1/webhook_endpoints/<id>",
    _SHARED | {"disabled": Flag(), "enabled_events": Sequenced(of=Text(required=True), most=500), "url": Text()},
)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change what is sent."""
    record = work.get(_KIND, id)
    if values.get("url"):
        check_url(values["url"], "url")
    with work.edit(record):
        for name in ("description", "enabled_events", "url"):
            if name in values:
                record[name] = values[name]
        if "metadata" in values:
            record["metadata"] = merged_metadata(record["metadata"], values["metadata"])
        if "disabled" in values:
            record["status"] = "disabled" if values["disabled"] else "enabled"
    return render(work, record)


@endpoint("DELETE", "/v1/webhook_endpoints/<id>")
def delete(work: Work, values: dict[str, Any], id: str) -> Json:
    """Remove an endpoint; what it has not received is dropped."""
    work.delete(work.get(_KIND, id))
    return {"id": id, "object": _KIND, "deleted": True}


@endpoint("GET", "/v1/webhook_endpoints", LISTING)
def list_endpoints(work: Work, values: dict[str, Any]) -> Json:
    """Endpoints."""
    return page(work, work.all(_KIND), values, "/v1/webhook_endpoints")


def register(
    work: Work,
    url: str,
    secret: str | None,
    connect: bool,
    api_version: str | None,
    enabled_events: list[str],
) -> Json:
    """Make sure that there is an endpoint for this URL and ``connect``, with its secret in the answer."""
    for record in work.all(_KIND):
        if record["url"] == url and record["_connect"] == connect:
            with work.edit(record):
                record |= {"enabled_events": enabled_events, "api_version": api_version, "status": "enabled"}
                record["_secret"] = secret or record["_secret"]
            return render(work, record) | {"secret": record["_secret"]}
    values = {"url": url, "connect": connect, "api_version": api_version, "enabled_events": enabled_events}
    made = _add(work, values, secret or f"whsec_{random_text(32)}")
    return render(work, made) | {"secret": made["_secret"]}


def _add(work: Work, values: dict[str, Any], secret: str) -> Record:
    check_url(values["url"], "url")
    body: Record = {
        "api_version": values.get("api_version"),
        "application": None,
        "created": work.now(),
        "description": values.get("description"),
        "enabled_events": values["enabled_events"],
        "metadata": merged_metadata({}, values.get("metadata", {})),
        "status": "enabled",
        "url": values["url"],
    }
    return work.insert(_KIND, body, secret=secret, connect=values.get("connect", False))


def check_url(url: str, param: str) -> None:
    """A StripeError where this is no absolute address of the web."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise invalid("Invalid URL: An explicit scheme (such as https) must be provided.", param, "url_invalid")


def _only_platform(work: Work) -> None:
    if work.account != work.platform:
        raise not_simulated("webhook endpoints of connected accounts")
