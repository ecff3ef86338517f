"""What the API offers, a module a resource. Importing this package fills the table of endpoints."""

from stripe_simulator.resources import (
    accounts,
    charges,
    customers,
    entitlements,
    events,
    invoice_payments,
    invoices,
    payment_intents,
    payment_methods,
    prices,
    products,
    subscription_items,
    subscriptions,
    test_clocks,
    webhook_endpoints,
)

__all__ = [
    "accounts",
    "charges",
    "customers",
    "entitlements",
    "events",
    "invoice_payments",
    "invoices",
    "payment_intents",
    "payment_methods",
    "prices",
    "products",
    "subscription_items",
    "subscriptions",
    "test_clocks",
    "webhook_endpoints",
]
