"""Signing in, up and out through allauth, in our layout."""

import re
import time
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.core import mail
from django.test import Client

from billingos.merchants.models import Merchant, User
from tests.factories import UserFactory, unique
from tests.pages.conftest import SignIn
from tests.pages.looking import assert_strict, text_of

PASSWORD = "correct horse battery"


def fill_in(client: Client, url: str, **fields: str) -> Any:
    """Loads the page's form as a browser would, with its token, and sends it."""
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text_of(client.get(url)))
    assert token is not None
    return client.post(url, {"csrfmiddlewaretoken": token[1], **fields})


@pytest.fixture
def visitor() -> Client:
    return Client(enforce_csrf_checks=True)


def test_a_member_signs_in_and_lands_at_home(visitor: Client, shop: Merchant, member: User) -> None:
    answer = fill_in(visitor, "/accounts/login/", login=member.email, password=PASSWORD)
    assert answer.status_code == 302
    landed = visitor.get(answer.headers["Location"], follow=True)
    assert landed.redirect_chain[-1][0] == f"/app/{shop.slug}/home"
    assert shop.name in landed.context["merchant"].name


def test_sign_in_goes_on_to_where_one_was_going(visitor: Client, shop: Merchant, member: User) -> None:
    url = f"/app/{shop.slug}/customers?q=ada"
    sent = visitor.get(url)
    assert sent.status_code == 302
    assert sent.headers["Location"] == f"/accounts/login/?next=/app/{shop.slug}/customers%3Fq%3Dada"
    answer = fill_in(visitor, sent.headers["Location"], login=member.email, password=PASSWORD, next=url)
    assert answer.headers["Location"] == url


def test_a_wrong_password_is_refused(visitor: Client, member: User) -> None:
    answer = fill_in(visitor, "/accounts/login/", login=member.email, password="wrong")
    assert answer.status_code == 200
    assert 'class="errorlist' in text_of(answer)
    assert visitor.get("/app/").status_code == 302


def test_a_form_without_its_token_is_refused_in_our_own_words(visitor: Client, member: User) -> None:
    answer = visitor.post("/accounts/login/", {"login": member.email, "password": PASSWORD})
    assert answer.status_code == 403
    assert "This form has expired" in text_of(answer)
    assert_strict(answer)


def test_whoever_has_two_factors_needs_both(visitor: Client, staff: User) -> None:
    secret = generate_totp_secret()
    TOTP.activate(staff, secret)
    answer = fill_in(visitor, "/accounts/login/", login=staff.email, password=PASSWORD, next="/ops/")
    assert answer.headers["Location"].startswith("/accounts/2fa/authenticate/")
    assert visitor.get("/ops/").status_code == 302
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    fill_in(visitor, "/accounts/2fa/authenticate/", code=code)
    assert visitor.get("/ops/merchants/merchant/").status_code == 200


def test_signing_up_leads_to_a_page_that_says_what_is_next(visitor: Client, committed_db: None) -> None:
    email = f"{unique('new-')}@example.com"
    answer = fill_in(visitor, "/accounts/signup/", email=email, password1=PASSWORD, password2=PASSWORD)
    assert answer.headers["Location"] == "/app/"
    page = visitor.get("/app/")
    assert "not yet part of a business" in text_of(page)
    assert email in text_of(page)
    assert_strict(page)


def test_a_forgotten_password_is_replaced_by_mail(visitor: Client, committed_db: None) -> None:
    user = UserFactory.create()
    mail.outbox.clear()
    assert fill_in(visitor, "/accounts/password/reset/", email=user.email).status_code == 302
    link = re.search(r"/accounts/password/reset/key/\S+", str(mail.outbox[-1].body))
    assert link is not None
    form = visitor.get(link[0]).headers["Location"]
    fill_in(visitor, form, password1="another horse battery", password2="another horse battery")
    user.refresh_from_db()
    assert user.check_password("another horse battery")


def test_signing_out_ends_it(visitor: Client, member: User) -> None:
    fill_in(visitor, "/accounts/login/", login=member.email, password=PASSWORD)
    assert fill_in(visitor, "/accounts/logout/").headers["Location"] == "/accounts/login/"
    assert visitor.get("/app/").status_code == 302


OPEN = ["login/", "signup/", "password/reset/", "password/reset/done/", "password/reset/key/1-bad/", "confirm-email/"]
OWN = ["email/", "password/change/", "2fa/", "2fa/totp/activate/", "logout/", "reauthenticate/"]


@pytest.mark.parametrize("page", OPEN)
def test_the_open_pages_wear_our_layout(page: str, committed_db: None) -> None:
    answer = Client().get(f"/accounts/{page}")
    assert answer.status_code == 200
    assert 'class="entrance"' in text_of(answer)
    assert_strict(answer)


@pytest.mark.parametrize("page", OWN)
def test_ones_own_pages_wear_our_layout(page: str, member: User, browser: SignIn) -> None:
    answer = browser(member).get(f"/accounts/{page}", follow=True)
    assert answer.status_code == 200
    assert re.search(r'class="(shell|entrance)"', text_of(answer))
    assert_strict(answer)


@pytest.fixture
def no_redis(settings: Any) -> None:
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}


@pytest.mark.usefixtures("no_redis")
def test_one_can_sign_in_while_redis_is_gone(visitor: Client, shop: Merchant, member: User) -> None:
    answer = fill_in(visitor, "/accounts/login/", login=member.email, password=PASSWORD)
    assert answer.status_code == 302
    assert visitor.get(f"/app/{shop.slug}/customers").status_code == 200


@pytest.mark.usefixtures("no_redis")
def test_attempts_are_limited_also_while_redis_is_gone(visitor: Client, member: User) -> None:
    answers = [fill_in(visitor, "/accounts/login/", login=member.email, password="wrong") for _ in range(12)]
    assert answers[0].status_code == 200
    assert "too many" in text_of(answers[-1]).lower()
