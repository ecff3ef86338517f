"""A merchant that sells some of everything, and a customer on a test clock: for tests of what subscriptions become."""

from dataclasses import dataclass, field
from typing import Any

import stripe

from billingos.common.tenancy import scope
from billingos.merchants.models import BillingSettings
from subscriptions.models import Invoice, Subscription
from subscriptions.serializers.changes import PreviewLineSerializer
from tests.fixtures import Api, Deliveries
from tests.scenes import DAY, JANUARY

MONTH: dict[str, Any] = {"recurring": {"interval": "month"}}
YEAR: dict[str, Any] = {"recurring": {"interval": "year"}}
TIERS = [{"up_to": 5, "unit_amount": 1003}, {"up_to": 20, "unit_amount": 701, "flat_amount": 99}]
TIERED: dict[str, Any] = {"billing_scheme": "tiered", "tiers": [*TIERS, {"up_to": "inf", "unit_amount": 333}]}
# product, and what Stripe is told of the price
PRICES: dict[str, tuple[str, dict[str, Any]]] = {
    "free": ("Free", {"unit_amount": 0, **MONTH}),
    "basic": ("Basic", {"unit_amount": 1999, **MONTH}),
    "basic_year": ("Basic", {"unit_amount": 19990, **YEAR}),
    "pro": ("Pro", {"unit_amount": 4999, **MONTH}),
    "pro_year": ("Pro", {"unit_amount": 49990, **YEAR}),
    "seat": ("Seats", {"unit_amount": 777, **MONTH}),
    "graduated": ("Team", {"tiers_mode": "graduated", **TIERED, **MONTH}),
    "volume": ("Team", {"tiers_mode": "volume", **TIERED, **MONTH}),
    "addon": ("Support", {"unit_amount": 555, **MONTH}),
    "addon_year": ("Support", {"unit_amount": 5550, **YEAR}),
    "tiny": ("Tiny", {"unit_amount_decimal": "33.335", **MONTH}),
    "euro": ("Basic", {"unit_amount": 1899, **MONTH, "currency": "eur"}),
    "once": ("Basic", {"unit_amount": 100}),
}


@dataclass
class Shop:
    api: Api
    client: stripe.StripeClient
    deliveries: Deliveries
    products: dict[str, str] = field(default_factory=dict)
    prices: dict[str, str] = field(default_factory=dict)
    clock: str = ""
    customer: str = ""
    subscription: dict[str, Any] = field(default_factory=dict)

    @property
    def account(self) -> Any:
        return {"stripe_account": self.api.merchant.stripe_account_id}

    @property
    def v1(self) -> Any:
        return self.client.v1

    def price(self, name: str) -> str:
        """The Stripe id of one of PRICES, or of what counts a meter ("metered")."""
        if name not in self.prices:
            product, terms = PRICES[name] if name != "metered" else ("Usage", self._metered())
            params = {"currency": "usd", "product": self._product(product), **terms}
            self.prices[name] = self.v1.prices.create(params, self.account).id
            self.deliveries.flush()
        return self.prices[name]

    def _product(self, name: str) -> str:
        if name not in self.products:
            self.products[name] = self.v1.products.create({"name": name}, self.account).id
        return self.products[name]

    def _metered(self) -> dict[str, Any]:
        meter = self.v1.billing.meters.create(
            {"display_name": "Calls", "event_name": "calls", "default_aggregation": {"formula": "sum"}}, self.account
        )
        recurring = {"interval": "month", "usage_type": "metered", "meter": meter.id}
        return {"unit_amount": 7, "recurring": recurring}

    def items(self, wanted: dict[str, int | None]) -> list[dict[str, Any]]:
        return [
            {"price": self.price(name), **({} if quantity is None else {"quantity": quantity})}
            for name, quantity in wanted.items()
        ]

    def open(self, card: str | None = "pm_card_visa") -> None:
        """Gives the shop a customer on a clock at 1 January 2026."""
        self.clock = self.v1.test_helpers.test_clocks.create({"frozen_time": JANUARY}, self.account).id
        body = {"name": "Ada", "test_clock": self.clock, **({"payment_method": card} if card else {})}
        self.customer = self.api.made("/customers", body)["id"]

    def subscribe(self, items: dict[str, int | None], **terms: Any) -> dict[str, Any]:
        body = {"customer_id": self.customer, "items": self.items(items), **terms}
        self.subscription = self.api.made("/subscriptions", body)
        self.deliveries.flush()
        return self.subscription

    @property
    def id(self) -> str:
        return str(self.subscription["stripe_id"])

    @property
    def stripe_customer(self) -> str:
        return str(self.api.found(f"/customers/{self.customer}")["stripe_id"])

    def path(self, verb: str = "") -> str:
        return f"/subscriptions/{self.subscription['id']}" + (f"/{verb}" if verb else "")

    def now(self) -> dict[str, Any]:
        return self.api.found(self.path())

    def in_stripe(self) -> Any:
        return self.v1.subscriptions.retrieve(self.id, None, self.account)

    def row(self) -> Subscription:
        with scope(self.api.merchant.id):
            return Subscription.objects.for_merchant(self.api.merchant.id).get(stripe_id=self.id)

    def rule(self, **rules: Any) -> None:
        with scope(self.api.merchant.id):
            BillingSettings.objects.for_merchant(self.api.merchant.id).update(**rules)

    def advance(self, days: float) -> list[dict[str, Any]]:
        """Moves the clock to so many days after 1 January, takes in what follows, returns the events."""
        return self.advance_to(JANUARY + round(days * DAY))

    def advance_to(self, seconds: int) -> list[dict[str, Any]]:
        self.v1.test_helpers.test_clocks.advance(self.clock, {"frozen_time": seconds}, self.account)
        return self.deliveries.flush()

    def invoices(self) -> list[Invoice]:
        """Of the subscription, as they are mirrored, oldest first."""
        with scope(self.api.merchant.id):
            rows = Invoice.objects.for_merchant(self.api.merchant.id).filter(subscription__stripe_id=self.id)
            return list(rows.prefetch_related("lines").order_by("stripe_created_at", "id"))


def as_previewed(invoice: Invoice) -> dict[str, Any]:
    """A mirrored invoice in the shape of a preview."""
    lines = sorted(invoice.lines.all(), key=lambda line: line.position)
    return {
        "lines": [dict(PreviewLineSerializer(line).data) for line in lines],
        "subtotal": invoice.subtotal,
        "discount": invoice.discount_amount,
        "tax": invoice.tax_amount,
        "total": invoice.total,
        "applied_balance": invoice.amount_due - invoice.total,
        "amount_due": invoice.amount_due,
    }
