"""Through the lists of an account, from wherever the last worker has stopped."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings

from billingos.backfill.discounts import EXPANDED
from billingos.backfill.stages import Portion, share_by_age
from billingos.backfill.taking import take_in
from billingos.common.errors import InvalidRequest
from billingos.common.mirrored import database_now
from billingos.common.tenancy import scope
from billingos.merchants.models import ConnectedAccount, Merchant
from billingos.stripe_gateway.listing import CLOCK, Leg, Page, legs, list_page
from customers.models import Customer

METHODS = "payment_method"
CUSTOMERS_AT_ONCE = 100


def walk(merchant: Merchant, object_type: str, leg: str, after: str) -> Iterator[Portion]:
    """Takes in all objects of a type that come after the object `after` of the list `leg`, a page at a time."""
    if object_type == METHODS:
        yield from _walk_payment_methods(merchant, leg)
        return
    if object_type == CLOCK and settings.STRIPE_LIVE_MODE:
        return
    first = account_opened_at(merchant)
    every = list(legs(merchant, (object_type,)))
    for index, one in enumerate(every):
        if _order(one) < leg_order(leg):
            continue
        for asked_at, found in dated_pages(merchant, one, after if one.name == leg else ""):
            problems = take_in(merchant, found, asked_at)
            created = found[-1].get("created") or int(time.time())
            share = (index + share_by_age(created, first, int(time.time()))) / len(every)
            yield Portion(one.name, found[-1]["id"], share, len(found), problems)


def _order(leg: Leg) -> tuple[int, str]:
    """The place in a walk: a plain list stands before those of single test clocks, which are sorted."""
    return len(leg.filters), leg.name


def leg_order(name: str) -> tuple[int, str]:
    """The same, of a leg's name."""
    return name.count(" "), name


def dated_pages(merchant: Merchant, leg: Leg, after: str = "") -> Iterator[tuple[datetime, list[dict[str, Any]]]]:
    """The pages of a list that hold anything, each with the time at which it was asked for. Where the object to go on
    after is gone from Stripe, the list begins anew."""
    more = True
    while more:
        asked_at = database_now()
        page = _page(merchant, leg, after)
        more = page.more and bool(page.objects)
        if page.objects:
            yield asked_at, page.objects
            after = page.objects[-1]["id"]


def _page(merchant: Merchant, leg: Leg, after: str) -> Page:
    expand = EXPANDED.get(leg.object_type, ())
    try:
        return list_page(merchant, leg.object_type, leg.filters, after=after, expand=expand)
    except InvalidRequest:
        if not after:
            raise
        return list_page(merchant, leg.object_type, leg.filters, expand=expand)


def _walk_payment_methods(merchant: Merchant, leg: str) -> Iterator[Portion]:
    """Stripe lists them by customer alone."""
    last = leg.rpartition("=")[2]
    with scope(merchant.id):
        total = Customer.objects.for_merchant(merchant.id).filter(deleted_at=None).count()
    seen = 0
    while chunk := _customers_after(merchant, last):
        for last in chunk:
            one, count, problems = Leg(METHODS, {"customer": last}), 0, []
            for asked_at, found in dated_pages(merchant, one):
                problems += take_in(merchant, found, asked_at)
                count += len(found)
            seen += 1
            yield Portion(one.name, "", min(1.0, seen / total), count, problems)


def _customers_after(merchant: Merchant, last: str) -> list[str]:
    with scope(merchant.id):
        rows = Customer.objects.for_merchant(merchant.id).filter(stripe_id__gt=last, deleted_at=None)
        return list(rows.order_by("stripe_id").values_list("stripe_id", flat=True)[:CUSTOMERS_AT_ONCE])


def account_opened_at(merchant: Merchant) -> int | None:
    """Unix seconds before which the account can hold nothing, if it is known."""
    with scope(merchant.id):
        rows = ConnectedAccount.objects.for_merchant(merchant.id).filter(stripe_id=merchant.stripe_account_id)
        opened = rows.values_list("stripe_created_at", flat=True).first()
    return int(opened.timestamp()) if opened else None
