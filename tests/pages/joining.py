"""Rows of people who work for a merchant, and of those who were asked to, without the mails."""

from django.utils import timezone

from billingos.common.tenancy import scope
from billingos.merchants.models import Invitation, Membership, Merchant, User
from billingos.merchants.services.keys import key_digest
from tests.factories import unique


def add_members(merchant: Merchant, count: int) -> list[User]:
    """Viewers whom nobody can sign in as."""
    people = User.objects.bulk_create(User(email=f"{unique('m-')}@example.com", password="!") for _ in range(count))
    with scope(merchant.id):
        Membership.objects.bulk_create(Membership(merchant=merchant, user=user, role="viewer") for user in people)
    return people


def add_invitations(merchant: Merchant, count: int, *, by: User, token: str = "") -> list[Invitation]:
    """Open ones; `token` is the secret of the link of a single one."""
    with scope(merchant.id):
        return Invitation.objects.bulk_create(
            Invitation(
                merchant=merchant,
                email=f"{unique('i-')}@example.com",
                role="viewer",
                digest=key_digest(token or unique("token-")),
                invited_by=by,
                expires_at=timezone.now() + Invitation.LIFE,
            )
            for _ in range(count)
        )
