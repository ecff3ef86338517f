"""A backfill ends with the rows that webhooks would have made, whatever befalls it on the way."""

import io
import itertools
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billingos.backfill import services, walk
from billingos.backfill.models import Backfill, BackfillGap
from billingos.backfill.selectors import latest_backfill
from billingos.backfill.services import start_backfill, work_off_backfill
from billingos.common.periods import from_stripe
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.listing import list_page
from stripe_simulator import Simulator
from subscriptions.models import SubscriptionChange
from tests.backfill.conftest import forget_events, heir_of
from tests.backfill.lives import DAY, MONTH, START, Account
from tests.backfill.rows import differences, rows_of
from tests.fixtures import Deliveries
from tests.subscriptions.test_versions_in_stripe import Killed


def live_by_webhooks(account: Account, deliveries: Deliveries, *, lives: int, months: int) -> None:
    account.begin(lives)
    deliveries.flush()
    for _ in account.live(months):
        deliveries.flush()


def imported(merchant: Merchant) -> Backfill:
    start_backfill(merchant=merchant)
    assert not work_off_backfill(merchant=merchant)
    with scope(merchant.id):
        row = latest_backfill(merchant.id)
    assert row is not None
    assert (row.status, row.problems) == ("completed", [])
    return row


def test_it_ends_with_the_rows_that_webhooks_made(
    merchant: Merchant, account: Account, simulator: Simulator, deliveries: Deliveries
) -> None:
    """And with the same MRR at each month's end, though Stripe has no event of all that any more."""
    ends_alike(merchant, account, simulator, deliveries, lives=13, months=6)


def ends_alike(
    merchant: Merchant, account: Account, simulator: Simulator, deliveries: Deliveries, *, lives: int, months: int
) -> None:
    live_by_webhooks(account, deliveries, lives=lives, months=months)
    forget_events(simulator, account.id)
    heir = heir_of(merchant)
    row = imported(heir)
    assert row.counts["subscription"] == lives
    lived = rows_of(merchant)
    assert {"canceled", "active"} <= {columns["status"] for columns in lived["subscriptions"].values()}
    assert differences(lived, rows_of(heir)) == []
    ends = month_ends(account, months)
    assert mrr_at(heir, ends) == mrr_at(merchant, ends)


def test_events_win_over_what_invoices_tell(
    merchant: Merchant, account: Account, simulator: Simulator, deliveries: Deliveries
) -> None:
    """Of the last months Stripe still has the events; what came before is inferred. Imported twice, nothing changes."""
    live_by_webhooks(account, deliveries, lives=6, months=4)
    since = START + 2 * MONTH
    forget_events(simulator, account.id, before=since)
    heir = heir_of(merchant)
    imported(heir)
    ends = month_ends(account, 4)
    assert mrr_at(heir, ends) == mrr_at(merchant, ends)
    assert {line for line in history(merchant) if line[1] >= from_stripe(since)} == set(history(heir))
    inferred, rows = history(heir, inferred=True), rows_of(heir)
    assert inferred
    assert max(at for _, at, _ in inferred) < max(at for _, at, _ in history(heir))
    assert imported(heir).counts["events"]
    assert (history(heir, inferred=True), differences(rows, rows_of(heir))) == (inferred, [])


def history(merchant: Merchant, *, inferred: bool = False) -> list[tuple[str, datetime, int]]:
    with scope(merchant.id):
        rows = SubscriptionChange.objects.for_merchant(merchant.id).filter(inferred=inferred)
        return [(row.event_id, row.at, row.mrr) for row in rows.order_by("event_id")]


def month_ends(account: Account, months: int) -> list[datetime]:
    return [from_stripe(START + number * MONTH - DAY) for number in range(1, months + 1)]


def mrr_at(merchant: Merchant, instants: list[datetime]) -> dict[str, list[int]]:
    """The MRR of each subscription, by what its history says."""
    with scope(merchant.id):
        rows = SubscriptionChange.objects.for_merchant(merchant.id).order_by("at", "position", "id")
        found: dict[str, list[int]] = {}
        for row in rows:
            held = found.setdefault(row.subscription_stripe_id, [0] * len(instants))
            for index, at in enumerate(instants):
                if row.at <= at:
                    held[index] = row.mrr
    return found


def died_after(portions: int, merchant: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker dies when it has taken in so many portions, before it has noted the last one."""
    real, count = services._note, itertools.count(1)

    def dying(*args: Any) -> None:
        if next(count) == portions:
            raise Killed
        real(*args)

    monkeypatch.setattr(services, "_note", dying)
    with pytest.raises(Killed):
        work_off_backfill(merchant=merchant)
    monkeypatch.setattr(services, "_note", real)


def test_it_outlives_its_workers(
    merchant: Merchant, account: Account, deliveries: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_by_webhooks(account, deliveries, lives=4, months=2)
    heir = heir_of(merchant)
    start_backfill(merchant=heir)
    for portions in (1, 2, 5, 3, 9):
        died_after(portions, heir, monkeypatch)
    with scope(heir.id):
        before = latest_backfill(heir.id)
    assert before
    assert before.status == "running"
    assert before.stage not in {"events", "product"}
    row = imported(heir)
    assert row.id == before.id
    assert (row.counts["customer"], row.counts["subscription"]) == (4, 4)  # nothing is counted twice
    assert differences(rows_of(merchant), rows_of(heir)) == []


def test_webhooks_flow_meanwhile(
    merchant: Merchant, account: Account, deliveries: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What changes between Stripe's answer and our writing it down is not undone by the older answer."""
    account.begin(3)
    for _ in account.live(1):
        deliveries.pop()
    heir = heir_of(merchant)
    real = list_page
    changes: dict[str, Callable[[], Any]] = {
        "customer": lambda: account.v1.customers.update(account.lives[0].customer, {"name": "New"}, account.options),
        "subscription": lambda: account.v1.subscriptions.cancel(account.lives[1].subscription, None, account.options),
        "payment_method": lambda: detach(account, account.lives[2].customer),
    }

    def answered_and_overtaken(*args: Any, **named: Any) -> Any:
        page = real(*args, **named)
        if page.objects and (change := changes.pop(args[1], None)):
            change()
            deliveries.flush()
        return page

    monkeypatch.setattr(walk, "list_page", answered_and_overtaken)
    imported(heir)
    assert not changes
    rows = rows_of(heir)
    assert rows["customers"][account.lives[0].customer]["name"] == "New"
    assert rows["subscriptions"][account.lives[1].subscription]["status"] == "canceled"
    assert account.lives[2].customer not in {row["customer"] for row in rows["payment_methods"].values()}


def detach(account: Account, customer: str) -> None:
    for card in account.v1.payment_methods.list({"customer": customer}, account.options).data:
        account.v1.payment_methods.detach(card.id, None, account.options)


def test_what_came_for_an_account_that_was_nobodys(
    merchant: Merchant, account: Account, deliveries: Deliveries
) -> None:
    """Its events were kept, and are the merchant's who connects the account."""
    heir = heir_of(merchant)
    mine, heir.stripe_account_id = heir.stripe_account_id, None
    with platform_scope():
        heir.save(update_fields=["stripe_account_id"])
    account.begin(1)
    deliveries.flush()
    heir.stripe_account_id = mine
    with platform_scope():
        heir.save(update_fields=["stripe_account_id"])
    assert rows_of(heir)["subscriptions"] == {}
    imported(heir)
    assert {at for _, at, _ in history(heir)} == {from_stripe(START)}
    assert history(heir, inferred=True) == []


def test_the_command_imports_and_says_so(merchant: Merchant, account: Account, deliveries: Deliveries) -> None:
    account.begin(1)
    deliveries.pop()
    out = io.StringIO()
    call_command("backfill", merchant=merchant.slug, stdout=out)
    assert "subscription             1" in out.getvalue()
    assert out.getvalue().endswith("Done.\n")
    assert account.lives[0].subscription in rows_of(merchant)["subscriptions"]
    with pytest.raises(CommandError, match="There is no merchant 'nobody'"):
        call_command("backfill", merchant="nobody")


def test_a_coupon_that_is_gone_takes_nothing_with_it(
    merchant: Merchant, account: Account, simulator: Simulator, deliveries: Deliveries
) -> None:
    """Nobody knows what it took off; but that something was taken off is told."""
    account.begin(5)
    forget_events(simulator, account.id)
    (life,) = [one for one in account.lives if one.kind == "forever"]
    account.v1.coupons.delete(account.forever, None, account.options)
    deliveries.pop()
    imported(merchant)
    rows = rows_of(merchant)
    assert rows["subscriptions"][life.subscription]["mrr"] == 1900
    assert account.forever not in rows["coupons"]  # marked deleted
    with scope(merchant.id):
        (gap,) = BackfillGap.objects.for_merchant(merchant.id)
    assert (gap.subscription_stripe_id, gap.kind) == (life.subscription, "discount_unknown")
