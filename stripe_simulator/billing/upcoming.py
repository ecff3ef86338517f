"""The invoice to come, as ``invoice.upcoming`` shows it some days ahead: nothing of it is kept."""

from stripe_simulator.billing import discounts, invoice_items, invoices, lines, metering, totals
from stripe_simulator.database import Record
from stripe_simulator.ids import new_id
from stripe_simulator.periods import next_boundary
from stripe_simulator.rendering import Json, list_object, render
from stripe_simulator.store import clone
from stripe_simulator.work import Work


def invoice(work: Work, subscription: Record) -> Json:
    """What the next renewal would bill as things stand."""
    customer = work.get("customer", subscription["customer"])
    began, begins = _period(subscription)
    drawn = metering.cycle_lines(work, _renewed(work, subscription, begins), (began, begins))
    taken = [lines.pending_line(item) for item in invoice_items.waiting(work, subscription)]
    body: Record = invoices.subscription_body(work, subscription, customer, "upcoming", (began, begins))
    id = f"upcoming_{new_id('invoice')}"
    body |= {
        "_kind": "invoice",
        "id": id,
        "object": "invoice",
        "livemode": False,
        "created": begins,
        "_reckoned_at": begins,
    }
    body |= {"next_payment_attempt": begins + invoices.DRAFT_SECONDS, "auto_advance": False}
    body["discounts"] = discounts.of_subscription(work, subscription, customer)
    for line in taken + drawn:
        line["invoice"] = id
    body["lines"] = list_object(f"/v1/invoices/upcoming/lines?subscription={subscription['id']}", taken + drawn)
    totals.reckon(work, body)
    return render(work, body)


def _period(subscription: Record) -> tuple[int, int]:
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def _renewed(work: Work, subscription: Record, begins: int) -> Record:
    copy: Record = clone(subscription)
    price = work.get("price", copy["items"]["data"][0]["price"])["recurring"]
    ends = next_boundary(copy["billing_cycle_anchor"], price["interval"], price["interval_count"], begins)
    for item in copy["items"]["data"]:
        item |= {"current_period_start": begins, "current_period_end": ends}
    return copy
