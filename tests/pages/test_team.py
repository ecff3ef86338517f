"""The team in the browser, from the invitation's mail to the farewell."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Invitation, Membership, Merchant, User
from billingos.merchants.selectors import membership_in
from billingos.merchants.services import set_merchant_status
from tests.factories import UserFactory, unique
from tests.pages.business import Business
from tests.pages.joining import add_invitations, add_members
from tests.pages.looking import BUDGET, assert_strict, statements, text_of


@pytest.fixture
def business(committed_db: None) -> Business:
    mail.outbox.clear()
    return Business()


def invited(business: Business, email: str, role: str = "developer") -> str:
    """The path of the link in the mail."""
    answer = business.browser("admin").post(business.url("team/invite"), {"email": email, "role": role}, follow=True)
    assert f"on its way to {email}" in text_of(answer)
    found = re.search(r"http://127\.0\.0\.1:8000(/app/invitations/\S+)", str(mail.outbox[-1].body))
    assert found is not None
    return found[1]


def person(email: str) -> tuple[User, Client]:
    user = UserFactory.create(email=email)
    client = Client()
    client.force_login(user)
    return user, client


def test_from_the_mail_to_the_pages(business: Business) -> None:
    email = f"{unique('new-')}@example.com"
    link = invited(business, email)
    stranger = Client().get(link)
    assert stranger.status_code == 200
    assert f"/accounts/signup/?next={link.replace('/', '%2F')}" in text_of(stranger)
    assert_strict(stranger)
    # The address is the key, so nobody else gets to see it; stricter, and browsers send forms with `Origin: null`.
    assert stranger.headers["Referrer-Policy"] == "same-origin"
    sent = Client().post(link)
    assert sent.headers["Location"].startswith("/accounts/login/?next=")
    user, client = person(email)
    page = client.get(link)
    assert "Accept the invitation" in text_of(page)
    assert_strict(page)
    assert client.post(link).headers["Location"] == business.url("home")
    assert membership_in(user, business.merchant.slug).role == "developer"
    assert "used already" in text_of(client.get(link))


def test_signing_up_comes_back_to_the_invitation(business: Business) -> None:
    email = f"{unique('new-')}@example.com"
    link = invited(business, email)
    client = Client()
    answer = client.post(
        f"/accounts/signup/?next={link}",
        {"email": email, "password1": "correct horse battery", "password2": "correct horse battery", "next": link},
    )
    assert answer.headers["Location"] == link
    assert client.post(link).status_code == 302


def test_somebody_else_is_told_whose_invitation_it_is(business: Business) -> None:
    link = invited(business, "ada@example.com")
    user, client = person(f"{unique('other-')}@example.com")
    page = client.get(link)
    assert "is for ada@example.com" in text_of(page)
    assert "Accept the invitation" not in text_of(page)
    assert client.post(link).status_code == 403
    with platform_scope():
        assert not Membership.objects.filter(user=user).exists()


@pytest.mark.parametrize("state", ["expired", "revoked", "suspended", "unknown"])
def test_a_link_that_is_worth_nothing(business: Business, state: str) -> None:
    email = f"{unique('new-')}@example.com"
    link = invited(business, email)
    _, client = person(email)
    with scope(business.merchant.id):
        row = Invitation.objects.for_merchant(business.merchant.id).filter(email=email)
        now = timezone.now()
        row.update(**{"expired": {"expires_at": now}, "revoked": {"revoked_at": now}}.get(state, {"role": "viewer"}))
    if state == "suspended":
        owner = business.people["owner"]
        set_merchant_status(merchant_id=business.merchant.id, status=Merchant.Status.SUSPENDED, by=owner)
    if state == "unknown":
        link = "/app/invitations/%00é"
    shown, sent = client.get(link), client.post(link)
    assert shown.status_code == (200 if state in {"expired", "revoked"} else 404)
    assert sent.status_code == (409 if state == "expired" else 404)
    assert "Accept the invitation" not in text_of(shown)


@pytest.mark.parametrize(
    ("email", "says"), [("x", "Enter a valid email"), ("", "required"), ("owner", "works for"), ("twice", "already")]
)
def test_an_invitation_that_cannot_be_sent_says_why(business: Business, email: str, says: str) -> None:
    if email == "twice":
        email = f"{unique('new-')}@example.com"
        invited(business, email)
    address = business.people["owner"].email if email == "owner" else email
    answer = business.browser("admin").post(business.url("team/invite"), {"email": address, "role": "viewer"})
    assert answer.status_code == 400
    assert says in text_of(answer)


def test_sending_again_and_withdrawing(business: Business) -> None:
    email = f"{unique('new-')}@example.com"
    link = invited(business, email)
    client = business.browser("admin")
    with scope(business.merchant.id):
        invitation = Invitation.objects.for_merchant(business.merchant.id).get()
    resend = business.url(f"invitations/{invitation.id}/resend")
    assert "less than a minute" in text_of(client.post(resend, follow=True))
    with scope(business.merchant.id):
        Invitation.objects.filter(id=invitation.id).update(expires_at=timezone.now() - timedelta(days=1))
    assert "Expired" in text_of(client.get(business.url("team")))
    assert "works no more" in text_of(client.post(resend, follow=True))
    assert Client().get(link).status_code == 404
    withdraw = business.url(f"invitations/{invitation.id}/withdraw")
    assert f"Withdraw the invitation of {email}?" in text_of(client.get(withdraw))
    assert "is withdrawn" in text_of(client.post(withdraw, follow=True))
    assert email not in text_of(client.get(business.url("team")))
    assert client.post(withdraw).status_code == 404


def test_removing_says_what_becomes_of_keys(business: Business) -> None:
    business.key()
    second = business.join("owner")
    with scope(business.merchant.id):
        owner = Membership.objects.for_merchant(business.merchant.id).get(user=business.people["owner"])
    client = Client()
    client.force_login(second)
    url = business.url(f"team/{owner.id}/remove")
    html = text_of(client.get(url))
    assert "1 API key that they created keeps working until somebody revokes it" in html
    assert "was removed" in text_of(client.post(url, follow=True))
    assert business.browser("owner").get(business.url("team")).status_code == 404


def test_a_role_is_changed(business: Business) -> None:
    with scope(business.merchant.id):
        viewer = Membership.objects.for_merchant(business.merchant.id).get(user=business.people["viewer"])
    url = business.url(f"team/{viewer.id}/role")
    html = text_of(business.browser("owner").get(url))
    assert re.search(r'value="viewer"[^>]*checked', html)
    assert 'value="owner"' in html
    assert 'value="owner"' not in text_of(business.browser("admin").get(url))
    shown = business.browser("owner").post(url, {"role": "owner"}, follow=True)
    assert "is owner now" in text_of(shown)
    assert business.browser("admin").post(url, {"role": "viewer"}).status_code == 403


def test_the_number_of_statements_does_not_grow(business: Business) -> None:
    client, url = business.browser("owner"), business.url("team")
    invited(business, f"{unique('new-')}@example.com")
    with_few = statements(client, url)
    people = add_members(business.merchant, 500)
    add_invitations(business.merchant, 49, by=people[0])
    assert with_few == statements(client, url) <= BUDGET
    assert text_of(client.get(url, {"q": people[3].email})).count("Change role") == 1
