"""The page of a Checkout session: what is bought, a card, pay or go back."""

from stripe_simulator import cards as test_cards
from stripe_simulator import validity
from stripe_simulator.checkout import lines, paying, sessions
from stripe_simulator.database import Record
from stripe_simulator.errors import StripeError
from stripe_simulator.pages import cards
from stripe_simulator.pages.finding import account_with
from stripe_simulator.pages.html import Markup, badge, button, field, hidden, join, money, notice, rows
from stripe_simulator.pages.site import Answer, Elsewhere, Page, Visit
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

_TITLES = {"payment": "Pay {}", "setup": "Save a card with {}", "subscription": "Subscribe to {}"}
_LABELS = {"book": "Book", "donate": "Donate", "pay": "Pay", "subscribe": "Subscribe"}


def checkout(visit: Visit, id: str) -> Answer:
    """Show the session's page, or pay with what was sent."""
    account = account_with(visit.engine, sessions.KIND, id)
    if visit.method == "POST":
        action = _reduce if "code" in visit.sent else _pay
        answer = action(visit, account, id)
        if not isinstance(answer, str):
            return answer
        return _page(visit, account, id, answer)
    with visit.engine.unit(account) as work:
        session = work.get(sessions.KIND, id)
        if session["_intent"]:  # back from 3-D Secure, or answered elsewhere
            paying.finish(work, session)
        if session["status"] == "complete":
            return Elsewhere(_success(session))
    return _page(visit, account, id, _failure(visit, account, session))


def _failure(visit: Visit, account: str, session: Record) -> str:
    """What 3-D Secure left to say."""
    with visit.engine.unit(account) as work:
        intent = paying.intent_of(work, session)
        error = (intent or {}).get("last_payment_error") or (intent or {}).get("last_setup_error") or {}
    return str(error.get("message") or "") if visit.sent.get("failed") else ""


def _pay(visit: Visit, account: str, id: str) -> Answer | str:
    buyer = {name: visit.sent[name].strip() for name in ("email", "name") if visit.sent.get(name, "").strip()}
    try:
        with visit.engine.unit(account) as work:
            session = work.get(sessions.KIND, id)
            if not (session["customer"] or buyer.get("email")):
                return "Your email address is missing."
            decline = paying.pay(work, session, cards.method(work, visit.sent), buyer)
            intent = paying.intent_of(work, session)
    except StripeError as error:
        return str(error)
    if decline is None:
        return Elsewhere(_success(session))
    if intent is not None and intent["status"] == "requires_action":
        return Elsewhere(f"/3ds/{account}/{intent['id']}")
    return test_cards.decline_message(decline)


def _reduce(visit: Visit, account: str, id: str) -> Answer | str:
    """Put a promotion code on the session, or take it off."""
    code = visit.sent["code"].strip()
    try:
        with visit.engine.unit(account) as work:
            session = work.get(sessions.KIND, id)
            sessions.require_open(session, "changed")
            if not session["allow_promotion_codes"]:
                return "This session takes no promotion codes."
            with work.edit(session):
                session["_reductions"] = [{"promotion_code": _known(work, code, session)["id"]}] if code else []
                session["discounts"] = [{"coupon": None, **entry} for entry in session["_reductions"]]
                session |= lines.total(work, session)
    except StripeError as error:
        return str(error)
    return Elsewhere(f"/c/pay/{id}")


def _known(work: Work, code: str, session: Record) -> Record:
    for record in work.related("promotion_code", "code", code.lower()):
        coupon = work.find("coupon", record["promotion"]["coupon"])
        if validity.code_is_active(record, coupon, work.now(session["_clock"])):
            return record
    raise StripeError("This code is invalid.")


def _success(session: Record) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def _page(visit: Visit, account: str, id: str, complaint: str) -> Page:
    with visit.engine.unit(account) as work:
        session = work.get(sessions.KIND, id)
        name = _merchant(work)
        title = _TITLES[session["mode"]].format(name)
        if session["status"] != "open":
            return Page("This page has expired", _over(session), status=410)
        summary = _summary(work, session)
        email = (work.find("customer", session["customer"]) or {}).get("email") or session["customer_email"] or ""
    body = join(
        (
            notice(complaint, bad=True),
            summary,
            _promotion(session),
            _form(session, visit.sent | ({"email": email} if email else {})),
            cards.hints(),
        )
    )
    return Page(title, body, status=402 if complaint else 200)


def _over(session: Record) -> Markup:
    back = Markup('<p><a class="button" href="{}">Back to the shop</a></p>').format(session["cancel_url"])
    words = Markup("<p>The session is {}. Ask for a new one.</p>").format(badge(session["status"]))
    return join((words, back if session["cancel_url"] else Markup("")))


def _merchant(work: Work) -> str:
    account = work.store.find(work.account, "account", work.account) or {}
    return str((account.get("business_profile") or {}).get("name") or "the merchant")


def _summary(work: Work, session: Record) -> Markup:
    if session["mode"] == "setup":
        return Markup('<div class="card"><p>Your card is saved for later. Nothing is charged now.</p></div>')
    items = lines.shown(work, session)
    bought = [(_described(item), money(item["amount_subtotal"], item["currency"])) for item in items]
    sums, currency = session["total_details"], session["currency"]
    if sums["amount_discount"]:
        bought.append(("Discount", money(-sums["amount_discount"], currency)))
    if sums["amount_tax"]:
        bought.append(("Tax", money(sums["amount_tax"], currency)))
    due = Markup('<p class="total">{}</p>').format(money(session["amount_total"], currency))
    trial = session["_subscription_values"].get("trial_period_days")
    later = Markup('<p class="quiet">{} days free, then the price below.</p>').format(trial) if trial else Markup("")
    return Markup('<div class="card">{}{}{}</div>').format(due, later, rows(bought, "sums"))


def _described(item: Json) -> str:
    times = f"{item['quantity']} × " if (item["quantity"] or 1) != 1 else ""
    recurring, price = item["price"]["recurring"], item["price"]
    if recurring is None:
        return f"{times}{item['description']}"
    count = recurring["interval_count"]
    every = recurring["interval"] if count == 1 else f"{count} {recurring['interval']}s"
    rate = f"{money(price['unit_amount'], price['currency'])} / {every}" if price["unit_amount"] is not None else every
    return f"{times}{item['description']} ({rate})"


def _promotion(session: Record) -> Markup:
    if not session["allow_promotion_codes"] or session["mode"] == "setup":
        return Markup("")
    if session["_reductions"]:
        inside = join((hidden("code", ""), Markup("<span>A promotion code is applied.</span>"), button("Remove")))
    else:
        inside = join((field("Promotion code", "code"), button("Apply")))
    return Markup('<form class="card promotion" method="post">{}</form>').format(inside)


def _form(session: Record, sent: dict[str, str]) -> Markup:
    word = _LABELS.get(session["submit_type"] or "", {"setup": "Save card", "subscription": "Subscribe"}.get(
        session["mode"], "Pay"
    ))  # fmt: skip
    label = f"{word} {money(session['amount_total'], session['currency'])}" if session["mode"] == "payment" else word
    email = field("Email", "email", sent.get("email", ""), type="email", autocomplete="email", required="required")
    cancel = Markup('<p class="back"><a href="{}">Cancel and go back</a></p>').format(session["cancel_url"])
    return Markup('<form class="card" method="post">{}{}{}</form>{}').format(
        email, cards.form(sent), button(label, kind="main"), cancel if session["cancel_url"] else ""
    )
