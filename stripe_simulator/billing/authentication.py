"""3-D Secure: an intent that waits for the holder of its card, and what their answer does to it."""

from stripe_simulator.database import Record
from stripe_simulator.events import emit
from stripe_simulator.ids import random_text
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work

FAILURE = "We are unable to authenticate your payment method. Please choose a different payment method and try again."


def require(work: Work, intent: Record, method: Record) -> None:
    """Leave a payment or setup intent in ``requires_action`` until its holder has answered."""
    with work.edit(intent):
        intent |= {
            "next_action": _next_action(intent.get("_return_url"), page_url(work, intent)),
            "payment_method": method["id"],
            "status": "requires_action",
        }
    emit(work, f"{intent['_kind']}.requires_action", intent)


def page_url(work: Work, intent: Record) -> str:
    """Where the holder of the card answers in a browser."""
    return f"{work.page_root}/3ds/{work.account}/{intent['id']}"


def _next_action(return_url: str | None, url: str) -> Json:
    if return_url:
        return {"redirect_to_url": {"return_url": return_url, "url": url}, "type": "redirect_to_url"}
    sdk = {"source": f"payatt_3{random_text(23)}", "stripe_js": url, "type": "three_d_secure_redirect"}
    return {"type": "use_stripe_sdk", "use_stripe_sdk": sdk}


def refuse(work: Work, intent: Record) -> None:
    """The holder did not authenticate: the intent asks for another payment method."""
    setup = intent["_kind"] == "setup_intent"
    code = "setup_intent_authentication_failure" if setup else "payment_intent_authentication_failure"
    method = work.find("payment_method", intent["payment_method"])
    error: Json = {
        "code": code,
        "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
        "message": FAILURE,
        "type": "invalid_request_error",
    }
    if method is not None:
        error["payment_method"] = render(work, method)
    with work.edit(intent):
        intent |= {"next_action": None, "payment_method": None, "status": "requires_payment_method"}
        intent["last_setup_error" if setup else "last_payment_error"] = error
    emit(work, "setup_intent.setup_failed" if setup else "payment_intent.payment_failed", intent)
