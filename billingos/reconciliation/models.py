"""Stripe's account and ours, side by side."""

from billingos.reconciliation.backfill_models import Backfill, BackfillGap

__all__ = ["Backfill", "BackfillGap"]
