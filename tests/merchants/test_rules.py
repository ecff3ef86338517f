"""What follows when a merchant changes a billing rule."""

from datetime import date

import pytest

from billingos.common.tenancy import scope
from billingos.merchants.models import User
from billingos.merchants.services.rules import update_billing_settings
from insights.revenue import mrr_series
from subscriptions.models import Subscription, SubscriptionChange
from tests.factories import UserFactory, unique
from tests.fixtures import Api
from tests.webhooks.shop import Shop, T, subscription


@pytest.fixture
def shop(api: Api) -> Shop:
    return Shop(api)


@pytest.fixture
def by(committed_db: None) -> User:
    user: User = UserFactory.create()
    return user


def mrr_of(shop: Shop, day: date) -> int:
    with scope(shop.merchant.id):
        return mrr_series(shop.merchant.id, currency="usd", start=day, end=day)[0].mrr


def test_what_is_paused_counts_from_now_on_and_earlier_days_stay(shop: Shop, by: User) -> None:
    tiers = [{"up_to": 10, "unit_amount": 100}, {"up_to": None, "unit_amount": 50}]
    tiered = {**shop.price, "id": unique("price_"), "billing_scheme": "tiered", "tiers_mode": "volume", "tiers": tiers}
    shop.tell("price.created", tiered)
    paused = {"pause_collection": {"behavior": "void"}}
    sold = subscription(unique("sub_"), shop.customer["id"], shop.price, tiered, **paused)
    other = subscription(unique("sub_"), shop.customer["id"], shop.price)
    for found in (sold, other):
        shop.tell("customer.subscription.created", found)
    then, today = date(2026, 1, 2), date.today()  # noqa: DTZ011 (the day of the wall clock, where the lines are written)
    assert mrr_of(shop, then) == mrr_of(shop, today) == 4900
    update_billing_settings(merchant=shop.merchant, by=by, paused_counts=True)
    assert shop.api.found(f"/subscriptions/{sold['id']}")["mrr"] == 5000
    assert (mrr_of(shop, then), mrr_of(shop, today)) == (4900, 9900)
    update_billing_settings(merchant=shop.merchant, by=by, paused_counts=False)
    assert shop.api.found(f"/subscriptions/{sold['id']}")["mrr"] == 0
    assert (mrr_of(shop, then), mrr_of(shop, today)) == (4900, 4900)
    resumed = {**sold, "pause_collection": None}
    shop.tell("customer.subscription.updated", resumed, T + 5, previous_attributes=paused)
    with scope(shop.merchant.id):
        lines = SubscriptionChange.objects.for_merchant(shop.merchant.id).filter(subscription_stripe_id=sold["id"])
        assert list(lines.order_by("at", "position", "id").values_list("mrr", flat=True)) == [0, 5000, 5000, 0]


def test_a_paused_subscription_that_has_ended_counts_for_nothing(shop: Shop, by: User) -> None:
    paused = subscription(unique("sub_"), shop.customer["id"], shop.price, pause_collection={"behavior": "void"})
    shop.tell("customer.subscription.created", paused)
    shop.tell("customer.subscription.deleted", {**paused, "status": "canceled", "ended_at": T + 1}, T + 1)
    update_billing_settings(merchant=shop.merchant, by=by, paused_counts=True)
    with scope(shop.merchant.id):
        assert Subscription.objects.for_merchant(shop.merchant.id).get().mrr == 0
        assert SubscriptionChange.objects.for_merchant(shop.merchant.id).count() == 2


def test_who_is_past_due_loses_access_and_has_it_back(shop: Shop, by: User) -> None:
    late = subscription(unique("sub_"), shop.customer["id"], shop.price, status="past_due")
    shop.tell("customer.subscription.created", late)
    assert shop.allowed()
    update_billing_settings(merchant=shop.merchant, by=by, past_due_keeps_access=False)
    assert not shop.allowed()
    update_billing_settings(merchant=shop.merchant, by=by, past_due_keeps_access=True)
    assert shop.allowed()
