"""BillingOS: billing on top of Stripe."""

from billingos.celery import app as celery_app

__all__ = ["celery_app"]
