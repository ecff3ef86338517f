"""BillingOS: billing on top of Stripe."""
