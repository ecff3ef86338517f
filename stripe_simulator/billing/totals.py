"""What an invoice comes to: discounts and taxes line by line, and the sums of its lines.

Discounts of a line come before those of the invoice, each in its order and on what the ones before it left.
Tax is on what is left after all of them. All of it is worked out anew whenever a draft changes.
"""

from stripe_simulator.billing import discounts, taxes
from stripe_simulator.database import Record
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work


def reckon(work: Work, invoice: Record) -> None:
    """Work out a draft's lines and sums (within an ``edit`` block)."""
    lines: list[Json] = invoice["lines"]["data"]
    for line in lines:
        line |= {"discount_amounts": [], "pretax_credit_amounts": []}
    left = [line["amount"] for line in lines]
    for position, line in enumerate(lines):
        for discount in discounts.running(work, line["discounts"], invoice["_reckoned_at"]):
            discounts.take(discount, lines, left, [position], invoice["currency"])
    after_own = list(left)
    for discount in discounts.running(work, invoice["discounts"], invoice["_reckoned_at"]):
        discounts.take(discount, lines, left, range(len(lines)), invoice["currency"])
    before_tax = sum(_tax(work, invoice, line, own, net) for line, own, net in zip(lines, after_own, left, strict=True))
    _sum(invoice, lines, sum(after_own), sum(left), before_tax)


def _tax(work: Work, invoice: Record, line: Json, own: int, net: int) -> int:
    """Set the line's taxes; what it is before the invoice's discounts and without any tax."""
    ids = line.get("_tax_rates") or invoice["default_tax_rates"]
    if not ids:
        line["taxes"] = []
        return own
    rates = [work.get("tax_rate", id) for id in ids]
    exemption = invoice["customer_tax_exempt"] or "none"
    line["taxes"] = taxes.taxes_on(net, rates, exemption)
    return own - taxes.inclusive(taxes.taxes_on(own, rates, exemption))


def _sum(invoice: Record, lines: list[Json], subtotal: int, net: int, before_tax: int) -> None:
    charged = [tax for line in lines for tax in line["taxes"]]
    taken = [entry for line in lines for entry in line["discount_amounts"]]
    total = net + taxes.exclusive(charged)
    due = max(total + invoice["starting_balance"], 0)
    offs = _by_discount(taken)
    invoice |= {
        "amount_due": due,
        "amount_remaining": due,
        "subtotal": subtotal,
        "subtotal_excluding_tax": before_tax,
        "total": total,
        "total_discount_amounts": offs,
        "total_excluding_tax": net - taxes.inclusive(charged),
        "total_pretax_credit_amounts": [{**entry, "type": "discount"} for entry in offs],
        "total_taxes": taxes.totalled(charged),
    }


def _by_discount(entries: list[Json]) -> list[Json]:
    sums: dict[str, int] = {}
    for entry in entries:
        sums[entry["discount"]] = sums.get(entry["discount"], 0) + entry["amount"]
    return [{"amount": amount, "discount": id} for id, amount in sums.items()]
