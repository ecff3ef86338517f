"""Promotion codes: what customers type in to redeem a coupon."""

from typing import Any

from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid, missing_param
from stripe_simulator.events import emit, updating
from stripe_simulator.ids import random_text
from stripe_simulator.lists import page, within
from stripe_simulator.params import (
    LISTING,
    Fields,
    Flag,
    Hash,
    Integer,
    Metadata,
    Named,
    Range,
    Text,
    merged_metadata,
)
from stripe_simulator.rendering import Json, render
from stripe_simulator.validity import code_is_active
from stripe_simulator.work import Work

_OPTIONS = Named(of=Hash(fields={"minimum_amount": Integer(least=1)}))
_RESTRICTIONS: Fields = {
    "currency_options": _OPTIONS,
    "first_time_transaction": Flag(),
    "minimum_amount": Integer(least=1),
    "minimum_amount_currency": Text(longest=3),
}


@endpoint(
    "POST",
    "/v1/promotion_codes",
    {
        "active": Flag(),
        "code": Text(longest=500),
        "customer": Text(),
        "expires_at": Integer(),
        "max_redemptions": Integer(least=1),
        "metadata": Metadata(),
        "promotion": Hash(required=True, fields={"coupon": Text(), "type": Text(required=True, choices=("coupon",))}),
        "restrictions": Hash(fields=_RESTRICTIONS),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """A code for a coupon; active codes are unique, whatever their case."""
    if not (values["promotion"] or {}).get("coupon"):
        raise missing_param("promotion[coupon]")
    coupon = work.get("coupon", values["promotion"]["coupon"], "promotion[coupon]")
    now = work.now()
    if values.get("customer"):
        work.get("customer", values["customer"], "customer")
    if values.get("expires_at") is not None and values["expires_at"] <= now:
        raise invalid("Invalid expires_at: must be in the future.", "expires_at")
    text = values.get("code") or random_text(8).upper()
    _require_free(work, text)
    body: Record = {
        "active": values.get("active", True),
        "code": text,
        "created": now,
        "customer": values.get("customer"),
        "customer_account": None,
        "expires_at": values.get("expires_at"),
        "max_redemptions": values.get("max_redemptions"),
        "metadata": merged_metadata({}, values.get("metadata") or {}),
        "promotion": {"coupon": coupon["id"], "type": "coupon"},
        "restrictions": _restrictions(values.get("restrictions") or {}),
        "times_redeemed": 0,
    }
    code = work.insert("promotion_code", body)
    emit(work, "promotion_code.created", code)
    return render(work, code)


@endpoint("GET", "/v1/promotion_codes/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A promotion code."""
    return render(work, work.get("promotion_code", id))


@endpoint(
    "POST",
    "/v1/promotion_codes/<id>",
    {"active": Flag(), "metadata": Metadata(), "restrictions": Hash(fields={"currency_options": _OPTIONS})},
)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Switch it on or off; change metadata and least amounts in further currencies."""
    code = work.get("promotion_code", id)
    if values.get("active") and not code["active"]:
        coupon = work.find("coupon", code["promotion"]["coupon"])
        if not code_is_active(code | {"active": True}, coupon, work.now()):
            raise invalid("This promotion code has expired or is used up and cannot be activated.", "active")
        _require_free(work, code["code"])
    with updating(work, code):
        if "active" in values:
            code["active"] = values["active"]
        if "metadata" in values:
            code["metadata"] = merged_metadata(code["metadata"], values["metadata"])
        options = (values.get("restrictions") or {}).get("currency_options")
        if options:
            limits = code["restrictions"]
            code["restrictions"] = limits | {"currency_options": limits.get("currency_options", {}) | options}
    return render(work, code)


@endpoint(
    "GET",
    "/v1/promotion_codes",
    LISTING | {"active": Flag(), "code": Text(), "coupon": Text(), "created": Range(), "customer": Text()},
)
def list_codes(work: Work, values: dict[str, Any]) -> Json:
    """Promotion codes; by ``code`` in any case."""
    typed = values.get("code")
    found = work.all("promotion_code") if typed is None else work.related("promotion_code", "code", typed.lower())
    chosen = [
        code
        for code in found
        if values.get("active") in (None, _is_active(work, code))
        and values.get("coupon") in (None, code["promotion"]["coupon"])
        and values.get("customer") in (None, code["customer"])
        and within(values.get("created"), code["created"])
    ]
    return page(work, chosen, values, "/v1/promotion_codes")


def _is_active(work: Work, code: Record) -> bool:
    return code_is_active(code, work.find("coupon", code["promotion"]["coupon"]), work.now())


def _require_free(work: Work, text: str) -> None:
    if any(_is_active(work, code) for code in work.related("promotion_code", "code", text.lower())):
        raise invalid(f"An active promotion code with `code: {text}` already exists.", "code")


def _restrictions(sent: dict[str, Any]) -> Json:
    if (sent.get("minimum_amount") is None) != (not sent.get("minimum_amount_currency")):
        raise missing_param("restrictions[minimum_amount_currency]")
    currency = sent.get("minimum_amount_currency")
    shown: Json = {
        "first_time_transaction": sent.get("first_time_transaction", False),
        "minimum_amount": sent.get("minimum_amount"),
        "minimum_amount_currency": currency.lower() if currency else None,
    }
    if sent.get("currency_options"):
        shown["currency_options"] = {name.lower(): option for name, option in sent["currency_options"].items()}
    return shown
