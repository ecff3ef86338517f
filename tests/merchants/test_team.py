"""Invitations, roles, farewells."""

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connections
from django.utils import timezone

from billingos.common.errors import BillingError, Conflict, Forbidden, InvalidRequest, NotFound
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import AuditEntry, Invitation, Membership, Merchant, User
from billingos.merchants.selectors import invitation_of_token, members
from billingos.merchants.services import add_member, set_merchant_status
from billingos.merchants.services.team import (
    MOST_OPEN,
    accept_invitation,
    change_role,
    invite_member,
    remove_member,
    resend_invitation,
    revoke_invitation,
)
from tests.factories import MerchantFactory, UserFactory, unique

Role = Membership.Role


class Team:
    """A merchant with one person of each role."""

    def __init__(self) -> None:
        self.owner: User = UserFactory.create()
        self.merchant: Merchant = MerchantFactory.create(owner=self.owner)
        self.people: dict[str, User] = {"owner": self.owner}
        for role in (Role.ADMIN, Role.DEVELOPER, Role.VIEWER):
            self.join(role)

    def join(self, role: Role) -> User:
        user: User = UserFactory.create()
        self.people[role] = user
        add_member(merchant=self.merchant, user=user, role=role)
        return user

    def membership(self, user: User) -> Membership:
        with scope(self.merchant.id):
            return Membership.objects.for_merchant(self.merchant.id).get(user=user)

    def roles(self) -> dict[str, str]:
        with scope(self.merchant.id):
            return {row.user.email: row.role for row in members(self.merchant.id)}

    def invite(self, email: str = "", role: Role = Role.VIEWER, by: User | None = None) -> tuple[Invitation, str]:
        """The invitation, and the token in the mail that was sent."""
        invitation = invite_member(
            merchant=self.merchant, email=email or f"{unique('new-')}@example.com", role=role, by=by or self.owner
        )
        return invitation, token_in_mail()

    def audit(self) -> list[tuple[str, str]]:
        with platform_scope():
            rows = AuditEntry.objects.filter(merchant=self.merchant).order_by("id").values_list("action", "details")
            return [(action, details.get("email", "")) for action, details in rows]


def token_in_mail() -> str:
    found = re.search(r"http://127\.0\.0\.1:8000/app/invitations/(\S+)", str(mail.outbox[-1].body))
    assert found is not None
    return found[1]


@pytest.fixture
def team(committed_db: None) -> Team:
    mail.outbox.clear()
    return Team()


# --- Inviting -------------------------------------------------------------------------------------------------------


def test_an_invitation_makes_a_member(team: Team) -> None:
    user = UserFactory.create()
    invitation, token = team.invite(f"  {user.email.upper()} ", Role.DEVELOPER)
    assert mail.outbox[-1].to == [user.email]
    assert mail.outbox[-1].subject == f"Join {team.merchant.name} on BillingOS"
    assert team.owner.email in mail.outbox[-1].body
    assert accept_invitation(token=token, user=user).role == Role.DEVELOPER
    assert team.roles()[user.email] == "developer"
    assert team.audit()[-2:] == [("invitation.sent", user.email), ("invitation.accepted", user.email)]
    assert invitation.expires_at - timezone.now() == pytest.approx(timedelta(days=7), abs=timedelta(minutes=1))


def test_only_the_digest_of_a_token_is_kept(team: Team) -> None:
    invitation, token = team.invite()
    with platform_scope():
        row = Invitation.objects.filter(id=invitation.id).values()[0]
        entries = list(AuditEntry.objects.filter(merchant=team.merchant).values())
    assert token not in str(row)
    assert token not in str(entries)


@pytest.mark.parametrize(
    ("by", "role", "allowed"),
    [
        ("owner", Role.OWNER, True),
        ("owner", Role.VIEWER, True),
        ("admin", Role.ADMIN, True),
        ("admin", Role.OWNER, False),
        ("developer", Role.VIEWER, False),
        ("viewer", Role.VIEWER, False),
    ],
)
def test_who_may_invite_whom(team: Team, by: str, role: Role, allowed: bool) -> None:
    if allowed:
        team.invite(role=role, by=team.people[by])
        return
    with pytest.raises(Forbidden):
        team.invite(role=role, by=team.people[by])
    with pytest.raises(Forbidden):
        team.invite(role=role, by=UserFactory.create())  # an outsider
    assert mail.outbox == []


@pytest.mark.parametrize("email", ["", "x", "a@b", "a@example.com\nBcc: b@example.com", "a b@example.com"])
def test_what_is_no_address_is_refused(team: Team, email: str) -> None:
    with pytest.raises(InvalidRequest):
        invite_member(merchant=team.merchant, email=email, role=Role.VIEWER, by=team.owner)


def test_a_name_with_a_line_break_cannot_forge_headers(committed_db: None) -> None:
    owner = UserFactory.create()
    merchant = MerchantFactory.create(name="Acme\r\nBcc: everybody@example.com", owner=owner)
    invite_member(merchant=merchant, email="a@example.com", role=Role.VIEWER, by=owner)
    assert "\n" not in mail.outbox[-1].subject
    assert mail.outbox[-1].recipients() == ["a@example.com"]


def test_members_and_the_invited_are_not_invited_again(team: Team) -> None:
    with pytest.raises(Conflict):
        team.invite(team.people["viewer"].email.upper())
    invitation, _ = team.invite()
    with pytest.raises(Conflict):
        team.invite(invitation.email)


def test_an_expired_invitation_makes_room_for_a_new_one(team: Team) -> None:
    invitation, old = team.invite()
    expire(invitation)
    _, fresh = team.invite(invitation.email)
    user = UserFactory.create(email=invitation.email)
    with pytest.raises(NotFound):
        accept_invitation(token=old, user=user)
    accept_invitation(token=fresh, user=user)


def test_invitations_are_no_mailing(team: Team) -> None:
    with scope(team.merchant.id):
        Invitation.objects.bulk_create(
            Invitation(
                merchant=team.merchant,
                email=f"{number}@example.com",
                role=Role.VIEWER,
                digest=unique("d"),
                expires_at=timezone.now() + Invitation.LIFE,
            )
            for number in range(MOST_OPEN)
        )
    with pytest.raises(Conflict, match="50 invitations"):
        team.invite()


def test_a_mail_server_that_fails_leaves_the_invitation_to_be_sent_again(team: Team, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    invitation = invite_member(merchant=team.merchant, email="a@example.com", role=Role.VIEWER, by=team.owner)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    sent_earlier(invitation)
    resend_invitation(merchant=team.merchant, invitation_id=invitation.id, by=team.owner)
    assert mail.outbox[-1].to == ["a@example.com"]


# --- Sending again, withdrawing -------------------------------------------------------------------------------------


def expire(invitation: Invitation) -> None:
    with scope(invitation.merchant_id):
        Invitation.objects.filter(id=invitation.id).update(expires_at=timezone.now() - timedelta(seconds=1))


def sent_earlier(invitation: Invitation) -> None:
    with scope(invitation.merchant_id):
        Invitation.objects.filter(id=invitation.id).update(expires_at=timezone.now() + timedelta(days=6))


def test_sending_again_makes_a_new_link_and_ends_the_old_one(team: Team) -> None:
    invitation, old = team.invite()
    expire(invitation)
    resend_invitation(merchant=team.merchant, invitation_id=invitation.id, by=team.owner)
    fresh = token_in_mail()
    assert fresh != old
    with pytest.raises(NotFound):
        invitation_of_token(old)
    user = UserFactory.create(email=invitation.email)
    assert accept_invitation(token=fresh, user=user).user == user


def test_not_twice_within_a_minute(team: Team) -> None:
    invitation, _ = team.invite()
    with pytest.raises(Conflict, match="less than a minute"):
        resend_invitation(merchant=team.merchant, invitation_id=invitation.id, by=team.owner)


def test_a_withdrawn_invitation_is_worth_nothing(team: Team) -> None:
    invitation, token = team.invite()
    revoke_invitation(merchant=team.merchant, invitation_id=invitation.id, by=team.people["admin"])
    with pytest.raises(NotFound, match="withdrawn"):
        accept_invitation(token=token, user=UserFactory.create(email=invitation.email))
    with pytest.raises(NotFound):
        revoke_invitation(merchant=team.merchant, invitation_id=invitation.id, by=team.owner)
    assert team.audit()[-1] == ("invitation.revoked", invitation.email)


@pytest.mark.parametrize("act", [revoke_invitation, resend_invitation])
def test_admins_leave_the_invitations_of_owners_alone(team: Team, act: Any) -> None:
    invitation, _ = team.invite(role=Role.OWNER)
    sent_earlier(invitation)
    with pytest.raises(Forbidden):
        act(merchant=team.merchant, invitation_id=invitation.id, by=team.people["admin"])
    stranger = Team()
    with pytest.raises(NotFound):
        act(merchant=stranger.merchant, invitation_id=invitation.id, by=stranger.owner)


# --- Accepting ------------------------------------------------------------------------------------------------------


def test_a_link_is_for_the_invited_person_only(team: Team) -> None:
    _, token = team.invite()
    with pytest.raises(Forbidden):
        accept_invitation(token=token, user=UserFactory.create())


def test_a_second_address_counts_once_it_is_verified(team: Team) -> None:
    invitation, token = team.invite()
    user = UserFactory.create()
    address = EmailAddress.objects.create(user=user, email=invitation.email.upper(), verified=False)
    with pytest.raises(Forbidden):
        accept_invitation(token=token, user=user)
    address.verified = True
    address.save()
    assert accept_invitation(token=token, user=user).user == user


def test_accepting_twice_is_accepting_once(team: Team) -> None:
    invitation, token = team.invite()
    user = UserFactory.create(email=invitation.email)
    assert accept_invitation(token=token, user=user) == accept_invitation(token=token, user=user)
    assert team.audit().count(("invitation.accepted", invitation.email)) == 1
    remove_member(merchant=team.merchant, membership_id=team.membership(user).id, by=team.owner)
    with pytest.raises(Conflict, match="used already"):
        accept_invitation(token=token, user=user)


def test_an_expired_link_is_refused(team: Team) -> None:
    invitation, token = team.invite()
    expire(invitation)
    with pytest.raises(Conflict, match="expired"):
        accept_invitation(token=token, user=UserFactory.create(email=invitation.email))


def test_who_is_a_member_meanwhile_keeps_their_role(team: Team) -> None:
    invitation, token = team.invite(role=Role.VIEWER)
    user = UserFactory.create(email=invitation.email)
    add_member(merchant=team.merchant, user=user, role=Role.ADMIN)
    assert accept_invitation(token=token, user=user).role == Role.ADMIN


def test_nobody_joins_a_suspended_merchant(team: Team) -> None:
    invitation, token = team.invite()
    set_merchant_status(merchant_id=team.merchant.id, status=Merchant.Status.SUSPENDED, by=team.owner)
    with pytest.raises(NotFound):
        accept_invitation(token=token, user=UserFactory.create(email=invitation.email))


# --- Roles and farewells --------------------------------------------------------------------------------------------

CHANGES = [
    # by, whose, to, allowed
    ("owner", "admin", Role.OWNER, True),
    ("owner", "viewer", Role.DEVELOPER, True),
    ("admin", "viewer", Role.ADMIN, True),
    ("admin", "admin", Role.VIEWER, True),
    ("admin", "viewer", Role.OWNER, False),
    ("admin", "owner", Role.VIEWER, False),
    ("developer", "viewer", Role.DEVELOPER, False),
    ("developer", "developer", Role.ADMIN, False),
    ("viewer", "viewer", Role.OWNER, False),
]


@pytest.mark.parametrize(("by", "whose", "to", "allowed"), CHANGES)
def test_who_may_change_which_role(team: Team, by: str, whose: str, to: Role, allowed: bool) -> None:
    team.join(Role.VIEWER)
    membership = team.membership(team.people[whose])
    before = membership.role
    try:
        change_role(merchant=team.merchant, membership_id=membership.id, role=to, by=team.people[by])
        done = True
    except Forbidden:
        done = False
    assert done is allowed
    assert team.roles()[team.people[whose].email] == (to if allowed else before)


def test_a_change_of_role_says_what_it_was(team: Team) -> None:
    membership = team.membership(team.people["viewer"])
    for _ in range(2):  # the second time nothing changes, and nothing is written down
        change_role(merchant=team.merchant, membership_id=membership.id, role=Role.ADMIN, by=team.owner)
    with platform_scope():
        entries = AuditEntry.objects.filter(merchant=team.merchant, action="member.role_changed")
        assert [entry.details["role"] for entry in entries] == [{"before": "viewer", "after": "admin"}]


@pytest.mark.parametrize(
    ("by", "whom", "allowed"),
    [
        ("owner", "admin", True),
        ("admin", "developer", True),
        ("admin", "owner", False),
        ("developer", "viewer", False),
        ("viewer", "viewer", True),  # everybody may leave
        ("developer", "developer", True),
    ],
)
def test_who_may_remove_whom(team: Team, by: str, whom: str, allowed: bool) -> None:
    team.join(Role.OWNER)  # takes the place of `owner` in `people`; there are two now
    membership = team.membership(team.people[whom])
    try:
        remove_member(merchant=team.merchant, membership_id=membership.id, by=team.people[by])
        done = True
    except Forbidden:
        done = False
    assert done is allowed
    assert (team.people[whom].email not in team.roles()) is allowed


def test_the_last_owner_stays(team: Team) -> None:
    mine = team.membership(team.owner)
    with pytest.raises(Conflict, match="needs an owner"):
        remove_member(merchant=team.merchant, membership_id=mine.id, by=team.owner)
    with pytest.raises(Conflict, match="needs an owner"):
        change_role(merchant=team.merchant, membership_id=mine.id, role=Role.ADMIN, by=team.owner)
    second = team.membership(team.join(Role.OWNER))
    change_role(merchant=team.merchant, membership_id=mine.id, role=Role.ADMIN, by=team.owner)
    with pytest.raises(Conflict):
        remove_member(merchant=team.merchant, membership_id=second.id, by=second.user)


def test_of_two_owners_who_leave_at_once_one_stays(team: Team) -> None:
    owners = [team.membership(team.owner), team.membership(team.join(Role.OWNER))]
    start, refused = threading.Barrier(2), []

    def leave(membership: Membership) -> None:
        start.wait()
        try:
            remove_member(merchant=team.merchant, membership_id=membership.id, by=membership.user)
        except BillingError as error:
            refused.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=leave, args=(membership,)) for membership in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert list(team.roles().values()).count("owner") == 1


def test_adding_a_member_again_changes_nothing(team: Team) -> None:
    mine = team.membership(team.owner)
    assert add_member(merchant=team.merchant, user=team.owner, role=Role.OWNER) == mine
    with pytest.raises(Conflict):
        add_member(merchant=team.merchant, user=team.owner, role=Role.VIEWER)
    assert team.roles()[team.owner.email] == "owner"


def test_another_merchants_members_are_not_found(team: Team) -> None:
    stranger = Team()
    theirs = team.membership(team.people["viewer"])
    with pytest.raises(NotFound):
        remove_member(merchant=stranger.merchant, membership_id=theirs.id, by=stranger.owner)
    with pytest.raises(NotFound):
        change_role(merchant=stranger.merchant, membership_id=theirs.id, role=Role.ADMIN, by=stranger.owner)
