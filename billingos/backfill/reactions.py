"""What an account that was just connected holds already is imported."""

from django.db import transaction

from billingos.backfill.selectors import latest_backfill
from billingos.backfill.services import start_backfill
from billingos.backfill.tasks import wake_backfill
from billingos.common.registries import on
from billingos.merchants.events import AccountConnected
from billingos.merchants.selectors import merchant_in_scope


@on(AccountConnected)
def import_account(event: AccountConnected) -> None:
    """Once; whoever wants it again asks for it."""
    if latest_backfill(event.merchant_id) is None:
        start_backfill(merchant=merchant_in_scope(event.merchant_id))
        transaction.on_commit(lambda: wake_backfill(event.merchant_id))
