"""Who works for a merchant: invitations, roles, farewells. What a person may do here is `roles.py`'s to say, and looked
up under a lock of the team, so that of two owners who leave at once one stays."""

import secrets
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from billingos.common.errors import Conflict, Forbidden, InvalidRequest, NotFound
from billingos.common.tenancy import scope
from billingos.merchants.models import Invitation, Membership, Merchant, User
from billingos.merchants.roles import permission_for_role, role_allows
from billingos.merchants.selectors import invitation_of_token, open_invitations
from billingos.merchants.services.audit import record_audit
from billingos.merchants.services.keys import key_digest

MOST_OPEN = 50  # invitations of one merchant: more would be a mailing
RESEND_SECONDS = 60
Role = Membership.Role


# --- Invitations ------------------------------------------------------------------------------------------------------


def invite_member(*, merchant: Merchant, email: str, role: Role, by: User) -> Invitation:
    """Sends an invitation, which holds for a week. Raises InvalidRequest for what is no address, Conflict for somebody
    who is a member or invited already, Forbidden."""
    address = _address(email)
    token = secrets.token_urlsafe(32)
    with scope(merchant.id):
        _lock_team(merchant)
        _require(merchant, by, permission_for_role(role))
        _refuse_known(merchant, address)
        invitation = Invitation.objects.create(
            merchant=merchant,
            email=address,
            role=role,
            digest=key_digest(token),
            invited_by=by,
            expires_at=timezone.now() + Invitation.LIFE,
        )
        _record(merchant, "invitation.sent", invitation, by)
        _mail(invitation, token)
    return invitation


def resend_invitation(*, merchant: Merchant, invitation_id: UUID, by: User) -> Invitation:
    """Sends it again with a new link for another week; the old link ends. Raises Conflict if that was a moment ago."""
    token = secrets.token_urlsafe(32)
    with scope(merchant.id):
        invitation = _open_invitation(merchant, invitation_id, by)
        if (timezone.now() - invitation.sent_at).total_seconds() < RESEND_SECONDS:
            raise Conflict("It was sent less than a minute ago. Give the mail a moment.")
        invitation.digest, invitation.expires_at = key_digest(token), timezone.now() + Invitation.LIFE
        invitation.save(update_fields=["digest", "expires_at"])
        _record(merchant, "invitation.sent_again", invitation, by)
        _mail(invitation, token)
    return invitation


def revoke_invitation(*, merchant: Merchant, invitation_id: UUID, by: User) -> Invitation:
    """Ends an invitation: its link stops working."""
    with scope(merchant.id):
        invitation = _open_invitation(merchant, invitation_id, by)
        invitation.revoked_at = timezone.now()
        invitation.save(update_fields=["revoked_at"])
        _record(merchant, "invitation.revoked", invitation, by)
    return invitation


def accept_invitation(*, token: str, user: User) -> Membership:
    """Makes `user` a member, in the invitation's role; who is one already keeps the role they have.

    Raises NotFound for a link that is not (or no longer) one, Conflict for one that is used or too old, Forbidden for
    somebody who signs in with another address than the invited one. A second time by the same person changes nothing.
    """
    found = invitation_of_token(token)
    with scope(found.merchant_id):
        invitation = Invitation.objects.for_merchant(found.merchant_id).select_for_update().get(id=found.id)
        _refuse_ended(invitation, user)
        membership, _ = Membership.objects.get_or_create(
            merchant_id=found.merchant_id, user=user, defaults={"role": invitation.role}
        )
        if invitation.accepted_at is None:
            invitation.accepted_at, invitation.accepted_by = timezone.now(), user
            invitation.save(update_fields=["accepted_at", "accepted_by"])
            _record(found.merchant, "invitation.accepted", invitation, user)
    return membership


def is_addressed_to(invitation: Invitation, user: User) -> bool:
    """Whether the person signs in with the invited address, or has shown that it is theirs too."""
    if user.email.lower() == invitation.email:
        return True
    return bool(EmailAddress.objects.filter(user=user, verified=True, email__iexact=invitation.email).exists())


def _refuse_ended(invitation: Invitation, user: User) -> None:
    if not is_addressed_to(invitation, user):
        raise Forbidden(f"This invitation is for {invitation.email}. Sign in with that address to accept it.")
    match invitation.state(timezone.now()):
        case Invitation.State.REVOKED:
            raise NotFound("This invitation was withdrawn.")
        case Invitation.State.EXPIRED:
            raise Conflict("This invitation has expired. Ask for a new one.")
        case Invitation.State.ACCEPTED if invitation.accepted_by_id != user.id or not _is_member(invitation, user):
            raise Conflict("This invitation was used already. Ask for a new one.")


def _is_member(invitation: Invitation, user: User) -> bool:
    return Membership.objects.for_merchant(invitation.merchant_id).filter(user=user).exists()


def _address(email: str) -> str:
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise InvalidRequest("This is not an email address.", param="email") from error
    return address


def _refuse_known(merchant: Merchant, email: str) -> None:
    if Membership.objects.for_merchant(merchant.id).filter(user__email=email).exists():
        raise Conflict(f"{email} works for {merchant.name} already.", param="email")
    waiting = open_invitations(merchant.id)
    waiting.filter(email=email, expires_at__lte=timezone.now()).update(revoked_at=timezone.now())
    if waiting.filter(email=email).exists():
        raise Conflict(f"{email} is invited already. Send the invitation again instead.", param="email")
    if waiting.count() >= MOST_OPEN:
        raise Conflict(f"{MOST_OPEN} invitations are open. Withdraw some first.", param="email")


def _open_invitation(merchant: Merchant, invitation_id: UUID, by: User) -> Invitation:
    invitation = open_invitations(merchant.id).select_for_update(of=("self",)).filter(id=invitation_id).first()
    if invitation is None:
        raise NotFound("This invitation is not open any more.")
    _require(merchant, by, permission_for_role(invitation.role))
    return invitation


def _mail(invitation: Invitation, token: str) -> None:
    """Once it is committed. A mail server that fails leaves the invitation open, to be sent again."""
    merchant = invitation.merchant
    context = {
        "merchant": merchant,
        "invitation": invitation,
        "url": f"{settings.BASE_URL}/app/invitations/{token}",
    }
    body = render_to_string("merchants/invitation.txt", context)
    address = invitation.email

    def send() -> None:
        send_mail(f"Join {merchant.name} on BillingOS", body, None, [address])

    transaction.on_commit(send, robust=True)


# --- Members ----------------------------------------------------------------------------------------------------------


def change_role(*, merchant: Merchant, membership_id: UUID, role: Role, by: User) -> Membership:
    """Gives a member another role. Raises NotFound, Forbidden, and Conflict for the last owner."""
    with scope(merchant.id):
        _lock_team(merchant)
        membership = _membership(merchant, membership_id)
        _require(merchant, by, permission_for_role(membership.role))
        _require(merchant, by, permission_for_role(role))
        before = membership.role
        if before != role:
            _refuse_last_owner(membership)
            membership.role = role
            membership.save(update_fields=["role"])
            _record(merchant, "member.role_changed", membership, by, role={"before": before, "after": role})
    return membership


def remove_member(*, merchant: Merchant, membership_id: UUID, by: User) -> Membership:
    """Ends a membership at once; everybody may end their own. Raises NotFound, Forbidden, and Conflict for the last
    owner. Keys that the person has created go on working."""
    with scope(merchant.id):
        _lock_team(merchant)
        membership = _membership(merchant, membership_id)
        leaves = membership.user_id == by.id
        if not leaves:
            _require(merchant, by, permission_for_role(membership.role))
        _refuse_last_owner(membership)
        _record(merchant, "member.left" if leaves else "member.removed", membership, by)
        membership.delete()
    return membership


def _lock_team(merchant: Merchant) -> None:
    """Until the transaction ends nobody else changes this team; rows that point to the merchant may still be added."""
    Merchant.objects.select_for_update(no_key=True).get(id=merchant.id)


def _membership(merchant: Merchant, membership_id: UUID) -> Membership:
    found = Membership.objects.for_merchant(merchant.id).select_related("user").filter(id=membership_id).first()
    if found is None:
        raise NotFound("This person is not on the team.")
    return found


def _require(merchant: Merchant, by: User, permission: str) -> None:
    role = Membership.objects.for_merchant(merchant.id).filter(user=by).values_list("role", flat=True).first()
    if not role_allows(role or "", permission):
        raise Forbidden("Your role does not allow this.")


def _refuse_last_owner(membership: Membership) -> None:
    others = Membership.objects.for_merchant(membership.merchant_id).filter(role=Role.OWNER).exclude(id=membership.id)
    if membership.role == Role.OWNER and not others.exists():
        raise Conflict("A business needs an owner. Make somebody else an owner first.")


def _record(merchant: Merchant, action: str, about: Invitation | Membership, by: User, **details: Any) -> None:
    email = about.email if isinstance(about, Invitation) else about.user.email
    target = f"invitation {about.id}" if isinstance(about, Invitation) else f"user {about.user_id}"
    facts = {"email": email, "role": about.role, **details}
    record_audit(merchant_id=merchant.id, action=action, target=target, user=by, details=facts)
