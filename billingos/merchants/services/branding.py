"""What stands on a merchant's documents: details of the business, a colour, a logo."""

import re
import struct
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from billingos.common.errors import InvalidRequest
from billingos.common.tenancy import scope
from billingos.merchants.models import Branding, Merchant, User
from billingos.merchants.services.audit import record_audit
from billingos.merchants.services.rules import changes_to
from billingos.merchants.tax_ids import TAX_IDS

MAX_LOGO = 256 * 1024  # bytes
MAX_SIDE = 2000  # pixels: what unpacks to more is no logo
COLOUR = re.compile(r"#[0-9a-f]{6}")
WEBSITE = re.compile(r"(https://)?[\w.-]+\.[\w-]+(/\S*)?")
LINES, LINE = 6, 120
START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def update_branding(*, merchant: Merchant, by: User | None = None, **details: Any) -> dict[str, Any]:
    """Writes `legal_name`, `address_lines`, `support_email`, `website`, `tax_ids` ([{type, value}]), `accent_colour`
    (#rrggbb) and `receipt_footer`, as far as given; returns what has changed. Raises InvalidRequest."""
    wanted = _checked(details)
    with scope(merchant.id):
        row = Branding.objects.for_merchant(merchant.id).select_for_update().get()
        changes = changes_to(row, wanted)
        if changes:
            row.save(update_fields=list(changes))
            _record(merchant, by, changes)
    return changes


def set_logo(*, merchant: Merchant, content: bytes | None, by: User | None = None) -> None:
    """A PNG or JPEG of at most 256 KB and 2000 pixels a side; None takes it away. Raises InvalidRequest."""
    kind = checked_logo(content) if content else ""
    with scope(merchant.id):
        row = Branding.objects.for_merchant(merchant.id).select_for_update().get()
        before = row.logo_type
        if content == (bytes(row.logo) if row.logo else None):
            return
        row.logo, row.logo_type = content, kind
        row.save(update_fields=["logo", "logo_type"])
        _record(merchant, by, {"logo": {"before": before or None, "after": kind or None}})


def _record(merchant: Merchant, by: User | None, changes: dict[str, Any]) -> None:
    record_audit(
        merchant_id=merchant.id,
        action="branding.updated",
        target=f"merchant {merchant.slug}",
        user=by,
        details=changes,
    )


def _checked(details: dict[str, Any]) -> dict[str, Any]:
    """The same, with spaces put right."""
    for name in ("legal_name", "website", "support_email"):
        if name in details:
            details[name] = " ".join(str(details[name]).split())
    if "address_lines" in details:
        details["address_lines"] = _address(details["address_lines"])
    if "tax_ids" in details:
        details["tax_ids"] = [_tax_id(entry) for entry in details["tax_ids"]]
    if "receipt_footer" in details:
        details["receipt_footer"] = details["receipt_footer"].replace("\r\n", "\n").strip()
    _refuse(details)
    return details


def _refuse(details: dict[str, Any]) -> None:
    if "accent_colour" in details:
        details["accent_colour"] = details["accent_colour"].lower()
    if not COLOUR.fullmatch(details.get("accent_colour", "#000000")):
        raise InvalidRequest("A colour is # and six hexadecimal digits.", param="accent_colour")
    if len(details.get("legal_name", "")) > 200:
        raise InvalidRequest("A name has at most 200 characters.", param="legal_name")
    if len(details.get("receipt_footer", "")) > 500:
        raise InvalidRequest("At most 500 characters.", param="receipt_footer")
    if (website := details.get("website")) and (len(website) > 200 or not WEBSITE.fullmatch(website)):
        raise InvalidRequest("An address such as example.com.", param="website")
    if email := details.get("support_email"):
        try:
            validate_email(email)
        except ValidationError as error:
            raise InvalidRequest("This is no e-mail address.", param="support_email") from error


def _address(lines: list[str]) -> list[str]:
    found = [text for line in lines if (text := " ".join(line.split()))]
    if len(found) > LINES or any(len(line) > LINE for line in found):
        raise InvalidRequest(f"At most {LINES} lines of {LINE} characters.", param="address_lines")
    return found


def _tax_id(entry: dict[str, str]) -> dict[str, str]:
    kind, value = entry["type"], " ".join(entry["value"].split())
    if kind not in TAX_IDS or not 0 < len(value) <= 40:
        raise InvalidRequest("A tax id has a known kind and 1 to 40 characters.", param="tax_ids")
    return {"type": kind, "value": value}


def checked_logo(content: bytes) -> str:
    """image/png or image/jpeg, by what is in it and not by what it is called. Raises InvalidRequest."""
    if len(content) > MAX_LOGO:
        raise InvalidRequest("A logo has at most 256 KB.", param="logo")
    if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR" and len(content) > 32:
        kind, sides = "image/png", struct.unpack(">II", content[16:24])
    elif content.startswith(b"\xff\xd8\xff"):
        kind, sides = "image/jpeg", _jpeg_sides(content)
    else:
        raise InvalidRequest("A logo is a PNG or JPEG image.", param="logo")
    if not all(0 < side <= MAX_SIDE for side in sides):
        raise InvalidRequest(f"A logo has at most {MAX_SIDE} pixels a side.", param="logo")
    return kind


def _jpeg_sides(content: bytes) -> tuple[int, int]:
    """Height and width out of the first frame header; (0, 0) where there is none."""
    at = 2
    while at + 9 < len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], struct.unpack(">H", content[at + 2 : at + 4])[0]
        if marker in START_OF_FRAME:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return height, width
        at += 2 + length
    return 0, 0
