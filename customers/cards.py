"""The card on file, as far as it may be shown: our row says it, and Stripe where the row is not here yet."""

from dataclasses import astuple, dataclass
from typing import Any

import structlog
from django.core.cache import cache

from billingos.common.errors import BillingError
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.operations import retrieve
from customers.models import Customer, PaymentMethod

log = structlog.get_logger(__name__)
LIFE = 60  # seconds
OUTAGE = 10  # seconds for which a Stripe that did not answer is not asked again
NAMES = {
    "amex": "American Express",
    "cartes_bancaires": "Cartes Bancaires",
    "diners": "Diners Club",
    "discover": "Discover",
    "eftpos_au": "eftpos",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}


@dataclass(frozen=True, slots=True)
class CardOnFile:
    """What may be shown. Of what is no card, and while Stripe does not answer, `last4` and the expiry are missing."""

    name: str
    last4: str = ""
    exp_month: int | None = None
    exp_year: int | None = None

    @property
    def expiry(self) -> str:
        return f"{self.exp_month:02d}/{self.exp_year}" if self.exp_month and self.exp_year else ""


def card_on_file(merchant: Merchant, customer: Customer) -> CardOnFile | None:
    """The customer's default payment method; None if there is none. Outside of any scope. Never raises: without row and
    without Stripe it says that there is one, and no more."""
    stripe_id = customer.default_payment_method_id
    if not stripe_id:
        return None
    with scope(merchant.id):
        row = PaymentMethod.objects.for_merchant(merchant.id).filter(stripe_id=stripe_id).first()
    if row:
        return CardOnFile(_name(row.type, row.brand), row.last4, row.exp_month, row.exp_year)
    key = f"card:{merchant.id}:{stripe_id}"
    if known := cache.get(key):
        return CardOnFile(*known)
    card, life = _read(merchant, stripe_id)
    cache.set(key, astuple(card), life)
    return card


def _read(merchant: Merchant, stripe_id: str) -> tuple[CardOnFile, int]:
    """Its event is on the way, or was lost. The page is not the place to write the row."""
    try:
        return _shown(retrieve(merchant, "payment_method", stripe_id, hurried=True)), LIFE
    except BillingError as error:
        log.info("card_not_read", code=error.code)
        return CardOnFile("Card on file"), OUTAGE


def _shown(method: dict[str, Any]) -> CardOnFile:
    kind = str(method.get("type") or "")
    details = method.get(kind) or {}
    name = _name(kind, details.get("brand") or "")
    return CardOnFile(name, details.get("last4") or "", details.get("exp_month"), details.get("exp_year"))


def _name(kind: str, brand: str) -> str:
    return NAMES.get(brand, "") or (kind.replace("_", " ").capitalize() or "Card on file")
