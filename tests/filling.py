"""A row in each tenant table, for those who prove what other merchants do not see."""

from django.utils import timezone

import billingos.merchants.selectors
from billingos.backfill.models import Backfill, BackfillGap
from billingos.common.tenancy import scope
from billingos.merchants.models import Membership
from billingos.merchants.services.connect import refresh_account
from billingos.merchants.services.team import invite_member
from billingos.reconciliation.services import reconcile
from customers.models import Customer
from subscriptions.models import CheckoutSession, SubscriptionItem, VersionMigration, VersionMigrationStep
from subscriptions.sync import sync_dispute
from tests.factories import unique
from tests.scenes import Scene


def fill_what_the_path_leaves_empty(scene: Scene) -> None:
    """A row in each table."""
    usage = {"customer_id": scene.customer["id"], "meter": "api_calls", "event_id": unique("e"), "value": 1}
    scene.api.made("/usage/track", usage)
    scene.api.made("/customers", {"name": "Kept answer"}, key=unique("key-"))
    scene.api.made("/portal/sessions", {"customer_id": scene.customer["id"]})
    fill_the_mirror(scene)
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at_period_end": True})
    merchant = scene.api.merchant
    refresh_account(merchant=merchant)
    with scope(merchant.id):
        owner = billingos.merchants.selectors.members(merchant.id)[0].user
        invited = billingos.merchants.selectors.open_invitations(merchant.id).exists()
    if not invited:
        invite_member(merchant=merchant, email="new@example.com", role=Membership.Role.VIEWER, by=owner)


DISPUTE = {"object": "dispute", "created": 1_767_225_600, "status": "lost", "amount": 100, "currency": "usd"}


def fill_the_mirror(scene: Scene) -> None:
    """What comes from Stripe, through its events; and what nothing of the path makes yet."""
    v1, account = scene.stripe_client.v1, scene.account
    subscription, coupon = scene.subscription["stripe_id"], unique("COUPON")
    v1.coupons.create({"id": coupon, "percent_off": 10, "duration": "forever"}, account)
    v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon}}, account)
    v1.subscriptions.update(subscription, {"discounts": [{"coupon": coupon}]}, account)
    (invoice,) = v1.invoices.list({"subscription": subscription}, account).data
    (payment,) = v1.invoice_payments.list({"invoice": invoice.id}, account).data
    intent = str(payment.payment.payment_intent)
    v1.refunds.create({"payment_intent": intent, "amount": 100}, account)
    v1.credit_notes.create({"invoice": str(invoice.id), "amount": 100, "credit_amount": 100}, account)
    schedule = v1.subscription_schedules.create({"from_subscription": subscription}, account)
    v1.subscription_schedules.release(str(schedule.id), None, account)
    v1.tax_rates.create({"display_name": "VAT", "percentage": 19, "inclusive": False}, account)
    scene.deliveries.flush()
    merchant_id = scene.api.merchant.id
    with scope(merchant_id):
        Customer.objects.for_merchant(merchant_id).update(name="Spoilt")
    reconcile(merchant=scene.api.merchant)
    with scope(merchant_id):
        sync_dispute(merchant_id, {**DISPUTE, "id": unique("dp_"), "payment_intent": intent})
        item = SubscriptionItem.objects.select_related("version", "subscription", "price").get()
        CheckoutSession.objects.create(merchant_id=merchant_id, price=item.price, expires_at=timezone.now())
        Backfill.objects.create(merchant_id=merchant_id, stage="events", status=Backfill.Status.COMPLETED)
        BackfillGap.objects.create(
            merchant_id=merchant_id, subscription_stripe_id=subscription, kind="pause_unknown", since=timezone.now()
        )
        migration, _ = VersionMigration.objects.get_or_create(
            merchant_id=merchant_id,
            product_id=item.version.product_id,
            target=item.version,
            when="now",
            proration="none",
        )
        VersionMigrationStep.objects.get_or_create(
            merchant_id=merchant_id, migration=migration, subscription=item.subscription, currency="usd", mrr_before=0
        )
