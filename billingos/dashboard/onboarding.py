"""Getting started: the steps from an empty business to one that bills, and which of them are done."""

from dataclasses import dataclass, replace

from django.db.models import Exists, Q

from billingos.merchants.models import ConnectedAccount, Membership, Merchant
from billingos.merchants.roles import KEYS_MANAGE, READ, role_allows
from billingos.merchants.selectors import api_keys
from customers.selectors import customers
from subscriptions.selectors import products, subscriptions


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `page` is the name of the page to go to, which `needs` a permission; `done`: nothing is left to do."""

    title: str
    text: str
    page: str
    action: str
    needs: str = READ
    may: bool = False
    done: bool = False


@dataclass(frozen=True, slots=True)
class Checklist:
    steps: tuple[Step, ...]

    @property
    def done(self) -> int:
        return sum(step.done for step in self.steps)

    @property
    def finished(self) -> bool:
        """Whether all is done, and the list has no place any more."""
        return self.done == len(self.steps)

    @property
    def next(self) -> Step | None:
        return next((step for step in self.steps if not step.done), None)


STEPS = (
    Step(
        "Connect Stripe",
        "Stripe moves the money. Open an account, or go on where you left off.",
        "stripe_connection",
        "Connect Stripe",
    ),
    Step(
        "Call the API with a key",
        "Your servers do the rest with it. The step is done with the first request.",
        "api_keys",
        "Create a key",
        KEYS_MANAGE,
    ),
    Step("Add your first product", "What you sell, with its features and limits.", "products", "Products"),
    Step("Create your first customer", "One call when somebody signs up with you.", "customers", "Customers"),
    Step(
        "Start the first subscription",
        "From here on entitlements, usage and MRR follow by themselves.",
        "subscriptions",
        "Subscriptions",
    ),
)


def checklist(membership: Membership) -> Checklist:
    """Where the merchant stands, for one of its people; one statement, inside its scope."""
    merchant, merchant_id = membership.merchant, membership.merchant_id
    account = ConnectedAccount.objects.for_merchant(merchant_id)
    found = Merchant.objects.filter(id=merchant_id).values_list(
        Exists(account.filter(Q(details_submitted=False) | Q(charges_enabled=False))),
        Exists(api_keys(merchant_id).exclude(last_used_at=None)),
        Exists(products(merchant_id)),
        Exists(customers(merchant_id)),
        Exists(subscriptions(merchant_id)),
    )[0]
    unfinished, *rest = found
    done = [merchant.is_connected and not unfinished, *rest]
    return Checklist(
        tuple(
            replace(step, may=role_allows(membership.role, step.needs), done=is_done)
            for step, is_done in zip(STEPS, done, strict=True)
        )
    )
