"""The page of an invoice: what is on it, what can be done from it, and by whom."""

import re
from typing import Any

import pytest
from django.test import Client

from billingos.common.ids import uuid7
from billingos.common.tenancy import scope
from billingos.merchants.models import AuditEntry, Membership, User
from billingos.merchants.selectors import branding_of
from billingos.merchants.services import add_member
from tests.factories import UserFactory
from tests.pages.looking import BUDGET, assert_strict, statements, text_of
from tests.scenes import Scene
from tests.subscriptions.test_documents import PNG

ACTS = ("pay", "void", "refund", "credit")


def visitor(scene: Scene, role: str = "owner") -> Client:
    person: User = UserFactory.create()
    add_member(merchant=scene.api.merchant, user=person, role=Membership.Role(role))
    client = Client()
    client.force_login(person)
    return client


def url(scene: Scene, invoice: dict[str, Any], act: str = "") -> str:
    return f"/app/{scene.api.merchant.slug}/invoices/{invoice['id']}" + (f"/{act}" if act else "")


def paid(scene: Scene) -> dict[str, Any]:
    found: dict[str, Any] = scene.api.found("/invoices", status="paid")["data"][0]
    return found


def owed(scene: Scene) -> dict[str, Any]:
    lines = [{"amount": 3000, "description": "Setup"}]
    body = {"customer_id": scene.customer["id"], "lines": lines, "collection_method": "send_invoice"}
    return scene.api.made("/invoices", body)


def now(scene: Scene, invoice: dict[str, Any]) -> dict[str, Any]:
    return scene.api.found(f"/invoices/{invoice['id']}")


def sent(client: Client, address: str, **answers: Any) -> str:
    """What the page says after the form was sent."""
    return text_of(client.post(address, {"token": str(uuid7()), **answers}, follow=True))


def audited(scene: Scene) -> list[str]:
    with scope(scene.api.merchant.id):
        entries = AuditEntry.objects.filter(merchant=scene.api.merchant, action__startswith="invoice.")
        return [entry.action for entry in entries.order_by("id")]


def test_the_page_tells_all_within_its_budget(scene: Scene) -> None:
    client, invoice = visitor(scene), paid(scene)
    scene.api.made("/refunds", {"invoice": invoice["id"], "amount": 100})
    scene.api.made("/credit-notes", {"invoice": invoice["id"], "amount": 200, "credit_amount": 200, "memo": "Sorry"})
    page = client.get(url(scene, invoice))
    assert_strict(page)
    for told in (invoice["number"], "$49.00", "•••• 4242", "Sorry", "$1.00", invoice["stripe_id"], "Credit note"):
        assert told in text_of(page), told
    assert statements(client, url(scene, invoice)) <= BUDGET
    listed = client.get(f"/app/{scene.api.merchant.slug}/customers/{scene.customer['id']}/invoices")
    assert url(scene, invoice) in text_of(listed)


def test_a_part_is_refunded_once_though_the_form_comes_twice(scene: Scene) -> None:
    client, invoice = visitor(scene), paid(scene)
    question = client.get(url(scene, invoice, "refund"))
    assert_strict(question)
    assert "At most $49.00." in text_of(question)
    form = {"token": str(uuid7()), "amount": "9,5", "reason": "duplicate"}
    for _ in range(2):
        said = text_of(client.post(url(scene, invoice, "refund"), form, follow=True))
    assert "$9.50 are on their way back" in said
    assert [row["amount"] for row in scene.api.found("/refunds")["data"]] == [950]
    assert audited(scene) == ["invoice.refunded"]


WRONG_AMOUNTS: list[str] = ["", "0", "-1", "49.01", "1.005", "NaN", "Infinity", "1e400", "twelve", "9" * 20]


def test_an_amount_that_cannot_be(scene: Scene, subtests: pytest.Subtests) -> None:
    for amount in WRONG_AMOUNTS:
        with subtests.test(amount=amount):
            client, invoice = visitor(scene), paid(scene)
            answer = client.post(url(scene, invoice, "refund"), {"token": str(uuid7()), "amount": amount})
            assert answer.status_code == 400
            assert scene.api.found("/refunds")["data"] == []


@pytest.mark.parametrize(("to", "balance"), [("refund_amount", 0), ("credit_amount", -1000), ("out_of_band_amount", 0)])
def test_a_credit_note_from_the_page(scene: Scene, to: str, balance: int) -> None:
    client, invoice = visitor(scene), paid(scene)
    assert "Credit note" in sent(client, url(scene, invoice, "credit"), amount="10", to=to, memo="For the outage")
    (note,) = now(scene, invoice)["credit_notes"]
    assert (note["total"], note["memo"]) == (1000, "For the outage")
    assert scene.api.found(f"/customers/{scene.customer['id']}")["balance"] == balance
    assert audited(scene) == ["invoice.credited"]


def test_what_is_owed_is_lowered_first(scene: Scene) -> None:
    client, invoice = visitor(scene), owed(scene)
    sent(client, url(scene, invoice, "credit"), amount="10", to="refund_amount")
    assert now(scene, invoice)["amount_remaining"] == 2000


def test_what_was_refunded_is_not_credited_again(scene: Scene) -> None:
    client, invoice = visitor(scene), paid(scene)
    scene.api.made("/refunds", {"invoice": invoice["id"], "amount": 700})
    scene.api.made("/credit-notes", {"invoice": invoice["id"], "amount": 500, "refund_amount": 500})
    assert "At most $37.00." in text_of(client.get(url(scene, invoice, "credit")))
    assert "At most $37.00." in text_of(client.get(url(scene, invoice, "refund")))
    assert "Credit note" in sent(client, url(scene, invoice, "credit"), amount="37", to="credit_amount")
    assert "Nothing to do here" in text_of(client.get(url(scene, invoice, "credit")))


def test_collecting_and_voiding(scene: Scene) -> None:
    client, first, second, third = visitor(scene), owed(scene), owed(scene), owed(scene)
    assert "is paid." in sent(client, url(scene, first, "pay"), how="charge")
    assert now(scene, first)["payments"][-1]["amount_paid"] == 3000
    assert "is paid." in sent(client, url(scene, second, "pay"), how="elsewhere")
    assert "is void." in sent(client, url(scene, third, "void"))
    assert [now(scene, one)["status"] for one in (first, second, third)] == ["paid", "paid", "void"]
    assert audited(scene) == ["invoice.paid", "invoice.noted_paid", "invoice.voided"]
    assert "Nothing to do here" in text_of(client.get(url(scene, first, "pay")))


def test_a_declined_card_is_told(scene: Scene) -> None:
    body = {"payment_method": "pm_card_chargeCustomerFail"}
    scene.api.made(f"/customers/{scene.customer['id']}/payment-methods", body)
    client, invoice = visitor(scene), owed(scene)
    assert "declined" in sent(client, url(scene, invoice, "pay"), how="charge")
    assert (now(scene, invoice)["status"], audited(scene)) == ("open", [])


@pytest.mark.parametrize("role", ["developer", "viewer"])
def test_who_may_not_change_billing_may_look(scene: Scene, role: str) -> None:
    client, invoice = visitor(scene, role), owed(scene)
    page = text_of(client.get(url(scene, invoice)))
    assert "Document" in page
    for act in ACTS:
        assert url(scene, invoice, act) not in page
        assert client.get(url(scene, invoice, act)).status_code == 403
        assert client.post(url(scene, invoice, act), {"token": str(uuid7())}).status_code == 403


def test_the_document_as_page_and_as_file(scene: Scene) -> None:
    client, invoice = visitor(scene, "viewer"), paid(scene)
    page = client.get(url(scene, invoice, "document"))
    assert_strict(page)
    assert "Show the receipt" in text_of(page)
    assert "<h1>Receipt" in text_of(client.get(url(scene, invoice, "document") + "?type=receipt"))
    assert client.get(url(scene, invoice, "document.pdf")).content.startswith(b"%PDF")
    assert client.get(url(scene, owed(scene), "document") + "?type=receipt").status_code == 404


# --- Branding -------------------------------------------------------------------------------------------------------

FORM = {
    "legal_name": "Acme, Inc.",
    "address": "1 Main Street\r\n\r\nSpringfield",
    "tax_kind_1": "us_ein",
    "tax_value_1": "12-3456789",
    "accent_colour": "#0b6e8f",
    "website": "acme.example",
}


def test_branding_is_saved_and_shown(scene: Scene, tmp_path: Any) -> None:
    client, address = visitor(scene), f"/app/{scene.api.merchant.slug}/settings/branding"
    assert_strict(client.get(address))
    file = tmp_path / "logo.svg"  # its name says nothing
    file.write_bytes(PNG)
    with file.open("rb") as logo:
        answer = client.post(address, {**FORM, "logo": logo}, follow=True)
    assert "Saved." in text_of(answer)
    assert "data:image/png;base64," in text_of(answer)
    assert re.search(r'value="12-3456789"', text_of(answer))
    with scope(scene.api.merchant.id):
        row = branding_of(scene.api.merchant.id)
    assert (row.address_lines, row.tax_ids) == (
        ["1 Main Street", "Springfield"], [{"type": "us_ein", "value": "12-3456789"}],
    )  # fmt: skip
    assert "Nothing was changed." in text_of(client.post(address, FORM, follow=True))
    assert "Saved." in text_of(client.post(address, {**FORM, "remove_logo": "on"}, follow=True))
    with scope(scene.api.merchant.id):
        assert branding_of(scene.api.merchant.id).logo is None


WRONG_BRANDING: list[tuple[dict[str, str], str]] = [
    ({"accent_colour": "url(x)"}, "hexadecimal"),
    ({"tax_value_1": ""}, "required"),
    ({"tax_kind_1": ""}, "what kind"),
    ({"website": "javascript:alert(1)"}, "such as example.com"),
    ({"support_email": "nobody"}, "valid email"),
]


def test_branding_that_cannot_be_is_told(scene: Scene, subtests: pytest.Subtests) -> None:
    for sent, says in WRONG_BRANDING:
        with subtests.test(sent=sent):
            answer = visitor(scene).post(f"/app/{scene.api.merchant.slug}/settings/branding", {**FORM, **sent})
            assert (answer.status_code, says in text_of(answer)) == (400, True)


def test_a_picture_that_is_none_is_told(scene: Scene, tmp_path: Any) -> None:
    file = tmp_path / "logo.png"
    file.write_bytes(b"<svg onload='alert(1)'/>")
    with file.open("rb") as logo:
        answer = visitor(scene).post(f"/app/{scene.api.merchant.slug}/settings/branding", {**FORM, "logo": logo})
    assert (answer.status_code, "PNG or JPEG image" in text_of(answer)) == (400, True)


def test_others_may_only_look_at_the_branding(scene: Scene) -> None:
    client, address = visitor(scene, "viewer"), f"/app/{scene.api.merchant.slug}/settings/branding"
    assert client.get(address).status_code == 200
    assert client.post(address, FORM).status_code == 403
