"""Buying at a till: Stripe's page where something is to be paid, our own where not.

Three ways lead to a bought subscription's row: the buyer's browser coming back, Stripe's event, and the subscription's
own events. Each may come first, and none is needed.
"""

import contextlib
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
from billingos.common.tenancy import platform_scope, scope
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

    Like Stripe's, a session that nobody uses changes nothing and expires by itself: so there is no write intent. What
    the customer may buy once is on offer at one till only: the others are closed. Raises InvalidRequest, and what
    Stripe refuses.
    """
    price = sale.price
    if not price.interval and price.unit_amount == 0:
        raise InvalidRequest("Nothing is to be paid for this price, once or ever.", param="price")
    if not price.interval and sale.trial_days:
        raise InvalidRequest("What is paid once has no trial.", param="trial_days")
    with scope(merchant.id):
        if customer and price.interval:
            _check_buyer(customer, sale)
        rivals = _rivals(customer, sale) if customer else []
    for rival in rivals:
        with contextlib.suppress(Conflict):  # it was used in this moment: the check says so
            expire_checkout(merchant=merchant, session=rival)
    with scope(merchant.id):
        if customer and rivals:
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
    if session.is_hosted:
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


def _rivals(customer: Customer, sale: Sale) -> list[CheckoutSession]:
    """The open tills at which the customer could buy a second time what may be bought once."""
    if not sale.price.interval or not settings_of(customer.merchant_id).one_subscription_per_product:
        return []
    rows = CheckoutSession.objects.for_merchant(customer.merchant_id).select_related("price")
    same = rows.filter(customer=customer, status=Status.OPEN, price__version__product=sale.price.version.product_id)
    return list(same.exclude(price__interval=""))


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
    if session.status == Status.OPEN and session.stripe_id:
        page = retrieve(merchant, "checkout.session", session.stripe_id)
        if subscription_id := reference(page.get("subscription")):
            settle(merchant, "subscription", subscription_id)
        if payment_id := reference(page.get("payment_intent")):
            settle(merchant, "payment_intent", payment_id)
        _take_in_with_references(merchant, page)
        with scope(merchant.id):
            session.refresh_from_db()
    return session


def _take_in_with_references(merchant: Merchant, page: StripeObject) -> None:
    """The buyer may have become a customer a moment ago."""
    try:
        with scope(merchant.id):
            take_in(merchant.id, page)
    except MissingReference as missing:
        settle(merchant, missing.object_type, missing.stripe_id)
        with scope(merchant.id):
            take_in(merchant.id, page)


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
    customer = session.customer or _become_customer(merchant, session, session.email or email, name)
    subscription = create_subscription(
        merchant=merchant,
        customer=customer,
        items=[Item(session.price, session.quantity)],
        terms=Terms(metadata=session.metadata),
        key=f"checkout {session.id}",
    )
    with scope(merchant.id):
        session.status, session.completed_at, session.subscription = Status.COMPLETE, timezone.now(), subscription
        session.save(update_fields=["status", "completed_at", "subscription"])
    return session


def _become_customer(merchant: Merchant, session: CheckoutSession, email: str, name: str) -> Customer:
    """Kept at once: whatever comes afterwards, the buyer is the same customer at the next try."""
    customer = create_customer(merchant=merchant, email=email, name=name or None, key=f"checkout customer {session.id}")
    with scope(merchant.id):
        session.customer = customer
        session.save(update_fields=["customer"])
    return customer


def expire_checkout(*, merchant: Merchant, session: CheckoutSession) -> CheckoutSession:
    """Closes the till. Raises Conflict for a session that has been used."""
    finish_checkout(merchant=merchant, session=session)
    if session.status == Status.COMPLETE:
        raise Conflict("This checkout session is complete already.", code="checkout_complete")
    if session.status == Status.OPEN:
        if session.stripe_id:
            call = Call("checkout.sessions.expire", {}, target=session.stripe_id)
            send(merchant, call, f"checkout-expire-{session.id}")
        with scope(merchant.id):
            session.status = Status.EXPIRED
            session.save(update_fields=["status"])
    return session


def expire_old_checkouts() -> int:
    """Closes the tills whose time is over and of which Stripe knows nothing; returns how many."""
    with platform_scope():
        rows = CheckoutSession.objects.filter(status=Status.OPEN, stripe_id="", expires_at__lte=timezone.now())
        return rows.update(status=Status.EXPIRED)
