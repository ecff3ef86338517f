"""Disputes: a payment by certain test cards is disputed a moment later, and won or lost by the evidence's words."""

from stripe_simulator.database import Record
from stripe_simulator.events import emit, updating
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

MOMENT = 1  # seconds until a payment is disputed, and until submitted evidence is judged
DUE_DAYS = 9
OPEN = ("needs_response", "warning_needs_response")
TEXTS = (
    "access_activity_log", "billing_address", "cancellation_policy_disclosure", "cancellation_rebuttal",
    "customer_email_address", "customer_name", "customer_purchase_ip", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "refund_policy_disclosure", "refund_refusal_explanation",
    "service_date", "shipping_address", "shipping_carrier", "shipping_date", "shipping_tracking_number",
    "uncategorized_text",
)  # fmt: skip
FILES = (
    "cancellation_policy", "customer_communication", "customer_signature", "duplicate_charge_documentation",
    "receipt", "refund_policy", "service_documentation", "shipping_documentation", "uncategorized_file",
)  # fmt: skip


def expect(work: Work, charge: Record, reason: str | None) -> None:
    """Have a charge disputed in a moment, if its card is one of those."""
    if reason is not None:
        with work.edit(charge):
            charge |= {"_dispute": reason, "_due": work.now(charge["_clock"]) + MOMENT}


def open_dispute(work: Work, charge: Record) -> Record:
    """The bank takes the money back, or with an inquiry only asks."""
    reason, inquiry = charge["_dispute"], charge["_dispute"] == "inquiry"
    body = _body(charge, "fraudulent" if inquiry else reason, inquiry, work.now(charge["_clock"]))
    dispute = work.insert("dispute", body, clock=charge["_clock"])
    with work.edit(charge):
        charge["disputed"] = True
    with work.edit(dispute):
        dispute["_due"] = dispute["evidence_details"]["due_by"]
    emit(work, "charge.dispute.created", dispute)
    if not inquiry:
        emit(work, "charge.dispute.funds_withdrawn", dispute)
    return dispute


def submit(work: Work, dispute: Record) -> None:
    """Evidence goes to the bank, which judges it in a moment where it has the words that decide."""
    inquiry = dispute["status"].startswith("warning")
    with work.edit(dispute):
        dispute["status"] = "warning_under_review" if inquiry else "under_review"
        dispute["evidence_details"]["submission_count"] += 1
        dispute["_due"] = work.now(dispute["_clock"]) + MOMENT if _verdict(dispute) else None


def _verdict(dispute: Record) -> str | None:
    words = dispute["evidence"]["uncategorized_text"]
    return words if words in ("winning_evidence", "losing_evidence") else None


def process(work: Work, dispute: Record) -> None:
    """Judge what was submitted, or close what nobody answered in time."""
    if dispute["status"] in OPEN:
        with work.edit(dispute):
            dispute["evidence_details"]["past_due"] = True
        close(work, dispute, won=False)
    else:
        close(work, dispute, won=_verdict(dispute) == "winning_evidence")


def close(work: Work, dispute: Record, *, won: bool) -> None:
    """The end: won, with the money back, or lost; an inquiry is just closed."""
    inquiry = dispute["status"].startswith("warning")
    with updating(work, dispute, "charge.dispute.updated"):
        status = "warning_closed" if inquiry else "won" if won else "lost"
        dispute |= {"status": status, "is_charge_refundable": inquiry, "_due": None}
    if won and not inquiry:
        emit(work, "charge.dispute.funds_reinstated", dispute)
    emit(work, "charge.dispute.closed", dispute)


def _body(charge: Record, reason: str, inquiry: bool, now: int) -> Json:
    brand = charge["payment_method_details"]["card"]["brand"]
    code = {"product_not_received": "13.1"}.get(reason, "10.4")
    return {
        "amount": charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys((*TEXTS, *FILES)) | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": now + DUE_DAYS * 86_400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": inquiry,
        "metadata": {},
        "network_reason_code": code,
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": brand,
                "case_type": "inquiry" if inquiry else "chargeback",
                "network": brand,
                "network_reason_code": code,
            },
            "type": "card",
        },
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }
