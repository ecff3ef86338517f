"""The audit log in the browser."""

import ast
from pathlib import Path

import pytest
from django.conf import settings

from billingos.common.tenancy import scope
from billingos.dashboard.views.audit import ACTIONS, AREAS
from billingos.merchants.models import Membership
from billingos.merchants.services import record_audit
from billingos.merchants.services.rules import update_billing_settings
from billingos.merchants.services.team import change_role
from tests.pages.business import Business
from tests.pages.looking import BUDGET, statements, text_of


@pytest.fixture
def business(committed_db: None) -> Business:
    return Business()


def test_what_was_done_is_told_in_words(business: Business) -> None:
    owner = business.people["owner"]
    update_billing_settings(merchant=business.merchant, by=owner, paused_counts=True)
    with scope(business.merchant.id):
        viewer = Membership.objects.for_merchant(business.merchant.id).get(user=business.people["viewer"])
    change_role(merchant=business.merchant, membership_id=viewer.id, role=Membership.Role.ADMIN, by=owner)
    html = text_of(business.browser("viewer").get(business.url("audit")))
    assert "Changed the billing rules" in html
    assert "paused counts:</span> off → on" in html
    assert "viewer → admin" in html
    assert owner.email in html
    only = text_of(business.browser("viewer").get(business.url("audit"), {"area": "billing_settings"}))
    assert "Changed a role" not in only
    found = text_of(business.browser("viewer").get(business.url("audit"), {"q": viewer.user.email}))
    assert "Changed a role" in found
    assert "Changed the billing rules" not in found


def test_no_secret_and_nobody_elses_entry_is_shown(business: Business) -> None:
    other = Business()
    with scope(business.merchant.id):
        record_audit(merchant_id=business.merchant.id, action="test", target="sk_live_Leaked", details={"token": "Lea"})
    with scope(other.merchant.id):
        record_audit(merchant_id=other.merchant.id, action="theirs")
    html = text_of(business.browser("owner").get(business.url("audit")))
    assert "Lea" not in html
    assert "theirs" not in html


def test_every_action_of_the_sources_has_its_words_and_its_area() -> None:
    used = set()
    for path in sorted(Path(settings.BASE_DIR).glob("[!.t]*/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"record_audit", "_record"}:
                values = [keyword.value for keyword in node.keywords if keyword.arg == "action"] or node.args[1:2]
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "action":
                values = [node.value]
            else:
                continue
            used |= {one.value for value in values for one in ast.walk(value) if isinstance(one, ast.Constant)}
    used = {name for name in used if isinstance(name, str) and "." in name.strip(".")}
    assert len(used) > 12
    assert used <= set(ACTIONS)
    assert {name.split(".")[0] for name in ACTIONS} == {area for area, _ in AREAS.choices}


def test_the_log_can_be_taken_away(business: Business) -> None:
    answer = business.browser("developer").get(business.url("audit?format=csv"))
    file = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]  # a stream
    assert "merchant.created" in file
    assert business.browser("viewer").get(business.url("audit?format=csv")).status_code == 403


def test_the_number_of_statements_does_not_grow(business: Business) -> None:
    client, url = business.browser("viewer"), business.url("audit")
    with_few = statements(client, url)
    with scope(business.merchant.id):
        for number in range(500):
            record_audit(merchant_id=business.merchant.id, action="test", target=str(number))
    assert with_few == statements(client, url) <= BUDGET
    assert statements(client, f"{url}?q=test&area=member") <= BUDGET
