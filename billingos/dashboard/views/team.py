"""The team: who belongs to it, in which role; invitations."""

from uuid import UUID

from django import forms
from django.conf import settings
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone

from billingos.common.errors import BillingError
from billingos.common.tenancy import scope
from billingos.dashboard.forms import PlainForm
from billingos.dashboard.pages import Visit, merchant_page
from billingos.merchants.models import Invitation, Membership
from billingos.merchants.roles import SUMMARIES, TEAM_MANAGE, permission_for_role
from billingos.merchants.selectors import live_keys_by, members, open_invitations
from billingos.merchants.services.team import (
    change_role,
    invite_member,
    remove_member,
    resend_invitation,
    revoke_invitation,
)
from billingos.ui.listing import Filter, Listing, Order

Role = Membership.Role
BY_EMAIL = Order("email", "Email", "user__email", descending=False)
ROLES = Filter("role", "Role", [(role.value, str(role.label)) for role in Role])
ASKS = ("GET", "HEAD", "POST")


class RoleForm(PlainForm):
    """A role out of those that the visitor may give."""

    role = forms.ChoiceField(widget=forms.RadioSelect)

    def __init__(self, visit: Visit, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        choices = [(role.value, f"{role.label}: {SUMMARIES[role]}") for role in Role if may_handle(visit, role)]
        self.fields["role"].choices = choices  # type: ignore[attr-defined]  # typed as any field


class InviteForm(RoleForm):
    email = forms.EmailField(
        help_text="They accept by signing in with this very address.", widget=forms.EmailInput({"autocomplete": "off"})
    )
    field_order = ("email", "role")


def may_handle(visit: Visit, role: str) -> bool:
    """Whether the visitor may give this role, and change or remove whoever has it."""
    return visit.may(permission_for_role(role))


@merchant_page("team")
def team(visit: Visit) -> HttpResponseBase:
    listing = Listing(visit.request, orders=[BY_EMAIL], filters=[ROLES])
    with scope(visit.merchant.id):
        rows = members(visit.merchant.id, search=listing.search, role=listing.value("role"))
        page = listing.page(rows)
        invitations = list(open_invitations(visit.merchant.id))
    now = timezone.now()
    context = {
        "listing": listing,
        "page": page,
        "rows": [(row, may_handle(visit, row.role), row.user_id == visit.user.id) for row in page.rows],
        "invitations": [(row, row.state(now), may_handle(visit, row.role)) for row in invitations],
        "may_invite": visit.may(TEAM_MANAGE),
        "now": now,
    }
    return visit.render("dashboard/team/list.html", context)


@merchant_page("team", needs=TEAM_MANAGE, methods=ASKS)
def invite(visit: Visit) -> HttpResponseBase:
    form = InviteForm(visit, visit.request.POST or None, initial={"role": Role.VIEWER.value})
    if visit.request.method == "POST" and form.is_valid():
        try:
            email, role = form.cleaned_data["email"], Role(form.cleaned_data["role"])
            invitation = invite_member(merchant=visit.merchant, email=email, role=role, by=visit.user)
        except BillingError as error:
            form.refuse(error)
        else:
            visit.say(sent_to(invitation))
            return visit.redirect("team")
    return visit.render("dashboard/team/invite.html", {"form": form}, status=400 if form.errors else 200)


def sent_to(invitation: Invitation) -> str:
    printed = settings.EMAIL_BACKEND.endswith("console.EmailBackend")
    where = " This server prints its mail to the log of the web process." if printed else ""
    return f"The invitation is on its way to {invitation.email}.{where}"


@merchant_page("team", needs=TEAM_MANAGE, methods=ASKS)
def role(visit: Visit, membership_id: UUID) -> HttpResponseBase:
    membership = _membership(visit, membership_id)
    visit.demand(permission_for_role(membership.role))
    form = RoleForm(visit, visit.request.POST or None, initial={"role": membership.role})
    if visit.request.method == "POST" and form.is_valid():
        chosen = Role(form.cleaned_data["role"])
        with visit.told(f"{membership.user.email} is {chosen.label.lower()} now."):
            change_role(merchant=visit.merchant, membership_id=membership.id, role=chosen, by=visit.user)
        return visit.redirect("team")
    status = 400 if form.errors else 200
    return visit.render("dashboard/team/role.html", {"form": form, "member": membership}, status=status)


@merchant_page("team", methods=ASKS)
def remove(visit: Visit, membership_id: UUID) -> HttpResponseBase:
    """Everybody may leave; to remove others takes a permission."""
    membership = _membership(visit, membership_id)
    leaves = membership.user_id == visit.user.id
    if not leaves:
        visit.demand(permission_for_role(membership.role))
    if visit.request.method != "POST":
        with scope(visit.merchant.id):
            keys = live_keys_by(visit.merchant.id, membership.user_id).count()
        return visit.render("dashboard/team/remove.html", {"member": membership, "leaves": leaves, "keys": keys})
    with visit.told(f"You have left {visit.merchant.name}." if leaves else f"{membership.user.email} was removed."):
        remove_member(merchant=visit.merchant, membership_id=membership.id, by=visit.user)
        if leaves:
            return redirect("dashboard:choose")
    return visit.redirect("team")


@merchant_page("team", needs=TEAM_MANAGE, methods=("POST",))
def resend(visit: Visit, invitation_id: UUID) -> HttpResponseBase:
    invitation = _invitation(visit, invitation_id)
    with visit.told(f"{sent_to(invitation)} The link sent before works no more."):
        resend_invitation(merchant=visit.merchant, invitation_id=invitation.id, by=visit.user)
    return visit.redirect("team")


@merchant_page("team", needs=TEAM_MANAGE, methods=ASKS)
def withdraw(visit: Visit, invitation_id: UUID) -> HttpResponseBase:
    invitation = _invitation(visit, invitation_id)
    visit.demand(permission_for_role(invitation.role))
    if visit.request.method != "POST":
        return visit.render("dashboard/team/withdraw.html", {"invitation": invitation})
    with visit.told(f"The invitation of {invitation.email} is withdrawn."):
        revoke_invitation(merchant=visit.merchant, invitation_id=invitation.id, by=visit.user)
    return visit.redirect("team")


def _membership(visit: Visit, membership_id: UUID) -> Membership:
    with scope(visit.merchant.id):
        found = members(visit.merchant.id).filter(id=membership_id).first()
    if found is None:
        raise Http404
    return found


def _invitation(visit: Visit, invitation_id: UUID) -> Invitation:
    with scope(visit.merchant.id):
        found = open_invitations(visit.merchant.id).filter(id=invitation_id).first()
    if found is None:
        raise Http404
    return found
