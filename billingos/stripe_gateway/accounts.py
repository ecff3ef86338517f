"""Connect accounts: the platform's own calls, about no merchant yet."""

from billingos.stripe_gateway.client import call, client


def create_account(*, email: str, country: str, key: str) -> str:
    """A new Express account; its id. `key` makes a repeated call answer with the first one's account (for a day)."""
    account = call(
        lambda: client().v1.accounts.create(
            {"type": "express", "email": email, "country": country}, {"idempotency_key": key}
        )
    )
    return str(account["id"])
