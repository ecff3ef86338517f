"""Checkout sessions."""

from typing import Any

from stripe_simulator import catalog
from stripe_simulator.billing import taxes
from stripe_simulator.checkout import lines, sessions
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid, missing_param, not_found, not_simulated
from stripe_simulator.ids import new_id
from stripe_simulator.lists import page, within
from stripe_simulator.params import (
    LISTING,
    Fields,
    Flag,
    Hash,
    Integer,
    Metadata,
    Param,
    Range,
    Sequenced,
    Text,
    Unsimulated,
    merged_metadata,
)
from stripe_simulator.rendering import Json, render
from stripe_simulator.resources.webhook_endpoints import check_url
from stripe_simulator.work import Work


class Anything(Param):
    """What is looked at only where it is used."""

    def read(self, raw: Any, name: str) -> Any:
        """What was sent."""
        return raw


_LONGEST, _SHORTEST = 24 * 3_600, 30 * 60  # seconds that a session can stay open
_PRICE_DATA: Fields = {
    "currency": Text(required=True, longest=3),
    "product": Text(),
    "product_data": Hash(
        fields={
            "description": Text(),
            "images": Sequenced(of=Text(required=True), most=8),
            "metadata": Metadata(),
            "name": Text(required=True),
            "tax_code": Text(),
            "unit_label": Text(),
        }
    ),
    "recurring": catalog.PRICE["recurring"],
    "tax_behavior": Text(choices=catalog.TAX_BEHAVIORS),
    "unit_amount": Integer(least=0),
    "unit_amount_decimal": catalog.PRICE["unit_amount_decimal"],
}
_LINE: Fields = {
    "adjustable_quantity": Unsimulated(),
    "dynamic_tax_rates": Unsimulated(),
    "metadata": Metadata(),
    "price": Text(),
    "price_data": Hash(fields=_PRICE_DATA),
    "quantity": Integer(least=1),
    "tax_rates": taxes.TAX_RATES,
}
_INTENT: Fields = {
    "description": Text(),
    "metadata": Metadata(),
    "receipt_email": Text(),
    "setup_future_usage": Text(choices=("off_session", "on_session")),
    "statement_descriptor": Text(),
    "statement_descriptor_suffix": Text(),
}
_SUBSCRIPTION: Fields = {
    "default_tax_rates": taxes.TAX_RATES,
    "description": Text(),
    "metadata": Metadata(),
    "trial_end": Integer(),
    "trial_period_days": Integer(least=1, most=730),
    "trial_settings": Hash(
        fields={"end_behavior": Hash(fields={"missing_payment_method": Text(choices=("cancel", "create_invoice"))})}
    ),
}
_SHIPPING: Fields = {"shipping_rate": Text(), "shipping_rate_data": Anything()}
_UNSIMULATED: Fields = dict.fromkeys(
    (
        "adaptive_pricing", "after_expiration", "branding_settings", "consent_collection", "custom_fields",
        "custom_text", "customer_account", "excluded_payment_method_types", "invoice_creation", "managed_payments",
        "name_collection", "optional_items", "origin_context", "payment_method_configuration",
        "payment_method_data", "permissions", "phone_number_collection", "redirect_on_completion", "return_url",
        "saved_payment_method_options", "shipping_address_collection", "tax_id_collection", "wallet_options",
    ),
    Unsimulated(),
)  # fmt: skip


@endpoint(
    "POST",
    "/v1/checkout/sessions",
    _UNSIMULATED
    | {
        "allow_promotion_codes": Flag(),
        "automatic_tax": Hash(fields={"enabled": Flag(required=True)}),
        "billing_address_collection": Text(choices=("auto",)),
        "cancel_url": Text(),
        "client_reference_id": Text(longest=200),
        "currency": Text(longest=3),
        "customer": Text(),
        "customer_creation": Text(choices=("always", "if_required")),
        "customer_email": Text(longest=800),
        "customer_update": Hash(fields=dict.fromkeys(("address", "name", "shipping"), Text(choices=("auto", "never")))),
        "discounts": Sequenced(of=Hash(fields={"coupon": Text(), "promotion_code": Text()}), most=1),
        "expires_at": Integer(),
        "line_items": Sequenced(of=Hash(fields=_LINE)),
        "locale": Text(),
        "metadata": Metadata(),
        "mode": Text(required=True, choices=("payment", "setup", "subscription")),
        "payment_intent_data": Hash(fields=_INTENT | {"capture_method": Text(choices=("automatic",))}),
        "payment_method_collection": Text(choices=("always",)),
        "payment_method_options": Hash(fields={"card": Hash(fields={"request_three_d_secure": Text()})}),
        "payment_method_types": Sequenced(of=Text(required=True, choices=("card",))),
        "setup_intent_data": Hash(fields={"description": Text(), "metadata": Metadata()}),
        "shipping_options": Sequenced(of=Hash(fields=_SHIPPING), most=5),
        "submit_type": Text(choices=("auto", "book", "donate", "pay", "subscribe")),
        "subscription_data": Hash(fields=_SUBSCRIPTION),
        "success_url": Text(required=True),
        "ui_mode": Text(choices=("hosted", "hosted_page")),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """An open session with the address of its page."""
    mode = values["mode"]
    _check(work, values, mode)
    sold = lines.read(work, values.get("line_items") or [], mode)
    customer = work.get("customer", values["customer"], "customer") if values.get("customer") else None
    id, clock = new_id(sessions.KIND), customer["_clock"] if customer else None
    now = work.now(clock)
    body = _body(values, customer, now) | {"expires_at": _end(values, now), "url": sessions.page_url(work, id)}
    body["currency"] = _currency(work, values, sold)
    private: Json = {
        "buyer": {},
        "customer": None,
        "due": body["expires_at"],
        "intent": None,
        "intent_values": values.get("payment_intent_data" if mode == "payment" else "setup_intent_data") or {},
        "lines": sold,
        "reductions": [{key: one for key, one in entry.items() if one} for entry in values.get("discounts") or []],
        "subscription": None,
        "subscription_values": values.get("subscription_data") or {},
    }
    session = work.insert(sessions.KIND, body, clock=clock, id=id, **private)
    if mode != "setup":
        session |= lines.total(work, session)
    if session["amount_total"] == 0:
        session["payment_status"] = "no_payment_required"
    return render(work, session)


@endpoint("GET", "/v1/checkout/sessions/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A session."""
    return render(work, _get(work, id))


@endpoint(
    "POST",
    "/v1/checkout/sessions/<id>",
    {"collected_information": Unsimulated(), "metadata": Metadata(), "shipping_options": Unsimulated()},
)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change metadata."""
    session = _get(work, id)
    with work.edit(session):
        if "metadata" in values:
            session["metadata"] = merged_metadata(session["metadata"], values["metadata"])
    return render(work, session)


@endpoint("POST", "/v1/checkout/sessions/<id>/expire")
def expire(work: Work, values: dict[str, Any], id: str) -> Json:
    """Close an open session."""
    session = _get(work, id)
    sessions.expire(work, session)
    return render(work, session)


@endpoint("GET", "/v1/checkout/sessions/<id>/line_items", LISTING)
def list_line_items(work: Work, values: dict[str, Any], id: str) -> Json:
    """What the session sells."""
    sold = lines.shown(work, _get(work, id))
    url = f"/v1/checkout/sessions/{id}/line_items"
    return page(work, sold, values, url, show=lambda _, line: line, ordered=True)


@endpoint(
    "GET",
    "/v1/checkout/sessions",
    LISTING
    | {
        "created": Range(),
        "customer": Text(),
        "customer_details": Hash(fields={"email": Text(required=True)}),
        "payment_intent": Text(),
        "status": Text(choices=("complete", "expired", "open")),
        "subscription": Text(),
    },
)
def list_sessions(work: Work, values: dict[str, Any]) -> Json:
    """Sessions."""
    exact = {name: values[name] for name in ("customer", "payment_intent", "status", "subscription") if name in values}
    email = (values.get("customer_details") or {}).get("email")
    found = (
        session
        for session in work.all(sessions.KIND)
        if all(session[name] == value for name, value in exact.items())
        and (email is None or (session["customer_details"] or {}).get("email") == email)
        and within(values.get("created"), session["created"])
    )
    return page(work, found, values, "/v1/checkout/sessions")


def _get(work: Work, id: str) -> Record:
    session = work.find(sessions.KIND, id)
    if session is None:
        raise not_found("checkout.session", id, "session")
    return session


def _check(work: Work, values: dict[str, Any], mode: str) -> None:
    for name in ("success_url", "cancel_url"):
        if values.get(name):
            check_url(values[name], name)
    for option in values.get("shipping_options") or []:
        if option.get("shipping_rate"):
            raise not_found("shipping rate", option["shipping_rate"], "shipping_options[0][shipping_rate]", 400)
        raise not_simulated("shipping rates", "shipping_options")
    if mode == "setup" and values.get("line_items"):
        raise invalid("You cannot pass `line_items` in `setup` mode.", "line_items")
    if mode != "setup" and not values.get("line_items"):
        raise missing_param("line_items")
    if (values.get("automatic_tax") or {}).get("enabled"):
        raise invalid("The simulator has no Stripe Tax: use tax rates.", "automatic_tax", "simulator_not_implemented")
    for name, only in (
        ("payment_intent_data", "payment"),
        ("setup_intent_data", "setup"),
        ("subscription_data", "subscription"),
    ):
        if values.get(name) and mode != only:
            raise invalid(f"You can not pass `{name}` in `{mode}` mode.", name)
    for one, other in (("customer", "customer_email"), ("discounts", "allow_promotion_codes")):
        if values.get(one) and values.get(other):
            raise invalid(f"You may only specify one of these parameters: {one}, {other}.", one)


def _end(values: dict[str, Any], now: int) -> int:
    end = values.get("expires_at", now + _LONGEST)
    if not now + _SHORTEST <= end <= now + _LONGEST:
        raise invalid("The `expires_at` timestamp must be between 30 minutes and 24 hours from now.", "expires_at")
    return int(end)


def _currency(work: Work, values: dict[str, Any], sold: list[Json]) -> str | None:
    if not sold:
        currency = values.get("currency")
        return currency.lower() if currency else None
    currency = work.get("price", sold[0]["price"])["currency"]
    if values.get("currency", currency).lower() != currency:
        raise invalid("The currency must match that of the prices.", "currency")
    return str(currency)


def _body(values: dict[str, Any], customer: Record | None, now: int) -> Json:
    mode = values["mode"]
    creation = values.get("customer_creation", "if_required") if mode == "payment" else None
    nothing = (
        "after_expiration", "amount_subtotal", "amount_total", "billing_address_collection", "client_secret",
        "collected_information", "consent", "consent_collection", "currency_conversion", "customer_account",
        "integration_identifier", "invoice", "managed_payments", "origin_context", "payment_intent", "payment_link",
        "payment_method_configuration_details", "permissions", "recovered_from", "saved_payment_method_options",
        "setup_intent", "shipping_address_collection", "shipping_cost", "subscription", "total_details",
        "wallet_options",
    )  # fmt: skip
    asked = ("allow_promotion_codes", "cancel_url", "client_reference_id", "customer_email", "locale", "submit_type")
    body: Json = dict.fromkeys(nothing)
    return body | {
        **{name: values.get(name) for name in asked},
        "adaptive_pricing": {"enabled": False},
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "created": now,
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer": customer["id"] if customer else None,
        "customer_creation": "always" if mode == "subscription" and customer is None else creation,
        "customer_details": sessions.details(customer, {}) if customer else None,
        "discounts": _shown_discounts(values),
        "invoice_creation": None if mode != "payment" else _no_invoice(),
        "metadata": merged_metadata({}, values.get("metadata", {})),
        "mode": mode,
        "payment_method_collection": values.get("payment_method_collection", "always"),
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "no_payment_required" if mode == "setup" else "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "success_url": values["success_url"],
        "ui_mode": "hosted_page",
    }


def _shown_discounts(values: dict[str, Any]) -> list[Json]:
    return [
        {"coupon": entry.get("coupon"), "promotion_code": entry.get("promotion_code")}
        for entry in values.get("discounts") or []
    ]


def _no_invoice() -> Json:
    nothing = ("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options")
    data: Json = dict.fromkeys(nothing)
    return {"enabled": False, "invoice_data": data | {"metadata": {}}}
