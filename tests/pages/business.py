"""A business with one person of each role, and one of everything that its pages are about."""

import re
from typing import Any

from django.test import Client
from django.utils import timezone

from billingos.common.tenancy import scope
from billingos.merchants.models import ApiKey, Membership, Merchant, User
from billingos.merchants.services import add_member, create_api_key
from billingos.merchants.services.team import invite_member
from subscriptions.models import Subscription
from tests.factories import MerchantFactory, UserFactory, unique
from tests.pages.filling import add_reconciliation
from tests.pages.looking import add_customers, subscribe
from tests.pages.test_ops import add_events

ROLES = ("owner", "admin", "developer", "viewer")


class Business:
    def __init__(self, **fields: Any) -> None:
        self.people: dict[str, User] = {"owner": UserFactory.create()}
        self.merchant: Merchant = MerchantFactory.create(owner=self.people["owner"], **fields)
        for role in ROLES[1:]:
            self.people[role] = self.join(role)
        self.plain = ""

    def join(self, role: str) -> User:
        user: User = UserFactory.create()
        add_member(merchant=self.merchant, user=user, role=Membership.Role(role))
        return user

    def url(self, page: str = "") -> str:
        return f"/app/{self.merchant.slug}/{page}"

    def browser(self, role: str) -> Client:
        client = Client(raise_request_exception=True)
        client.force_login(self.people[role])
        return client

    def key(self) -> ApiKey:
        key, self.plain = create_api_key(merchant=self.merchant, name="server", by=self.people["owner"])
        return key

    def ids(self) -> dict[str, Any]:
        """The id of a new one of each, by the name it has in addresses."""
        owner = self.people["owner"]
        invitation = invite_member(
            merchant=self.merchant, email=f"{unique('i-')}@example.com", role=Membership.Role.VIEWER, by=owner
        )
        with scope(self.merchant.id):
            type(invitation).objects.filter(id=invitation.id).update(expires_at=timezone.now() + invitation.LIFE / 2)
            member = Membership.objects.for_merchant(self.merchant.id).get(user=self.join("viewer"))
        customer = add_customers(self.merchant, 1, stripe_id=unique("cus_"))[0]
        subscribe(customer, Subscription.Status.ACTIVE)
        with scope(self.merchant.id):
            subscription = Subscription.objects.for_merchant(self.merchant.id).get(customer=customer)
        return {
            "key_id": self.key().id,
            "membership_id": member.id,
            "invitation_id": invitation.id,
            "customer_id": customer.id,
            "subscription_id": subscription.id,
            "run_id": add_reconciliation(self.merchant, drifts=1).id,
            "event_id": add_events(self.merchant, 1, status="failed")[0].id,
        }


def filled(route: str, slug: str, ids: dict[str, Any]) -> str:
    """The address of a route such as `<slug:slug>/team/<uuid:membership_id>/role`."""
    return "/app/" + re.sub(r"<\w+:(\w+)>", lambda found: slug if found[1] == "slug" else str(ids[found[1]]), route)
