"""A session's life: open, then complete or expired."""

from stripe_simulator.database import Record
from stripe_simulator.errors import invalid
from stripe_simulator.events import emit
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

KIND = "checkout.session"


def page_url(work: Work, id: str) -> str:
    """Where the buyer goes."""
    return f"{work.page_root}/c/pay/{id}"


def require_open(session: Record, verb: str) -> None:
    """A StripeError where the session is over."""
    if session["status"] != "open":
        raise invalid(
            f'Only Checkout Sessions with a status in ["open"] can be {verb}. This Checkout Session has a status of '
            f"`{session['status']}`."
        )


def expire(work: Work, session: Record) -> None:
    """Close it unpaid; when its time has come, or by hand."""
    require_open(session, "expired")
    with work.edit(session):
        session |= {"status": "expired", "url": None, "_due": None}
    emit(work, "checkout.session.expired", session)


def process(work: Work, session: Record) -> None:
    """What is due for a session: its end."""
    if session["status"] == "open":
        expire(work, session)


def complete(work: Work, session: Record, customer: Record | None, buyer: Json, **paid: str | None) -> None:
    """The buyer is through: ``checkout.session.completed``."""
    with work.edit(session):
        session |= {
            "customer": customer["id"] if customer else None,
            "customer_details": details(customer, buyer),
            "payment_status": "paid" if session["amount_total"] else "no_payment_required",
            "status": "complete",
            "url": None,
            "_due": None,
        }
        session |= paid
    emit(work, "checkout.session.completed", session)


def details(customer: Record | None, buyer: Json) -> Json:
    """Who bought, as the session shows it."""
    known = customer or {}
    return {
        "address": known.get("address"),
        "business_name": known.get("business_name"),
        "email": buyer.get("email") or known.get("email"),
        "individual_name": known.get("individual_name"),
        "name": buyer.get("name") or known.get("name"),
        "phone": known.get("phone"),
        "tax_exempt": known.get("tax_exempt", "none"),
        "tax_ids": [],
    }
