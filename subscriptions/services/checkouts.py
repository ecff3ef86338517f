"""Buying at a till: Stripe's page where something is to be paid, our own where not.

Three ways lead to a bought subscription's row: the buyer's browser coming back, Stripe's event, and the subscription's
own events. Each may come first, and none is needed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from billingos.common.errors import Conflict, InvalidRequest, MissingReference
from billingos.common.mirrored import reference
from billingos.common.periods import from_stripe
from billingos.common.registries import StripeObject
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.merchants.selectors import settings_of
from billingos.stripe_gateway.operations import Call, retrieve, send
from billingos.stripe_gateway.settling import settle
from customers.models import Customer
from customers.services import create_customer
from subscriptions.guards import check_currency, check_not_subscribed, check_trial_unused
from subscriptions.items import Item, is_metered
from subscriptions.models import CheckoutSession, Price, Subscription
from subscriptions.services.lifecycle import Terms, create_subscription

LIFE = timedelta(hours=24)  # as Stripe's pages have
Status = CheckoutSession.Status


@dataclass(frozen=True, slots=True)
class Sale:
    """What is bought, and how. `discount` is Stripe's: {"coupon": …} or {"promotion_code": …}."""

    price: Price
    quantity: int = 1
    trial_days: int = 0
    discount: Mapping[str, str] | None = None
    allow_promotion_codes: bool = False
    collect_payment_method: str = "always"
    metadata: Mapping[str, str] = field(default_factory=dict)


def is_free(price: Price) -> bool:
    """Whether nothing will ever be asked for it."""
    flat = price.billing_scheme == "per_unit" and price.usage_type == Price.UsageType.LICENSED
    return bool(price.interval) and flat and price.unit_amount == 0


def open_checkout(
    *,
    merchant: Merchant,
    sale: Sale,
    success_url: str,
    cancel_url: str,
    way_back: Callable[[CheckoutSession], str],
    customer: Customer | None = None,
    email: str = "",
) -> CheckoutSession:
    """A till for one price. `way_back` is the address of ours that Stripe's page leads back to.

    Like Stripe's, a session that nobody uses changes nothing and expires by itself: so there is no write intent. Raises
    InvalidRequest, and what Stripe refuses.
    """
    price = sale.price
    if not price.interval and price.unit_amount == 0:
        raise InvalidRequest("Nothing is to be paid for this price, once or ever.", param="price")
    if not price.interval and sale.trial_days:
        raise InvalidRequest("What is paid once has no trial.", param="trial_days")
    with scope(merchant.id):
        if customer and price.interval:
            _check_buyer(customer, sale)
        session = CheckoutSession.objects.create(
            merchant=merchant,
            price=price,
            quantity=None if is_metered(price) else sale.quantity,
            customer=customer,
            email=email,
            trial_days=sale.trial_days,
            success_url=success_url,
            cancel_url=cancel_url,
            expires_at=timezone.now() + LIFE,
            metadata=dict(sale.metadata),
        )
    if not is_free(price):
        _open_at_stripe(merchant, session, sale, way_back(session))
    return session


def _check_buyer(customer: Customer, sale: Sale) -> None:
    """What would be refused without a till is refused before it is opened; the param is the till's."""
    items, rules = [Item(sale.price, sale.quantity)], settings_of(customer.merchant_id)
    try:
        check_currency(customer, items)
        check_not_subscribed(customer, items, rules)
    except (Conflict, InvalidRequest) as error:
        error.param = "price"
        raise
    if sale.trial_days:
        check_trial_unused(customer, items, rules, param="trial_days")


def _open_at_stripe(merchant: Merchant, session: CheckoutSession, sale: Sale, back: str) -> None:
    try:
        page = send(merchant, Call("checkout.sessions.create", _params(session, sale, back)), f"checkout-{session.id}")
    except Exception:
        with scope(merchant.id):
            session.delete()
        raise
    session.stripe_id, session.stripe_url = page["id"], page["url"]
    session.expires_at = from_stripe(page["expires_at"])
    with scope(merchant.id):
        session.save(update_fields=["stripe_id", "stripe_url", "expires_at"])


def _params(session: CheckoutSession, sale: Sale, back: str) -> dict[str, Any]:
    line: dict[str, Any] = {"price": sale.price.stripe_id}
    if session.quantity is not None:
        line["quantity"] = session.quantity
    params: dict[str, Any] = {
        "mode": "subscription" if sale.price.interval else "payment",
        "line_items": [line],
        "success_url": back,
        "client_reference_id": str(session.id),
        "metadata": {**sale.metadata, "billingos_checkout": str(session.id)},
    }
    if session.cancel_url:
        params["cancel_url"] = session.cancel_url
    if session.customer:
        params["customer"] = session.customer.stripe_id
    elif session.email:
        params["customer_email"] = session.email
    if sale.discount:
        params["discounts"] = [dict(sale.discount)]
    elif sale.allow_promotion_codes:
        params["allow_promotion_codes"] = True
    if sale.price.interval:
        bought: dict[str, Any] = {"metadata": dict(sale.metadata)}
        if sale.trial_days:
            bought["trial_period_days"] = sale.trial_days
        params |= {"subscription_data": bought, "payment_method_collection": sale.collect_payment_method}
    elif not session.customer:
        params["customer_creation"] = "always"
    return params


def finish_checkout(*, merchant: Merchant, session: CheckoutSession) -> CheckoutSession:
    """Takes in what the buyer has done on Stripe's page: afterwards the subscription is here, with what it entitles to.
    Raises a BillingError where Stripe does not answer."""
    if session.status == Status.OPEN and session.is_hosted:
        page = retrieve(merchant, "checkout.session", session.stripe_id)
        if subscription_id := reference(page.get("subscription")):
            settle(merchant, "subscription", subscription_id)
        if payment_id := reference(page.get("payment_intent")):
            settle(merchant, "payment_intent", payment_id)
        with scope(merchant.id):
            take_in(merchant.id, page)
            session.refresh_from_db()
    return session


def take_in(merchant_id: UUID, page: StripeObject) -> None:
    """What Stripe says of a session of ours; inside the merchant's scope. Raises MissingReference for a subscription or
    customer that is not here yet."""
    rows = CheckoutSession.objects.for_merchant(merchant_id).filter(stripe_id=page["id"], status=Status.OPEN)
    session = rows.select_for_update().first()
    if session is None or page.get("status") not in {Status.COMPLETE, Status.EXPIRED}:
        return
    session.status = page["status"]
    if session.status == Status.COMPLETE:
        session.completed_at = timezone.now()
        session.customer = _row(Customer, merchant_id, "customer", page.get("customer")) or session.customer
        session.subscription = _row(Subscription, merchant_id, "subscription", page.get("subscription"))
        session.payment_id = reference(page.get("payment_intent"))
    session.save(update_fields=["status", "completed_at", "customer", "subscription", "payment_id"])


def _row(model: Any, merchant_id: UUID, object_type: str, value: Any) -> Any:
    stripe_id = reference(value)
    if not stripe_id:
        return None
    found = model.objects.for_merchant(merchant_id).filter(stripe_id=stripe_id).first()
    if found is None:
        raise MissingReference(object_type, stripe_id)
    return found


def start_free_plan(
    *, merchant: Merchant, session: CheckoutSession, email: str = "", name: str = ""
) -> CheckoutSession:
    """Subscribes the buyer at our own till; without a customer, `email` and `name` make one. However often it is asked
    for: once. Raises Conflict for a session that has ended, and what Stripe refuses."""
    if session.is_hosted:
        raise Conflict("This is paid at Stripe.", code="checkout_not_free")
    if session.status == Status.OPEN and session.expires_at <= timezone.now():
        raise Conflict("This checkout session has expired.", code="checkout_expired")
    if session.status == Status.EXPIRED:
        raise Conflict("This checkout session has expired.", code="checkout_expired")
    if session.status == Status.COMPLETE:
        return session
    customer = session.customer or create_customer(
        merchant=merchant, email=session.email or email, name=name or None, key=f"checkout customer {session.id}"
    )
    subscription = create_subscription(
        merchant=merchant,
        customer=customer,
        items=[Item(session.price, session.quantity)],
        terms=Terms(metadata=session.metadata),
        key=f"checkout {session.id}",
    )
    with scope(merchant.id):
        session.status, session.completed_at = Status.COMPLETE, timezone.now()
        session.customer, session.subscription = customer, subscription
        session.save(update_fields=["status", "completed_at", "customer", "subscription"])
    return session


def expire_checkout(*, merchant: Merchant, session: CheckoutSession) -> CheckoutSession:
    """Closes the till. Raises Conflict for a session that has been used."""
    if session.is_hosted:
        finish_checkout(merchant=merchant, session=session)
    if session.status == Status.COMPLETE:
        raise Conflict("This checkout session is complete already.", code="checkout_complete")
    if session.status == Status.OPEN:
        if session.is_hosted:
            call = Call("checkout.sessions.expire", {}, target=session.stripe_id)
            send(merchant, call, f"checkout-expire-{session.id}")
        with scope(merchant.id):
            session.status = Status.EXPIRED
            session.save(update_fields=["status"])
    return session
