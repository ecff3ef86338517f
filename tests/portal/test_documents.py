"""The customer's invoices and receipts in the portal."""

from typing import Any

from django.test import Client

from tests.pages.looking import assert_strict
from tests.portal.conftest import enter, session_for, text_of
from tests.scenes import Scene


def first(scene: Scene) -> dict[str, Any]:
    found: dict[str, Any] = scene.api.found("/invoices")["data"][0]
    return found


def test_the_list_leads_to_receipt_and_file(scene: Scene, browser: Client) -> None:
    address = f"/portal/invoices/{first(scene)['id']}/document"
    html = browser.get("/portal/invoices").content.decode()
    assert f'href="{address}?type=receipt"' in html
    assert f'href="{address}.pdf"' in html
    page = browser.get(f"{address}?type=receipt")
    assert_strict(page)
    assert page["Cache-Control"] == "no-store"
    assert "$49.00 USD paid on 1 January 2026" in text_of(page)
    assert "Back to your invoices" in text_of(page)
    assert "BillingOS" not in page.content.decode().replace("billingos/", "")
    file = browser.get(f"{address}.pdf")
    assert (file["Content-Type"], file.content[:4]) == ("application/pdf", b"%PDF")


def test_drafts_and_the_invoices_of_others_are_not_there(scene: Scene, browser: Client) -> None:
    lines = [{"amount": 100, "description": "A"}]
    draft = scene.api.made("/invoices", {"customer_id": scene.customer["id"], "lines": lines, "draft": True})
    other = scene.api.made("/customers", {"name": "B", "payment_method": "pm_card_visa"})
    theirs = scene.api.made("/invoices", {"customer_id": other["id"], "lines": lines})
    for invoice in (draft, theirs):
        for ending in ("document", "document.pdf"):
            assert browser.get(f"/portal/invoices/{invoice['id']}/{ending}").status_code == 404
    assert (
        enter(session_for(scene.api, other["id"]).link_token)
        .get(f"/portal/invoices/{theirs['id']}/document.pdf")
        .content.startswith(b"%PDF")
    )
    assert Client().get(f"/portal/invoices/{first(scene)['id']}/document.pdf").status_code == 403


def test_the_receipt_of_what_is_not_paid_is_not_there(scene: Scene, browser: Client) -> None:
    lines = [{"amount": 100, "description": "A"}]
    body = {"customer_id": scene.customer["id"], "lines": lines, "collection_method": "send_invoice"}
    invoice = scene.api.made("/invoices", body)
    assert browser.get(f"/portal/invoices/{invoice['id']}/document?type=receipt").status_code == 404
    assert "Amount due" in text_of(browser.get(f"/portal/invoices/{invoice['id']}/document"))
