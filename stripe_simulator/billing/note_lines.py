"""The lines of a credit note: parts of the invoice's lines with their discounts and taxes, or free ones."""

from fractions import Fraction
from typing import Any

from stripe_simulator.billing import taxes
from stripe_simulator.database import Record
from stripe_simulator.errors import invalid, missing_param, not_found, not_simulated
from stripe_simulator.ids import new_id
from stripe_simulator.money import decimal_text, rounded
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work


def drawn(work: Work, invoice: Record, values: dict[str, Any]) -> list[Json]:
    """The lines that were asked for; an ``amount`` without lines is one line of that amount, without tax."""
    if values.get("lines"):
        return [_line(work, invoice, sent, f"lines[{index}]") for index, sent in enumerate(values["lines"])]
    if values.get("amount") is None:
        raise missing_param("amount")
    return [_base("custom_line_item", values["amount"], 1, values.get("memo"))]


def sums(invoice: Record, lines: list[Json]) -> Json:
    """What the lines come to, in the fields of a credit note."""
    own = {line["id"]: set(line["discounts"]) for line in invoice["lines"]["data"]}
    charged = [tax for line in lines for tax in line["taxes"]]
    off, off_own, by_discount = 0, 0, dict[str, int]()
    for line in lines:
        for entry in line["discount_amounts"]:
            off += entry["amount"]
            if entry["discount"] in own.get(line["invoice_line_item"], ()):
                off_own += entry["amount"]
            by_discount[entry["discount"]] = by_discount.get(entry["discount"], 0) + entry["amount"]
    gross = sum(line["amount"] for line in lines)
    net = gross - off
    entries = [{"amount": amount, "discount": id} for id, amount in by_discount.items()]
    return {
        "discount_amount": off,
        "discount_amounts": entries,
        "pretax_credit_amounts": [{**entry, "type": "discount"} for entry in entries],
        "subtotal": gross - off_own,
        "subtotal_excluding_tax": gross - off_own - taxes.inclusive(charged),
        "total": net + taxes.exclusive(charged),
        "total_excluding_tax": net - taxes.inclusive(charged),
        "total_taxes": taxes.totalled(charged),
    }


def _line(work: Work, invoice: Record, sent: dict[str, Any], prefix: str) -> Json:
    if "tax_amounts" in sent:
        raise not_simulated("tax amounts of one's own on credit notes", f"{prefix}[tax_amounts]")
    if sent["type"] == "custom_line_item":
        return _custom(work, invoice, sent, prefix)
    if not sent.get("invoice_line_item"):
        raise missing_param(f"{prefix}[invoice_line_item]")
    found = [line for line in invoice["lines"]["data"] if line["id"] == sent["invoice_line_item"]]
    if not found:
        raise not_found("invoice line item", sent["invoice_line_item"], f"{prefix}[invoice_line_item]", 400)
    return _part(invoice, found[0], _share(found[0], sent, prefix), sent)


def _share(line: Json, sent: dict[str, Any], prefix: str) -> Fraction:
    """How much of an invoice's line is credited, from 0 to 1."""
    amount, quantity = sent.get("amount"), sent.get("quantity")
    if (amount is None) == (quantity is None):
        raise invalid("You must pass either amount or quantity for a line of the invoice.", prefix)
    part, whole = (amount, line["amount"]) if quantity is None else (quantity, line["quantity"])
    if part is None or whole == 0 or not 0 < part * (1 if whole > 0 else -1) <= abs(whole):
        raise invalid(f"You can credit at most {whole} of this line.", prefix)
    return Fraction(part, whole)


def _part(invoice: Record, line: Json, share: Fraction, sent: dict[str, Any]) -> Json:
    amount = rounded(line["amount"] * share)
    shown = _base("invoice_line_item", amount, sent.get("quantity") or line["quantity"], line["description"])
    offs = [{**entry, "amount": rounded(entry["amount"] * share)} for entry in line["discount_amounts"]]
    return shown | {
        "discount_amount": sum(entry["amount"] for entry in offs),
        "discount_amounts": offs,
        "invoice_line_item": line["id"],
        "pretax_credit_amounts": [{**entry, "type": "discount"} for entry in offs],
        "tax_rates": list(line.get("_tax_rates") or invoice["default_tax_rates"]),
        "taxes": [_tax(tax, share) for tax in line["taxes"]],
        "unit_amount": None,
        "unit_amount_decimal": None,
    }


def _tax(tax: Json, share: Fraction) -> Json:
    shares = {name: rounded(tax[name] * share) for name in ("amount", "taxable_amount")}
    return {**tax, **shares, "tax_rate_details": dict(tax["tax_rate_details"])}


def _custom(work: Work, invoice: Record, sent: dict[str, Any], prefix: str) -> Json:
    for name in ("description", "quantity"):
        if not sent.get(name):
            raise missing_param(f"{prefix}[{name}]")
    unit = sent.get("unit_amount_decimal", sent.get("unit_amount"))
    if unit is None:
        raise missing_param(f"{prefix}[unit_amount]")
    amount = rounded(Fraction(unit) * sent["quantity"])
    rates = taxes.check_rates(work, sent.get("tax_rates", []), f"{prefix}[tax_rates]")
    records = [work.get("tax_rate", id) for id in rates]
    return _base("custom_line_item", amount, sent["quantity"], sent["description"]) | {
        "tax_rates": rates,
        "taxes": taxes.taxes_on(amount, records, invoice["customer_tax_exempt"] or "none"),
        "unit_amount": sent.get("unit_amount"),
        "unit_amount_decimal": decimal_text(unit),
    }


def _base(type: str, amount: int, quantity: int, description: str | None) -> Json:
    return {
        "id": new_id("credit_note_line_item"),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": description,
        "discount_amount": 0,
        "discount_amounts": [],
        "invoice_line_item": None,
        "livemode": False,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": quantity,
        "tax_rates": [],
        "taxes": [],
        "type": type,
        "unit_amount": amount,
        "unit_amount_decimal": decimal_text(amount),
    }
