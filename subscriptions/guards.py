"""What a customer may not have twice, and in two currencies. Read inside the merchant's scope, once the customer is
claimed for the new subscription."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from billingos.common.errors import Conflict, InvalidRequest
from billingos.merchants.models import BillingSettings
from customers.models import Customer
from subscriptions.items import Item
from subscriptions.models import Product, Subscription, SubscriptionChange, SubscriptionItem
from subscriptions.selectors import ENDED


def check_currency(customer: Customer, items: Sequence[Item]) -> None:
    """Stripe bills a customer in one currency for ever. Raises InvalidRequest."""
    currency = items[0].price.currency
    living = Subscription.objects.for_merchant(customer.merchant_id).filter(customer=customer)
    other = customer.currency or living.exclude(status__in=ENDED).values_list("currency", flat=True).first()
    if other and other != currency:
        raise InvalidRequest(
            f"This customer is billed in {other.upper()}; this price is in {currency.upper()}.",
            code="currency_mismatch",
            param="items[0][price]",
        )


def check_not_subscribed(customer: Customer, items: Sequence[Item], rules: BillingSettings) -> None:
    """Raises Conflict for a product that the customer has in a subscription that has not ended."""
    if not rules.one_subscription_per_product:
        return
    rows = SubscriptionItem.objects.for_merchant(customer.merchant_id).filter(
        subscription__customer=customer, version__product__in=_products(items)
    )
    held = rows.exclude(subscription__status__in=ENDED).select_related("version__product", "subscription").first()
    if held:
        raise Conflict(
            f"This customer is subscribed to {held.version.product.name} already ({held.subscription.id}, "
            f"{held.subscription.status}).",
            code="already_subscribed",
            param=f"items[{_index(items, held.version.product_id)}][price]",
        )


def check_trial_unused(customer: Customer, items: Sequence[Item], rules: BillingSettings, *, param: str) -> None:
    """Raises Conflict for a product that the customer has tried before, in whatever subscription."""
    if not rules.one_trial_per_product:
        return
    wanted = {item.price.version.product.stripe_id: item.price.version.product.name for item in items}
    tried = wanted.keys() & _tried(customer)
    if tried:
        names = ", ".join(sorted(wanted[product] for product in tried))
        raise Conflict(f"This customer has had a trial of {names}.", code="trial_used", param=param)


def _tried(customer: Customer) -> set[str]:
    """The products, by Stripe id, that were in trials of the customer's: as the history of each subscription has it,
    and as those are now whose history is not here."""
    changes = SubscriptionChange.objects.for_merchant(customer.merchant_id)
    trials = changes.filter(customer_stripe_id=customer.stripe_id, status=Subscription.Status.TRIALING)
    payloads = [payload["object"] for payload in trials.values_list("payload", flat=True)]
    rows = Subscription.objects.for_merchant(customer.merchant_id).filter(customer=customer)
    untold = rows.exclude(trial_start=None).exclude(stripe_id__in={payload["id"] for payload in payloads})
    products = Product.objects.for_merchant(customer.merchant_id).filter(versions__items__subscription__in=untold)
    return {product for payload in payloads for product in _told(payload)} | set(
        products.values_list("stripe_id", flat=True)
    )


def _told(subscription: dict[str, object]) -> Iterable[str]:
    items = subscription["items"]["data"]  # type: ignore[index]  # Stripe's JSON
    for item in items:
        product = item["price"]["product"]
        yield product["id"] if isinstance(product, dict) else product


def _products(items: Sequence[Item]) -> set[UUID]:
    return {item.price.version.product_id for item in items}


def _index(items: Sequence[Item], product_id: UUID) -> int:
    return next(index for index, item in enumerate(items) if item.price.version.product_id == product_id)
