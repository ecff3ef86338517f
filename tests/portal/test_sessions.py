"""Links, cookies and tokens: who is let in, how often, how long."""

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, connections
from django.test import Client
from django.utils import timezone
from structlog.stdlib import ProcessorFormatter

from billingos.common.errors import NotFound
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import AuditEntry, Merchant, User
from billingos.merchants.services import set_merchant_status
from customers.models import Customer, PortalSession
from customers.portal_sessions import BROWSER_LIFE, LINK_LIFE, forget_old_sessions, revoke
from customers.portal_sessions import enter as exchange
from tests.factories import UserFactory
from tests.fixtures import Api
from tests.portal.conftest import CustomerApi, enter, session_for, text_of
from tests.scenes import Scene

SOON = timedelta(seconds=1)


def suspend(merchant: Merchant) -> None:
    staff: User = UserFactory.create(is_staff=True)
    set_merchant_status(merchant_id=merchant.id, status=Merchant.Status.SUSPENDED, by=staff)


@pytest.fixture
def customer(api: Api) -> dict[str, Any]:
    return api.made("/customers", {"external_id": "ada", "name": "Ada", "email": "ada@example.com"})


# --- The link -------------------------------------------------------------------------------------------------------


def test_looking_at_a_link_does_not_use_it_up(api: Api, customer: dict[str, Any]) -> None:
    """Mail programs and scanners fetch links; only a person presses the button."""
    made = session_for(api, "ada")
    for _ in range(3):
        for method in ("get", "head"):
            answer = getattr(Client(), method)(f"/portal/s/{made.link_token}")
            assert answer.status_code == 200
            assert not answer.cookies.get("billingos_portal")
    browser = enter(made.link_token)
    assert browser.get("/portal/").status_code == 200


def test_the_cookie_is_the_portals_own(api: Api, customer: dict[str, Any], settings: Any) -> None:
    for secure in (False, True):
        settings.SESSION_COOKIE_SECURE = secure
        answer = Client().post("/portal/enter", {"token": session_for(api, "ada").link_token})
        cookie = answer.cookies["billingos_portal"]
        assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/portal/", True, "Lax")
        assert cookie["max-age"] == BROWSER_LIFE.total_seconds()
        assert bool(cookie["secure"]) is secure
        assert settings.SESSION_COOKIE_NAME not in answer.cookies
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_link_lets_in_once(api: Api, customer: dict[str, Any]) -> None:
    token = session_for(api, "ada", return_url="https://app.example.com/").link_token
    browser = enter(token)
    for answer in (Client().get(f"/portal/s/{token}"), Client().post("/portal/enter", {"token": token})):
        assert answer.status_code == 410
        assert "no longer works" in text_of(answer)
        assert 'href="https://app.example.com/"' in answer.content.decode()
        assert "Ada" not in text_of(answer)
    again = browser.get(f"/portal/s/{token}")  # whose link it is goes on
    assert (again.status_code, again.headers["Location"]) == (302, "/portal/")


def test_a_link_lasts_half_an_hour(api: Api, customer: dict[str, Any]) -> None:
    token, late = session_for(api, "ada").link_token, session_for(api, "ada").link_token
    with time_machine.travel(timezone.now() + LINK_LIFE - 5 * SOON, tick=False):
        enter(token)
    with time_machine.travel(timezone.now() + LINK_LIFE + SOON, tick=False):
        assert Client().get(f"/portal/s/{late}").status_code == 410
        assert Client().post("/portal/enter", {"token": late}).status_code == 410


@pytest.mark.parametrize("token", ["x", "é", "a%00b", "x" * 5000, "bos_ct_x"])
def test_what_is_no_link(committed_db: None, token: str) -> None:
    assert Client().get(f"/portal/s/{token}").status_code == 410
    assert Client().post("/portal/enter", {"token": token}).status_code == 410
    assert Client().post("/portal/enter").status_code == 410
    assert Client().get("/portal/enter").status_code == 405


def test_of_two_who_enter_at_once_one_gets_in(api: Api, customer: dict[str, Any]) -> None:
    session = session_for(api, "ada").session

    def try_it(_: int) -> bool:
        try:
            exchange(session=session)
        except NotFound:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(try_it, range(4))) == [False, False, False, True]


def test_a_form_from_elsewhere_does_not_enter(api: Api, customer: dict[str, Any]) -> None:
    token = session_for(api, "ada").link_token
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/portal/enter", {"token": token}).status_code == 403
    page = strict.get(f"/portal/s/{token}")
    form = dict(re.findall(r'name="(\w+)" value="([^"]+)"', page.content.decode()))
    assert strict.post("/portal/enter", form).status_code == 302


# --- The stay -------------------------------------------------------------------------------------------------------


def test_a_stay_lasts_four_hours_whatever_is_done(api: Api, customer: dict[str, Any]) -> None:
    browser = enter(session_for(api, "ada").link_token)
    start = timezone.now()
    with time_machine.travel(start + BROWSER_LIFE - 5 * SOON, tick=False):
        assert browser.get("/portal/").status_code == 200
        cookie = browser.cookies["billingos_portal"].value
    with time_machine.travel(start + BROWSER_LIFE + SOON, tick=False):
        late = Client(headers={"Cookie": f"billingos_portal={cookie}"}).get("/portal/")
        assert late.status_code == 403
        assert "signed out" in text_of(late)


@pytest.mark.parametrize("cookie", ["", "x", "é", "x" * 5000])
def test_what_is_no_cookie(committed_db: None, cookie: str) -> None:
    for path in ("/portal/", "/portal/invoices", "/portal/payment-method", "/portal/nothing"):
        answer = Client(headers={"Cookie": f"billingos_portal={cookie}"}).get(path)
        assert answer.status_code == 403
        assert "new link" in text_of(answer)


def test_signing_out_ends_cookie_and_token(api: Api, customer: dict[str, Any]) -> None:
    made = session_for(api, "ada")
    browser = enter(made.link_token)
    kept = browser.cookies["billingos_portal"].value
    answer = browser.post("/portal/sign-out")
    assert answer.cookies["billingos_portal"].value == ""
    assert browser.get("/portal/").status_code == 403
    assert Client(headers={"Cookie": f"billingos_portal={kept}"}).get("/portal/").status_code == 403
    assert CustomerApi(made.customer_token).get("/portal/invoices").status_code == 401
    assert Client().get("/portal/sign-out").status_code == 200


def test_a_revoked_session_opens_nothing(api: Api, customer: dict[str, Any]) -> None:
    made, entered = session_for(api, "ada"), session_for(api, "ada")
    browser = enter(entered.link_token)
    for session in (made.session, entered.session):
        revoke(session=session)
    assert Client().get(f"/portal/s/{made.link_token}").status_code == 410
    assert Client().post("/portal/enter", {"token": made.link_token}).status_code == 410
    assert browser.get("/portal/").status_code == 403
    assert CustomerApi(made.customer_token).get("/portal/invoices").status_code == 401


def test_of_a_suspended_merchant_the_portal_is_not_available(api: Api, customer: dict[str, Any]) -> None:
    made = session_for(api, "ada")
    browser = enter(session_for(api, "ada").link_token)
    suspend(api.merchant)
    for answer in (
        browser.get("/portal/"),
        browser.get("/portal/invoices"),
        browser.post("/portal/payment-method"),
        Client().get(f"/portal/s/{made.link_token}"),
    ):
        assert answer.status_code == 403
        assert "not available" in text_of(answer)
        assert api.merchant.name not in text_of(answer)
    assert Client().post("/portal/enter", {"token": made.link_token}).status_code == 410
    assert CustomerApi(made.customer_token).get("/portal/invoices").status_code == 401


def test_a_deleted_customer_is_not_let_in(api: Api, customer: dict[str, Any]) -> None:
    made = session_for(api, "ada")
    browser = enter(session_for(api, "ada").link_token)
    with scope(api.merchant.id):
        Customer.objects.filter(external_id="ada").update(deleted_at=timezone.now())
    assert Client().post("/portal/enter", {"token": made.link_token}).status_code == 410
    assert browser.get("/portal/").status_code == 403
    assert CustomerApi(made.customer_token).get("/portal/subscription").status_code == 401


def test_a_portal_cookie_opens_nothing_of_the_merchants(api: Api, customer: dict[str, Any]) -> None:
    browser = enter(session_for(api, "ada").link_token)
    value = browser.cookies["billingos_portal"].value
    assert browser.get(f"/app/{api.merchant.slug}/customers").status_code == 302
    assert CustomerApi(value).get("/portal/invoices").status_code == 401
    crossed = Client(
        headers={"Cookie": f"sessionid={value}; billingos_portal={session_for(api, 'ada').customer_token}"}
    )
    assert crossed.get("/portal/").status_code == 403


# --- Secrets --------------------------------------------------------------------------------------------------------


def test_only_digests_are_stored(api: Api, customer: dict[str, Any]) -> None:
    answer = api.made("/portal/sessions", {"customer_id": "ada"}, key="once")
    link_token = answer["url"].rsplit("/", 1)[1]
    cookie = enter(link_token).cookies["billingos_portal"].value
    assert len({link_token, answer["customer_token"], cookie}) == 3
    with platform_scope(), connection.cursor() as cursor:
        for table in ("portal_sessions", "idempotency_records", "audit_entries", "write_intents"):
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")  # noqa: S608  (names of ours)
            stored = cursor.fetchone()[0]
            for secret in (link_token, answer["customer_token"], cookie):
                assert secret not in stored, table
                assert secret.removeprefix("bos_ct_") not in stored, table


def test_no_token_reaches_a_log(api: Api, customer: dict[str, Any]) -> None:
    answer = api.made("/portal/sessions", {"customer_id": "ada"})
    link_token = answer["url"].rsplit("/", 1)[1]
    [handler] = [one for one in logging.getLogger().handlers if isinstance(one.formatter, ProcessorFormatter)]
    logged = "".join(
        handler.format(
            logging.LogRecord("django.request", logging.ERROR, "", 0, "Internal Server Error: %s", args, None)
        )
        for args in ((f"/portal/s/{link_token}",), (answer["url"],), (answer["customer_token"],))
    )
    assert logged.count("/portal/s/••••") == 2
    for secret in (link_token, answer["customer_token"].removeprefix("bos_ct_")):
        assert secret not in logged
        assert secret[-10:] not in logged


def test_making_a_session_is_kept_in_the_audit_log(api: Api, customer: dict[str, Any]) -> None:
    api.made("/portal/sessions", {"customer_id": "ada"})
    with scope(api.merchant.id):
        entry = AuditEntry.objects.get(action="portal_session.created")
        assert entry.target == f"customer {customer['id']}"
        assert entry.api_key is not None


def test_old_sessions_are_forgotten(scene: Scene) -> None:
    now = timezone.now()
    kept, old, stayed = (session_for(scene.api, scene.customer["id"]).session.id for _ in range(3))
    with scope(scene.api.merchant.id):
        rows = PortalSession.objects.for_merchant(scene.api.merchant.id)
        rows.filter(id__in=(old, stayed)).update(expires_at=now - timedelta(days=31))
        rows.filter(id=stayed).update(exchanged_at=now, cookie_digest=str(stayed), browser_expires_at=now)
    forget_old_sessions()
    with scope(scene.api.merchant.id):
        assert set(rows.values_list("id", flat=True)) == {kept, stayed}
