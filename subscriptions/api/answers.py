"""What requests about subscriptions share: the rows that they name, and the answer."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.views import find, merchant_of
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from subscriptions import selectors, services
from subscriptions.items import is_metered
from subscriptions.models import Price, Subscription, SubscriptionItem
from subscriptions.serializers.lifecycle import SubscriptionSerializer

P = ParamSpec("P")
Method = Callable[Concatenate[Any, Request, P], Response]


def found_subscription(merchant: Merchant, subscription_id: str) -> Subscription:
    with scope(merchant.id):
        rows = selectors.subscriptions(merchant.id).select_related("customer__test_clock")
        return find(rows, subscription_id, noun="subscription")


def named_items(
    merchant: Merchant, wanted: list[dict[str, Any]], subscription: Subscription | None = None
) -> list[services.Item]:
    """The items of a request. Prices must be on sale, but for those that `subscription` holds. Inside the scope."""
    rows = selectors.prices(merchant.id, active=True)
    if subscription:
        held = SubscriptionItem.objects.for_merchant(merchant.id).filter(subscription=subscription)
        rows |= selectors.prices(merchant.id).filter(id__in=held.values("price"))
    items = []
    for index, item in enumerate(wanted):
        price: Price = find(rows, item["price"], param=f"items[{index}][price]", noun="active price")
        items.append(services.Item(price, item.get("quantity", None if is_metered(price) else 1)))
    return items


def terms_of(fields: dict[str, Any]) -> services.Terms:
    """null in a request takes a thing away, as an empty text does in Stripe."""
    names = ("coupon", "promotion_code", "default_payment_method", "collection_method", "days_until_due", "metadata")
    given: dict[str, Any] = {name: "" if fields[name] is None else fields[name] for name in names if name in fields}
    return services.Terms(**given)


def shown(merchant: Merchant, subscription: Subscription, *, status: int = 200) -> Response:
    """The subscription as it is now. `with_payment` adds the payment that it waits for."""
    with scope(merchant.id):
        row = selectors.subscriptions(merchant.id).get(id=subscription.id)
        return Response(SubscriptionSerializer(row).data, status=status)


def with_payment(method: Method[P]) -> Method[P]:
    """Adds `payment` to an answer, outside of what is kept of it for the same Idempotency-Key: its secret is never
    stored."""

    @wraps(method)
    def wrapped(view: Any, request: Request, /, *args: P.args, **kwargs: P.kwargs) -> Response:
        response = method(view, request, *args, **kwargs)
        if response.status_code < 400:
            merchant = merchant_of(request)
            with scope(merchant.id):
                row = selectors.subscriptions(merchant.id).get(id=response.data["id"])
            response.data = {**response.data, "payment": services.payment_of(merchant, row)}
        return response

    return wrapped
