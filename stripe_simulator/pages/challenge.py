"""The bank's page of 3-D Secure: the holder of the card passes or fails, and goes back where they came from."""

from urllib.parse import urlencode

from stripe_simulator.database import Record
from stripe_simulator.pages.html import Markup, badge, button, money, rows
from stripe_simulator.pages.site import Answer, Elsewhere, Page, Visit
from stripe_simulator.resources.authentication import authenticate
from stripe_simulator.work import Work


def challenge(visit: Visit, account: str, id: str) -> Answer:
    """Ask, or take the answer."""
    with visit.engine.unit(account) as work:
        intent = work.find("payment_intent", id) or work.get("setup_intent", id)
        if visit.method == "POST" and intent["status"] == "requires_action":
            authenticate(work, id, succeeds=visit.sent.get("do") == "pass")
            return _onward(work, intent)
        if intent["status"] != "requires_action":
            return _onward(work, intent)
        return Page("3-D Secure", _question(intent))


def _question(intent: Record) -> Markup:
    asked = [("Payment", money(intent["amount"], intent["currency"]))] if "amount" in intent else []
    return Markup(
        '<div class="card"><p>Your bank wants to know that it is you.</p>{}'
        '<form method="post" class="actions">{}{}</form></div>'
    ).format(
        rows([*asked, ("Reference", intent["id"])]),
        button("Complete authentication", value="pass", kind="accent"),
        button("Fail authentication", value="fail", kind="danger"),
    )


def _onward(work: Work, intent: Record) -> Answer:
    for session in work.related("checkout.session", "intent", intent["id"]):
        if session["status"] == "open":
            failed = "" if intent["status"] == "succeeded" else "?failed=1"
            return Elsewhere(f"/c/pay/{session['id']}{failed}")
    if intent.get("_return_url"):
        return Elsewhere(_with_result(str(intent["_return_url"]), intent))
    paid = intent["status"] in ("succeeded", "requires_capture")
    words = "You can close this page." if paid else "The authentication failed. Try again where you came from."
    return Page(
        "Authenticated" if paid else "Not authenticated",
        Markup('<div class="card"><p>{} {}</p></div>').format(badge(intent["status"]), words),
    )


def _with_result(url: str, intent: Record) -> str:
    """The return address with what Stripe adds to it."""
    kind = intent["_kind"]
    added = {kind: intent["id"], f"{kind}_client_secret": intent["client_secret"]}
    added["redirect_status"] = "succeeded" if intent["status"] in ("succeeded", "requires_capture") else "failed"
    return f"{url}{'&' if '?' in url else '?'}{urlencode(added)}"
