"""A schedule's phases, as they are asked for and as they are shown: each begins where the one before it ends."""

from dataclasses import dataclass
from typing import Any

from stripe_simulator.billing import changes, phase_discounts, taxes
from stripe_simulator.database import Record
from stripe_simulator.errors import invalid, missing_param
from stripe_simulator.params import merged_metadata
from stripe_simulator.periods import boundary
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work


@dataclass(frozen=True)
class Ground:
    """What phases are laid out on: whose they are, what there is already, and the time (Unix seconds)."""

    work: Work
    customer: Record
    now: int
    subscription: Record | None = None
    phases: tuple[Json, ...] = ()

    @property
    def prices(self) -> set[str]:
        """The prices that are agreed on, of the subscription and of the phases that there were."""
        items = [item for phase in self.phases for item in phase["items"]]
        return {item["price"] for item in items + (self.subscription["items"]["data"] if self.subscription else [])}

    @property
    def held(self) -> list[str]:
        """The discounts that the subscription and its items have."""
        if self.subscription is None:
            return []
        holders = (self.subscription, *self.subscription["items"]["data"])
        return [id for holder in holders for id in holder["discounts"]]

    def discounts(self, sent: dict[str, Any], currency: str, prefix: str) -> list[Json]:
        """The entries for those that a phase or an item names."""
        named, param = sent.get("discounts") or [], f"{prefix}[discounts]"
        return phase_discounts.named(self.work, self.customer, self.held, named, currency, param)

    def rates(self, sent: dict[str, Any], name: str, prefix: str) -> list[str]:
        """The tax rates that a phase or an item names."""
        return taxes.check_rates(self.work, sent.get(name) or [], f"{prefix}[{name}]")


def lay_out(ground: Ground, sent: list[dict[str, Any]], start: int) -> list[Json]:
    """Phases from ``start`` on (Unix seconds), of what a request says."""
    if not sent:
        raise missing_param("phases")
    phases: list[Json] = []
    for index, values in enumerate(sent):
        begins = phases[-1]["end_date"] if phases else start
        _check_start(values.get("start_date"), begins, ground.now, index)
        phases.append(_phase(ground, values, begins, f"phases[{index}]"))
    currencies = {phase["currency"] for phase in phases}
    if len(currencies) > 1:
        raise invalid("All phases of a schedule must have the same currency.", "phases")
    return phases


def _check_start(wanted: int | str | None, begins: int, now: int, index: int) -> None:
    if wanted is not None and (now if wanted == "now" else wanted) != begins:
        raise invalid("A phase must begin where the one before it ends.", f"phases[{index}][start_date]")


def _phase(ground: Ground, values: dict[str, Any], begins: int, prefix: str) -> Json:
    items = [_item(ground, sent, f"{prefix}[items][{at}]") for at, sent in enumerate(values.get("items") or [])]
    changes.check_items(ground.work, items)
    price = ground.work.get("price", items[0]["price"])
    ends = _end(values, price, begins, ground.now, prefix)
    return {
        "add_invoice_items": [],
        "application_fee_percent": None,
        "billing_cycle_anchor": values.get("billing_cycle_anchor"),
        "billing_thresholds": None,
        "collection_method": values.get("collection_method"),
        "currency": price["currency"],
        "default_payment_method": values.get("default_payment_method"),
        "default_tax_rates": ground.rates(values, "default_tax_rates", prefix),
        "description": values.get("description"),
        "discounts": ground.discounts(values, price["currency"], prefix),
        "end_date": ends,
        "invoice_settings": invoice_settings(values["invoice_settings"]) if values.get("invoice_settings") else None,
        "items": items,
        "metadata": merged_metadata({}, values.get("metadata") or {}),
        "on_behalf_of": None,
        "proration_behavior": values.get("proration_behavior", "create_prorations"),
        "start_date": begins,
        "transfer_data": None,
        "trial_end": _trial_end(values, begins, ends, prefix),
        "_bare": values.get("discounts") == [],
    }


def invoice_settings(sent: dict[str, Any]) -> Json:
    """The settings for invoices that a phase or a schedule has."""
    return {
        "account_tax_ids": None,
        "custom_fields": None,
        "days_until_due": sent.get("days_until_due"),
        "description": None,
        "footer": None,
        "issuer": {"type": "self"},
    }


def _item(ground: Ground, sent: dict[str, Any], prefix: str) -> Json:
    agreed = sent.get("price") in ground.prices
    price = changes.price_of(ground.work, sent | {"_agreed": agreed}, prefix)
    metered = price["recurring"]["usage_type"] == "metered"
    return {
        "billing_thresholds": None,
        "discounts": ground.discounts(sent, price["currency"], prefix),
        "metadata": merged_metadata({}, sent.get("metadata") or {}),
        "plan": price["id"],
        "price": price["id"],
        "quantity": None if metered else sent.get("quantity", 1),
        "tax_rates": ground.rates(sent, "tax_rates", prefix),
    }


def _end(values: dict[str, Any], price: Record, begins: int, now: int, prefix: str) -> int:
    """By its date, by its duration, or after one period of its price."""
    if values.get("end_date") is not None and values.get("duration"):
        raise invalid("You may only specify one of these parameters: end_date, duration.", f"{prefix}[end_date]")
    if values.get("end_date") is not None:
        ends = now if values["end_date"] == "now" else int(values["end_date"])
    else:
        asked = values.get("duration") or price["recurring"]
        ends = boundary(begins, asked["interval"], asked.get("interval_count") or 1, 1)
    if ends <= begins:
        raise invalid("A phase must end after it begins.", f"{prefix}[end_date]")
    return ends


def _trial_end(values: dict[str, Any], begins: int, ends: int, prefix: str) -> int | None:
    wanted = values.get("trial_end")
    if values.get("trial"):
        if wanted not in (None, ends):
            raise invalid("The trial of a phase that is all trial ends with the phase.", f"{prefix}[trial_end]")
        return ends
    if wanted in (None, "now"):
        return None
    if not begins < wanted <= ends:
        raise invalid("A trial must end within its phase.", f"{prefix}[trial_end]")
    return int(wanted)


def of_subscription(subscription: Record) -> Json:
    """The phase that a running subscription is in."""
    first = subscription["items"]["data"][0]
    return {
        "add_invoice_items": [],
        "application_fee_percent": None,
        "billing_cycle_anchor": None,
        "billing_thresholds": None,
        "collection_method": None,
        "currency": subscription["currency"],
        "default_payment_method": None,
        "default_tax_rates": list(subscription["default_tax_rates"]),
        "description": None,
        "discounts": phase_discounts.of_holder(subscription["discounts"]),
        "end_date": first["current_period_end"],
        "invoice_settings": None,
        "items": [_item_of(item) for item in subscription["items"]["data"]],
        "metadata": {},
        "on_behalf_of": None,
        "proration_behavior": "create_prorations",
        "start_date": first["current_period_start"],
        "transfer_data": None,
        "trial_end": subscription["trial_end"] if subscription["status"] == "trialing" else None,
        "_bare": bool(subscription.get("_bare")),
    }


def _item_of(item: Json) -> Json:
    return {
        "billing_thresholds": None,
        "discounts": phase_discounts.of_holder(item["discounts"]),
        "metadata": dict(item["metadata"]),
        "plan": item["price"],
        "price": item["price"],
        "quantity": item["quantity"],
        "tax_rates": list(item["tax_rates"]),
    }
