"""Invoices and receipts: what stands on them is what Stripe says, and they can be made of anything."""

import re
import struct
import zlib
from dataclasses import replace
from typing import Any

import pytest

from billingos.common.errors import InvalidRequest
from billingos.common.tenancy import scope
from billingos.demo.logos import logo
from billingos.merchants.models import AuditEntry, Merchant
from billingos.merchants.selectors import branding_of
from billingos.merchants.services.branding import checked_logo, set_logo, update_branding
from subscriptions.documents import Document, as_pdf, document_of
from subscriptions.documents.content import Line, Party
from subscriptions.documents.pdf import FONTS, font_paths
from tests.pages.looking import INLINE
from tests.scenes import Scene

NAMES = {
    "NotoSans-": "Zoë Müller Ελένη Дмитрий Łukasz Nguyễn देवनागरी ग्राहक",
    "NotoSansArabic-": "شركة الأمل للتجارة",
    "Heebo-": "חברת שלום",
    "NotoSansThai-": "ลูกค้า สวัสดี",
    "NotoSansCJKtc-": "株式会社サンプル 北京示例有限公司 한국",
}
PNG = logo("#0b6e8f", (40, 100))


def document(scene: Scene, invoice: dict[str, Any], kind: str = "invoice") -> Document:
    return document_of(merchant=scene.api.merchant, invoice_id=invoice["id"], kind=kind)


def first(scene: Scene) -> dict[str, Any]:
    found: dict[str, Any] = scene.api.found("/invoices")["data"][0]
    return found


def charge(scene: Scene, **more: Any) -> dict[str, Any]:
    lines = [{"unit_amount": 5000, "quantity": 2, "description": "Hours"}]
    return scene.api.made("/invoices", {"customer_id": scene.customer["id"], "lines": lines, **more})


def rows(found: list[Any]) -> dict[str, str]:
    return {row.label: row.value for row in found}


def pages(pdf: bytes) -> int:
    found = re.search(rb"/Type/Pages/Count (\d+)", pdf)
    assert found
    return int(found[1])


def fonts(pdf: bytes) -> str:
    return " ".join(sorted({name.decode() for name in re.findall(rb"/BaseFont/\w{6}\+([\w-]+)", pdf)}))


@pytest.fixture
def branded(scene: Scene) -> Merchant:
    merchant = scene.api.merchant
    update_branding(
        merchant=merchant,
        legal_name="Acme Analytics, Inc.",
        address_lines=["1 Main Street", "Springfield"],
        tax_ids=[{"type": "us_ein", "value": "12-3456789"}],
        support_email="billing@acme.example",
        website="acme.example",
        accent_colour="#0B6E8F",
        receipt_footer="Thank you.",
    )
    set_logo(merchant=merchant, content=PNG)
    return merchant


@pytest.mark.usefixtures("branded")
def test_a_paid_invoice_and_its_receipt(scene: Scene) -> None:
    shown = document(scene, first(scene))
    assert (shown.title, shown.stamp, shown.number) == ("Invoice", "Paid", first(scene)["number"])
    assert shown.headline == "$49.00 USD paid on 1 January 2026"
    assert shown.seller == Party(
        "Acme Analytics, Inc.", ["1 Main Street", "Springfield", "United States"], ["EIN 12-3456789"]
    )
    assert shown.buyer.name == "a@example.com"
    assert rows(shown.facts)["Payment method"] == "Visa •••• 4242"
    (line,) = shown.lines
    assert (line.period, line.quantity, line.unit_price, line.amount) == (
        "1 January 2026 – 1 February 2026", "1", "$49.00", "$49.00",
    )  # fmt: skip
    assert rows(shown.sums) == {"Subtotal": "$49.00", "Total": "$49.00", "Amount paid": "$49.00"}
    assert (shown.accent, shown.footer, shown.contact) == (
        "#0b6e8f", "Thank you.", "billing@acme.example · acme.example",
    )  # fmt: skip
    assert (shown.paper, shown.logo) == ("us-letter", PNG)
    assert document(scene, first(scene), "receipt").title == "Receipt"


def by_hand(scene: Scene, *rates: str, **more: Any) -> dict[str, Any]:
    """An open invoice of a hundred dollars for each rate (a rate may be empty)."""
    v1, account, stripe_id = scene.stripe_client.v1, scene.account, scene.customer["stripe_id"]
    wanted: Any = {"customer": stripe_id, **more}
    draft = v1.invoices.create(wanted, account)
    for rate in rates:
        item: Any = {"customer": stripe_id, "invoice": draft.id, "amount": 10000, "tax_rates": [rate] if rate else []}
        v1.invoice_items.create(item, account)
    v1.invoices.finalize_invoice(draft.id or "", None, account)
    scene.deliveries.flush()
    return first(scene)


def test_taxes_by_rate_discount_and_balance(scene: Scene) -> None:
    v1, account = scene.stripe_client.v1, scene.account
    vat = v1.tax_rates.create({"display_name": "VAT", "percentage": 19.5, "inclusive": False}, account)
    city: Any = {"display_name": "City", "percentage": 5, "inclusive": True}
    included = v1.tax_rates.create(city, account)
    v1.coupons.create({"id": "TEN", "percent_off": 10, "duration": "once"}, account)
    v1.customers.update(scene.customer["stripe_id"], {"balance": -1500}, account)
    shown = document(scene, by_hand(scene, vat.id, vat.id, included.id, discounts=[{"coupon": "TEN"}]))
    assert [(row.label, row.value) for row in shown.sums] == [
        ("Subtotal", "$300.00"),
        ("Discount", "−$30.00"),
        ("VAT (19.5%) on $180.00", "$35.10"),
        ("Total", "$305.10"),
        ("City (5%) included, on $85.71", "$4.29"),
        ("From the credit balance", "−$15.00"),
        ("Amount due", "$290.10"),
    ]
    assert shown.headline == "$290.10 USD due"
    assert [line.note for line in shown.lines] == ["Discount −$10.00"] * 3


def test_who_is_billed_is_told_as_the_invoice_has_it(scene: Scene) -> None:
    v1, account, stripe_id = scene.stripe_client.v1, scene.account, scene.customer["stripe_id"]
    address: Any = {"line1": "Weg 1", "postal_code": "10115", "city": "Berlin", "country": "DE"}
    v1.customers.update(stripe_id, {"name": "Müller & Söhne", "address": address, "tax_exempt": "reverse"}, account)
    v1.customers.tax_ids.create(stripe_id, {"type": "eu_vat", "value": "DE123456789"}, account)
    invoice = by_hand(scene, "")
    later: Any = {"name": "Nachfolger", "tax_exempt": "none"}
    v1.customers.update(stripe_id, later, account)
    scene.deliveries.flush()
    shown = document(scene, invoice)
    assert shown.buyer == Party(
        "Müller & Söhne", ["Weg 1", "10115 Berlin", "Germany", "a@example.com"], ["VAT DE123456789"]
    )
    assert shown.notes == ["Tax to be paid on reverse charge basis."]


def test_a_rate_that_is_not_here_is_asked_for(scene: Scene) -> None:
    v1, account = scene.stripe_client.v1, scene.account
    rate = v1.tax_rates.create({"display_name": "MwSt", "percentage": 19, "inclusive": False}, account)
    stripe_id = scene.customer["stripe_id"]
    draft = v1.invoices.create({"customer": stripe_id, "default_tax_rates": [rate.id]}, account)
    v1.invoice_items.create({"customer": stripe_id, "invoice": draft.id or "", "amount": 1000}, account)
    v1.invoices.finalize_invoice(draft.id or "", None, account)
    waiting = scene.deliveries.pop()
    scene.deliveries.waiting = [one for one in waiting if b'"tax_rate.created"' not in one[0]]
    scene.deliveries.flush()
    assert rows(document(scene, first(scene)).sums)["MwSt (19%) on $10.00"] == "$1.90"


def test_what_was_given_back_stands_on_it(scene: Scene) -> None:
    invoice = charge(scene)
    note = scene.api.made("/credit-notes", {"invoice": invoice["id"], "amount": 1000, "credit_amount": 1000})
    scene.api.made("/refunds", {"invoice": invoice["id"], "amount": 700})
    assert rows(document(scene, invoice).movements) == {
        f"Credit note {note['number']}, 1 January 2026": "−$10.00",
        "Refunded to Visa •••• 4242, 1 January 2026": "−$7.00",
    }


def test_each_state_says_what_it_is(scene: Scene) -> None:
    draft = document(scene, charge(scene, draft=True))
    assert (draft.stamp, draft.number, draft.file_name) == ("Draft", "", "invoice-draft")
    sent = charge(scene, collection_method="send_invoice", days_until_due=10)
    assert (document(scene, sent).stamp, document(scene, sent).headline) == ("", "$100.00 USD due on 11 January 2026")
    scene.api.made(f"/invoices/{sent['id']}/void", {})
    void = document(scene, sent)
    assert (void.stamp, void.headline, "Amount due" in rows(void.sums)) == (
        "Void", "$100.00 USD, void: nothing is owed", False,
    )  # fmt: skip
    refused = scene.api.get(f"/invoices/{sent['id']}/document", type="receipt")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "invoice_status")


def test_yen_have_no_decimals(scene: Scene) -> None:
    ken = scene.api.made("/customers", {"name": "株式会社サンプル", "payment_method": "pm_card_visa"})
    lines = [{"unit_amount": 1200, "quantity": 3, "description": "作業"}]
    invoice = scene.api.made("/invoices", {"customer_id": ken["id"], "lines": lines, "currency": "jpy"})
    shown = document(scene, invoice)
    assert (shown.lines[0].unit_price, shown.lines[0].amount, shown.headline[:10]) == ("¥1,200", "¥3,600", "¥3,600 JPY")


# --- As PDF ---------------------------------------------------------------------------------------------------------


def test_every_script_has_its_font_and_the_same_is_the_same(scene: Scene) -> None:
    assert len(font_paths()) == len(FONTS)
    plain = document(scene, first(scene))
    for font, name in NAMES.items():
        pdf = as_pdf(replace(plain, buyer=Party(name)))
        assert font in fonts(pdf), name
        assert pdf == as_pdf(replace(plain, buyer=Party(name)))


def test_hostile_text_is_text(scene: Scene) -> None:
    nasty = '#read("/etc/passwd") $x$ *b* _i_ @ref <l> ]} \\ // /* "' + "\u202e" + "x" * 3000
    plain = document(scene, first(scene))
    line = Line(nasty, nasty, "1", "", "$1.00", nasty)
    pdf = as_pdf(replace(plain, buyer=Party(nasty, [nasty], [nasty]), lines=[line], notes=[nasty], footer=nasty))
    assert pdf.startswith(b"%PDF")
    assert b"root:" not in pdf


def test_a_long_invoice_takes_several_pages(scene: Scene) -> None:
    plain = document(scene, first(scene))
    lines = [Line(f"Line {number}", "1 January 2026 – 1 February 2026", "1", "$1.00", "$1.00") for number in range(250)]
    assert pages(as_pdf(plain)) == 1
    assert 8 < pages(as_pdf(replace(plain, lines=lines))) < 20


def test_the_paper_is_the_countrys(scene: Scene) -> None:
    plain = document(scene, first(scene))
    sizes = {
        paper: re.search(rb"/MediaBox\[([^]]+)\]", as_pdf(replace(plain, paper=paper))) for paper in ("a4", "us-letter")
    }
    assert [found and found[1].split()[2][:3] for found in sizes.values()] == [b"595", b"612"]


def test_over_the_api(scene: Scene, branded: Merchant) -> None:
    address = f"/invoices/{first(scene)['id']}/document"
    page = scene.api.get(address, type="receipt")
    html = page.content.decode()
    assert page["Content-Type"].startswith("text/html")
    assert "<h1>Receipt" in html
    assert INLINE.search(html) is None
    assert 'href="http' in html
    assert "data:image/png;base64," in html
    pdf = scene.api.get(f"{address}.pdf")
    assert (pdf["Content-Type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    assert pdf["Content-Disposition"] == f'attachment; filename="invoice-{first(scene)["number"].lower()}.pdf"'
    assert scene.api.get(address, type="poem").json()["error"]["param"] == "type"


# --- Branding -------------------------------------------------------------------------------------------------------


def png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + b"IHDR"
        + header
        + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a" + b"\x00" * 40,
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"\x89PNG\r\n\x1a\n",
        png(40000, 40000),
        png(0, 10),
        b"\xff\xd8\xff" + b"\x00" * 50,
        b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff" + b"\x00" * 20,
        PNG + b"\x00" * 256 * 1024,
    ],
)
def test_a_logo_that_is_none(content: bytes) -> None:
    with pytest.raises(InvalidRequest):
        checked_logo(content)


def test_a_logo_that_is_broken_inside_is_left_out(scene: Scene) -> None:
    plain = document(scene, first(scene))
    broken = png(10, 10) + b"\x00" * 20
    assert checked_logo(broken) == "image/png"
    assert as_pdf(replace(plain, logo=broken, logo_type="image/png")).startswith(b"%PDF")
    assert b"/Image" in as_pdf(replace(plain, logo=PNG, logo_type="image/png"))


@pytest.mark.parametrize(
    ("details", "param"),
    [
        ({"accent_colour": "red"}, "accent_colour"),
        ({"accent_colour": "#12345"}, "accent_colour"),
        ({"website": "javascript:alert(1)"}, "website"),
        ({"support_email": "nobody"}, "support_email"),
        ({"legal_name": "x" * 201}, "legal_name"),
        ({"receipt_footer": "x" * 501}, "receipt_footer"),
        ({"address_lines": ["a"] * 7}, "address_lines"),
        ({"address_lines": ["a" * 121]}, "address_lines"),
        ({"tax_ids": [{"type": "moon_vat", "value": "1"}]}, "tax_ids"),
        ({"tax_ids": [{"type": "eu_vat", "value": " "}]}, "tax_ids"),
    ],
)
def test_branding_that_cannot_be(merchant: Merchant, details: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        update_branding(merchant=merchant, **details)
    assert refused.value.param == param


def test_branding_leaves_what_is_not_given_and_is_audited(branded: Merchant) -> None:
    assert update_branding(merchant=branded, legal_name="  New   Name ") == {
        "legal_name": {"before": "Acme Analytics, Inc.", "after": "New Name"}
    }
    assert update_branding(merchant=branded, legal_name="New Name") == {}
    set_logo(merchant=branded, content=None)
    with scope(branded.id):
        row = branding_of(branded.id)
        entries = AuditEntry.objects.filter(merchant=branded, action="branding.updated").order_by("id")
        assert [list(entry.details) for entry in entries][1:] == [["logo"], ["legal_name"], ["logo"]]
    assert (row.website, row.logo, row.logo_type) == ("acme.example", None, "")
