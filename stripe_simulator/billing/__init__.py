"""The billing engine: what Stripe does on its own once objects exist."""
