"""Connect accounts: the platform's own calls."""

from billingos.stripe_gateway.client import call, client


def create_account(*, email: str, country: str, key: str) -> str:
    """A new Express account; its id. `key` makes a repeated call answer with the first one's account (for a day)."""
    account = call(
        lambda: client().v1.accounts.create(
            {"type": "express", "email": email, "country": country}, {"idempotency_key": key}
        )
    )
    return str(account["id"])


def create_account_link(*, account: str, refresh_url: str, return_url: str) -> str:
    """The address of Stripe's onboarding for this account. It works once, for a few minutes, and lets whoever has it
    see and answer what Stripe asks of the account: for the one person who asked, never for a log or a mail.

    From there people come to `return_url` when they are done or give up, to `refresh_url` when the link is spent.
    """
    link = call(
        lambda: client().v1.account_links.create(
            {"account": account, "refresh_url": refresh_url, "return_url": return_url, "type": "account_onboarding"}
        )
    )
    return str(link["url"])
