"""Accounts: the platform's own and those connected to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid, not_simulated, unknown_account
from stripe_simulator.events import emit_snapshot
from stripe_simulator.ids import new_id, random_text
from stripe_simulator.lists import page, within
from stripe_simulator.params import LISTING, Fields, Flag, Hash, Metadata, Range, Text, merged_metadata
from stripe_simulator.rendering import Json, list_object, render
from stripe_simulator.resources.webhook_endpoints import check_url
from stripe_simulator.work import Work

LINK = "account_link"
_REQUESTED: Fields = {"requested": Flag()}
_PROFILE: Fields = {
    name: Text()
    for name in ("mcc", "name", "product_description", "support_email", "support_phone", "support_url", "url")
}
_SHARED: Fields = {
    "business_profile": Hash(fields=_PROFILE),
    "business_type": Text(choices=("company", "government_entity", "individual", "non_profit")),
    "capabilities": Hash(fields={"card_payments": Hash(fields=_REQUESTED), "transfers": Hash(fields=_REQUESTED)}),
    "default_currency": Text(),
    "email": Text(),
    "metadata": Metadata(),
}
_CONTROLLER: Fields = {
    "fees": Hash(fields={"payer": Text(choices=("account", "application"))}),
    "losses": Hash(fields={"payments": Text(choices=("application", "stripe"))}),
    "requirement_collection": Text(choices=("application", "stripe")),
    "stripe_dashboard": Hash(fields={"type": Text(choices=("express", "full", "none"))}),
}


@endpoint(
    "POST",
    "/v1/accounts",
    _SHARED
    | {
        "controller": Hash(fields=_CONTROLLER),
        "country": Text(),
        "type": Text(choices=("custom", "express", "standard")),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """A connected account, at once able to charge and be paid out."""
    _only_platform(work)
    account = new_id("account")
    return render(work, add(work, account, values))


def add(work: Work, account: str, values: dict[str, Any]) -> Record:
    """Insert an account, which lives in itself."""
    inside = work.inside(account)
    body = _body(work, values)
    return inside.insert("account", body, id=account)


def ensure_platform(work: Work) -> None:
    """The platform's own account exists."""
    if work.find("account", work.platform) is None:
        add(work, work.platform, {"type": "standard", "business_profile": {"name": "Simulated platform"}})


@endpoint("GET", "/v1/account")
def retrieve_own(work: Work, values: dict[str, Any]) -> Json:
    """The account that the request acts for."""
    return render(work, work.get("account", work.account))


@endpoint("GET", "/v1/accounts/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """An account that the caller can reach."""
    return render(work, reachable(work, id))


@endpoint("POST", "/v1/accounts/<id>", _SHARED)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change an account; its ``account.updated`` goes to connect endpoints."""
    account = reachable(work, id)
    with changing(work, account) as inside:
        _apply(account, values)
    return render(inside, account)


@contextmanager
def changing(work: Work, account: Record) -> Iterator[Work]:
    """Change an account within the block; ``account.updated`` happens inside of it."""
    inside = work.inside(account["id"])
    before = render(inside, account)
    with inside.edit(account):
        yield inside
    after = render(inside, account)
    if before != after:
        changed = {key: value for key, value in before.items() if after[key] != value}
        emit_snapshot(inside, "account.updated", after, clock=None, previous=changed)


@endpoint("DELETE", "/v1/accounts/<id>")
def delete(work: Work, values: dict[str, Any], id: str) -> Json:
    """Close a connected account."""
    if id == work.platform:
        raise invalid("You cannot delete your own account.", "id")
    work.inside(id).delete(reachable(work, id))
    return {"id": id, "object": "account", "deleted": True}


@endpoint("GET", "/v1/accounts", LISTING | {"created": Range()})
def list_accounts(work: Work, values: dict[str, Any]) -> Json:
    """The connected accounts."""
    _only_platform(work)
    connected = (
        record
        for account in work.store.accounts_with("account")
        for record in work.store.all(account, "account")
        if record["id"] != work.platform and within(values.get("created"), record["created"])
    )
    return page(work, connected, values, "/v1/accounts")


@endpoint(
    "POST",
    "/v1/account_links",
    {
        "account": Text(required=True),
        "refresh_url": Text(),
        "return_url": Text(),
        "type": Text(required=True, choices=("account_onboarding", "account_update")),
        "collect": Text(choices=("currently_due", "eventually_due")),
        "collection_options": Hash(fields={"fields": Text(), "future_requirements": Text()}),
    },
)
def create_link(work: Work, values: dict[str, Any]) -> Json:
    """A link that a person follows to say who they are; it can be used once, within five minutes."""
    _only_platform(work)
    account = reachable(work, values["account"], "account")
    for name in ("refresh_url", "return_url"):
        if values.get(name):
            check_url(values[name], name)
    now, secret = work.now(), random_text(24)
    shown: Json = {
        "object": "account_link",
        "created": now,
        "expires_at": now + 300,
        "url": f"{work.page_root}/setup/s/{secret}",
    }
    kept: Json = {"refresh_url": values.get("refresh_url"), "return_url": values.get("return_url"), "used": False}
    work.insert(LINK, shown | {"account": account["id"]}, id=secret, **kept | {"secret": secret})
    return shown


def _only_platform(work: Work) -> None:
    if work.account != work.platform:
        raise not_simulated("accounts of connected accounts")


def reachable(work: Work, id: str, param: str = "id") -> Record:
    """The account, if the caller's may reach it; else a StripeError."""
    account = work.store.find(id, "account", id)
    if account is None or work.account not in (work.platform, id):
        raise unknown_account(id)
    return account


def _apply(account: Record, values: dict[str, Any]) -> None:
    for name in ("business_type", "default_currency", "email"):
        if name in values:
            account[name] = values[name]
    if "metadata" in values:
        account["metadata"] = merged_metadata(account["metadata"], values["metadata"])
    account["business_profile"] |= values.get("business_profile") or {}
    for name, asked in (values.get("capabilities") or {}).items():
        if (asked or {}).get("requested"):
            account["capabilities"][name] = "active"


def _body(work: Work, values: dict[str, Any]) -> Json:
    type = values.get("type") or ("none" if "controller" in values else "standard")
    account: Record = {
        "business_profile": _profile(),
        "business_type": None,
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": _controller(type, values.get("controller") or {}),
        "country": values.get("country", "US"),
        "created": work.now(),
        "default_currency": "usd",
        "details_submitted": True,
        "email": None,
        "external_accounts": list_object("/v1/accounts/external_accounts", []),
        "future_requirements": _requirements(),
        "metadata": {},
        "payouts_enabled": True,
        "requirements": _requirements(),
        "settings": _settings(),
        "tos_acceptance": {"date": None, "ip": None, "user_agent": None},
        "type": type,
    }
    _apply(account, values)
    return account


def _profile() -> Json:
    nothing = (
        "estimated_worker_count", "mcc", "minority_owned_business_designation", "name", "product_description",
        "support_address", "support_email", "support_phone", "support_url", "url",
    )  # fmt: skip
    unknown: Json = dict.fromkeys(nothing)
    return unknown | {"annual_revenue": None}


def _controller(type: str, chosen: Json) -> Json:
    if type == "standard" and not chosen:
        return {"type": "account"}
    dashboard = {"standard": "full", "express": "express"}.get(type, "none")
    return {
        "type": "application",
        "is_controller": True,
        "fees": {"payer": "account"} | (chosen.get("fees") or {}),
        "losses": {"payments": "stripe" if type == "standard" else "application"} | (chosen.get("losses") or {}),
        "requirement_collection": chosen.get("requirement_collection", "stripe"),
        "stripe_dashboard": {"type": dashboard} | (chosen.get("stripe_dashboard") or {}),
    }


def _requirements() -> Json:
    lists = ("alternatives", "currently_due", "errors", "eventually_due", "past_due", "pending_verification")
    empty: Json = {name: [] for name in lists}
    return empty | {"current_deadline": None, "disabled_reason": None}


def _settings() -> Json:
    return {
        "bacs_debit_payments": {"display_name": None, "service_user_number": None},
        "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
        "card_issuing": {"tos_acceptance": {"date": None, "ip": None}},
        "card_payments": {
            "decline_on": {"avs_failure": False, "cvc_failure": False},
            "statement_descriptor_prefix": None,
            "statement_descriptor_prefix_kana": None,
            "statement_descriptor_prefix_kanji": None,
        },
        "dashboard": {"display_name": None, "timezone": "Etc/UTC"},
        "invoices": {"default_account_tax_ids": None, "hosted_payment_method_save": None},
        "payments": {
            "statement_descriptor": None,
            "statement_descriptor_kana": None,
            "statement_descriptor_kanji": None,
            "statement_descriptor_prefix_kana": None,
            "statement_descriptor_prefix_kanji": None,
        },
        "payouts": {
            "debit_negative_balances": True,
            "schedule": {"delay_days": 2, "interval": "daily"},
            "statement_descriptor": None,
        },
        "sepa_debit_payments": {},
    }
