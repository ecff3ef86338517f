"""Accounts with years behind them, whose customers live by the wall clock as real ones do.

`LIVES` is the number of subscriptions: 5,000 were imported once, see docs/performance.md.
"""

import os

import pytest

from billingos.reconciliation.services import reconcile
from tests.backfill.conftest import World, forget_events
from tests.backfill.test_backfill import ends_alike, imported
from tests.reconciliation.test_walk import found_by

MONTHS = 24


def lives(usual: int) -> int:
    return int(os.environ.get("LIVES", usual))


@pytest.mark.long
def test_two_years_end_with_the_rows_that_webhooks_made(world: World) -> None:
    ends_alike(world.merchant, world.account, world.simulator, world.deliveries, lives=lives(200), months=MONTHS)


@pytest.mark.long
def test_two_years_are_imported_as_stripe_has_them(world: World) -> None:
    """Stripe is asked for each object instead of living it by webhooks, which takes hours where there are thousands."""
    world.account.begin(lives(60))
    for _ in world.account.live(MONTHS):
        world.deliveries.pop()
        forget_events(world.simulator, world.account.id)
    row = imported(world.merchant)
    assert row.counts["subscription"] == len(world.account.lives)
    run = reconcile(merchant=world.merchant, dry_run=True)
    assert (run.status, found_by(run)) == ("finished", [])
    assert run.checked["subscription"] == len(world.account.lives)
    assert run.checked["invoice"] == row.counts["invoice"]
