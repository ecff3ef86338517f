"""The billing portal: configurations, and sessions that let one customer in."""

from typing import Any

from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid
from stripe_simulator.ids import random_text
from stripe_simulator.lists import page
from stripe_simulator.params import (
    LISTING,
    Fields,
    Flag,
    Hash,
    Metadata,
    Sequenced,
    Text,
    Unsimulated,
    merged_metadata,
)
from stripe_simulator.rendering import Json, render
from stripe_simulator.resources.webhook_endpoints import check_url
from stripe_simulator.work import Work

SESSION, CONFIGURATION = "billing_portal.session", "billing_portal.configuration"
LIFETIME = 3_600  # seconds for which a session's page lets in
_URL = "/v1/billing_portal/configurations"
_REASONS = (
    "customer_service", "low_quality", "missing_features", "other", "switched_service", "too_complex",
    "too_expensive", "unused",
)  # fmt: skip
_UPDATES = ("address", "email", "name", "phone", "shipping", "tax_id")
_CHANGES = ("price", "promotion_code", "quantity")
_PRORATION = Text(choices=("always_invoice", "create_prorations", "none"))
_FEATURES: Fields = {
    "customer_update": Hash(
        fields={"allowed_updates": Sequenced(of=Text(required=True, choices=_UPDATES)), "enabled": Flag()}
    ),
    "invoice_history": Hash(fields={"enabled": Flag(required=True)}),
    "payment_method_update": Hash(
        fields={"enabled": Flag(required=True), "payment_method_configuration": Unsimulated()}
    ),
    "subscription_cancel": Hash(
        fields={
            "cancellation_reason": Hash(
                fields={
                    "enabled": Flag(required=True),
                    "options": Sequenced(of=Text(required=True, choices=_REASONS)),
                }
            ),
            "enabled": Flag(),
            "mode": Text(choices=("at_period_end", "immediately")),
            "proration_behavior": _PRORATION,
        }
    ),
    "subscription_update": Hash(
        fields={
            "billing_cycle_anchor": Text(choices=("now", "unchanged")),
            "default_allowed_updates": Sequenced(of=Text(required=True, choices=_CHANGES)),
            "enabled": Flag(),
            "products": Unsimulated(),
            "proration_behavior": _PRORATION,
            "schedule_at_period_end": Unsimulated(),
            "trial_update_behavior": Text(choices=("continue_trial", "end_trial")),
        }
    ),
}
_PROFILE: Fields = {"headline": Text(longest=60), "privacy_policy_url": Text(), "terms_of_service_url": Text()}
_FIELDS: Fields = {
    "business_profile": Hash(fields=_PROFILE),
    "default_return_url": Text(),
    "features": Hash(fields=_FEATURES),
    "login_page": Hash(fields={"enabled": Flag(required=True)}),
    "metadata": Metadata(),
    "name": Text(),
}


@endpoint("POST", _URL, _FIELDS | {"features": Hash(fields=_FEATURES, required=True)})
def create_configuration(work: Work, values: dict[str, Any]) -> Json:
    """A configuration; it is not the default one."""
    return render(work, _add(work, values, default=False))


@endpoint("GET", f"{_URL}/<id>")
def retrieve_configuration(work: Work, values: dict[str, Any], id: str) -> Json:
    """A configuration."""
    return render(work, work.get(CONFIGURATION, id))


@endpoint("POST", f"{_URL}/<id>", _FIELDS | {"active": Flag()})
def update_configuration(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change what is sent."""
    configuration = work.get(CONFIGURATION, id)
    if values.get("active") is False and configuration["is_default"]:
        raise invalid("The default configuration can't be made inactive.", "active")
    with work.edit(configuration):
        _apply(configuration, values)
        configuration["updated"] = work.now()
    return render(work, configuration)


@endpoint("GET", _URL, LISTING | {"active": Flag(), "is_default": Flag()})
def list_configurations(work: Work, values: dict[str, Any]) -> Json:
    """Configurations."""
    exact = {name: values[name] for name in ("active", "is_default") if name in values}
    found = (one for one in work.all(CONFIGURATION) if all(one[name] == value for name, value in exact.items()))
    return page(work, found, values, _URL)


@endpoint(
    "POST",
    "/v1/billing_portal/sessions",
    {
        "configuration": Text(),
        "customer": Text(required=True),
        "customer_account": Unsimulated(),
        "flow_data": Unsimulated(),
        "locale": Text(),
        "on_behalf_of": Unsimulated(),
        "return_url": Text(),
    },
)
def create_session(work: Work, values: dict[str, Any]) -> Json:
    """The address of the customer's portal, good for an hour."""
    customer = work.get("customer", values["customer"], "customer")
    if values.get("return_url"):
        check_url(values["return_url"], "return_url")
    named = values.get("configuration")
    configuration = work.get(CONFIGURATION, named, "configuration") if named else default(work)
    if not configuration["active"]:
        raise invalid("The configuration is not active.", "configuration")
    secret, now = f"test_{random_text(40)}", work.now()
    body: Record = {
        "configuration": configuration["id"],
        "created": now,
        "customer": customer["id"],
        "customer_account": None,
        "flow": None,
        "locale": values.get("locale"),
        "on_behalf_of": None,
        "return_url": values.get("return_url") or configuration["default_return_url"],
        "url": f"{work.page_root}/p/session/{secret}",
    }
    return render(work, work.insert(SESSION, body, secret=secret))


def default(work: Work) -> Record:
    """The account's default configuration; the first session makes it, where Stripe's dashboard would."""
    for configuration in work.all(CONFIGURATION):
        if configuration["is_default"]:
            return configuration
    switched_on = {"enabled": True}
    features = {
        "invoice_history": switched_on,
        "payment_method_update": switched_on,
        "subscription_cancel": switched_on,
    }
    return _add(work, {"features": features}, default=True)


def _add(work: Work, values: dict[str, Any], *, default: bool) -> Record:
    now = work.now()
    body: Record = {
        "active": True,
        "application": None,
        "business_profile": dict.fromkeys(_PROFILE),
        "created": now,
        "default_return_url": None,
        "features": _all_off(),
        "is_default": default,
        "login_page": {"enabled": False, "url": None},
        "metadata": {},
        "name": None,
        "updated": now,
    }
    _apply(body, values)
    return work.insert(CONFIGURATION, body)


def _apply(configuration: Record, values: dict[str, Any]) -> None:
    for name in ("active", "default_return_url", "name"):
        if name in values:
            configuration[name] = values[name]
    if "metadata" in values:
        configuration["metadata"] = merged_metadata(configuration["metadata"], values["metadata"])
    configuration["business_profile"] |= values.get("business_profile") or {}
    if (values.get("login_page") or {}).get("enabled"):
        raise invalid("The simulator has no login page.", "login_page[enabled]", "simulator_not_implemented")
    for name, sent in (values.get("features") or {}).items():
        held = configuration["features"][name]
        reason = (sent or {}).get("cancellation_reason")
        held |= {key: value for key, value in (sent or {}).items() if key != "cancellation_reason"}
        if reason:
            held["cancellation_reason"] = {"options": list(_REASONS), **reason}


def _all_off() -> Json:
    return {
        "customer_update": {"allowed_updates": [], "enabled": False},
        "invoice_history": {"enabled": False},
        "payment_method_update": {"enabled": False, "payment_method_configuration": None},
        "subscription_cancel": {
            "cancellation_reason": {"enabled": False, "options": []},
            "enabled": False,
            "mode": "at_period_end",
            "proration_behavior": "none",
        },
        "subscription_update": {
            "billing_cycle_anchor": None,
            "default_allowed_updates": [],
            "enabled": False,
            "proration_behavior": "none",
            "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": "end_trial",
        },
    }
