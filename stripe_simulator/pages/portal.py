"""The billing portal: a customer's subscriptions, cards and invoices."""

from stripe_simulator.billing import standing
from stripe_simulator.database import Record
from stripe_simulator.errors import StripeError
from stripe_simulator.lists import newest_first
from stripe_simulator.pages import cards
from stripe_simulator.pages.finding import by_secret, gone
from stripe_simulator.pages.html import Amount, Markup, badge, button, date, hidden, join, money, notice, table
from stripe_simulator.pages.site import Answer, Elsewhere, Page, Visit
from stripe_simulator.rendering import Json
from stripe_simulator.resources import customers, payment_methods, subscriptions
from stripe_simulator.resources import portal as api
from stripe_simulator.work import Work


def portal(visit: Visit, secret: str) -> Answer:
    """Show the portal, or do what was asked."""
    session = by_secret(visit.engine, api.SESSION, secret)
    if visit.engine.wall() > session["created"] + api.LIFETIME:
        raise gone("This link to the billing portal has expired. Ask for a new one.")
    complaint = ""
    if visit.method == "POST":
        try:
            with visit.engine.unit(session["_account"]) as work:
                _do(work, session, visit.sent)
            return Elsewhere(f"/p/session/{secret}")
        except StripeError as error:
            complaint = str(error)
    with visit.engine.unit(session["_account"]) as work:
        return Page("Billing", _body(work, session, complaint, visit.sent), status=402 if complaint else 200, wide=True)


def _do(work: Work, session: Record, sent: dict[str, str]) -> None:
    features = work.get(api.CONFIGURATION, session["configuration"])["features"]
    customer, action, id = work.get("customer", session["customer"]), sent.get("do"), sent.get("id", "")
    if action in ("cancel", "resume") and features["subscription_cancel"]["enabled"]:
        _own(work, "subscription", id, customer)
        if action == "cancel" and features["subscription_cancel"]["mode"] == "immediately":
            subscriptions.cancel(work, {}, id)
        else:
            subscriptions.update(work, {"cancel_at_period_end": action == "cancel"}, id)
    elif action == "add" and features["payment_method_update"]["enabled"]:
        added = payment_methods.attach_to(work, cards.method(work, sent), customer)
        _make_default(work, customer, added["id"])
    elif action == "default" and features["payment_method_update"]["enabled"]:
        _make_default(work, customer, _own(work, "payment_method", id, customer)["id"])
    elif action == "remove" and features["payment_method_update"]["enabled"]:
        payment_methods.detach(work, {}, _own(work, "payment_method", id, customer)["id"])
    else:
        raise StripeError("The portal's configuration does not allow this.")


def _own(work: Work, kind: str, id: str, customer: Record) -> Record:
    record = work.get(kind, id)
    if record["customer"] != customer["id"]:
        raise gone("There is nothing at this address.")
    return record


def _make_default(work: Work, customer: Record, method: str) -> None:
    customers.update(work, {"invoice_settings": {"default_payment_method": method}}, customer["id"])


def _body(work: Work, session: Record, complaint: str, sent: dict[str, str]) -> Markup:
    configuration = work.get(api.CONFIGURATION, session["configuration"])
    features, profile = configuration["features"], configuration["business_profile"]
    customer = work.get("customer", session["customer"])
    parts = [
        notice(complaint, bad=True),
        Markup('<p class="quiet">{}</p>').format(profile["headline"] or customer["email"] or customer["id"]),
        _subscriptions(work, customer, features["subscription_cancel"]),
        _methods(work, customer, features["payment_method_update"]["enabled"], sent),
    ]
    if features["invoice_history"]["enabled"]:
        parts.append(_invoices(work, customer))
    if session["return_url"]:
        parts.append(Markup('<p class="back"><a class="button" href="{}">Return</a></p>').format(session["return_url"]))
    return join(parts)


def _subscriptions(work: Work, customer: Record, feature: Json) -> Markup:
    found = newest_first(work.related("subscription", "customer", customer["id"]))
    lines = [
        (
            _names(work, subscription),
            badge(subscription["status"]),
            _until(subscription),
            _cancel(subscription, feature),
        )
        for subscription in found
        if subscription["status"] != "incomplete_expired"
    ]
    return table("Subscriptions", ("Plan", "Status", "", ""), lines, "No subscriptions.")


def _names(work: Work, subscription: Record) -> str:
    prices = [(work.get("price", item["price"]), item.get("quantity") or 1) for item in subscription["items"]["data"]]
    named = [
        f"{work.get('product', price['product'])['name']}{f' × {quantity}' if quantity != 1 else ''}, "
        f"{money(price['unit_amount'], price['currency'])} / {price['recurring']['interval']}"
        for price, quantity in prices
    ]
    return "; ".join(named)


def _until(subscription: Record) -> str:
    if subscription["status"] in standing.ENDED:
        return f"Ended {date(subscription['ended_at'])}"
    if subscription["cancel_at"] is not None:
        return f"Ends {date(subscription['cancel_at'])}"
    return f"Renews {date(standing.period_end(subscription))}"


def _cancel(subscription: Record, feature: Json) -> Markup:
    if not feature["enabled"] or subscription["status"] in standing.ENDED:
        return Markup("")
    if subscription["cancel_at_period_end"]:
        return _small("Keep it", "resume", subscription["id"])
    now = feature["mode"] == "immediately"
    when = "now" if now else f"on {date(standing.period_end(subscription))}"
    return Markup('<details class="confirm"><summary>Cancel</summary><p>It ends {}.</p>{}</details>').format(
        when, _small("Cancel it", "cancel", subscription["id"], "small danger")
    )


def _small(label: str, action: str, id: str, kind: str = "small") -> Markup:
    inside = join((hidden("id", id), button(label, value=action, kind=kind)))
    return Markup('<form method="post" class="inline">{}</form>').format(inside)


def _methods(work: Work, customer: Record, enabled: bool, sent: dict[str, str]) -> Markup:
    default = customer["invoice_settings"]["default_payment_method"]
    lines = []
    for method in newest_first(work.related("payment_method", "customer", customer["id"])):
        card = method["card"]
        face = f"{card['brand'].capitalize()} •••• {card['last4']}, {card['exp_month']:02d}/{card['exp_year']}"
        actions = join(
            (
                badge("default") if method["id"] == default else _small("Make default", "default", method["id"]),
                _small("Remove", "remove", method["id"], "small danger"),
            )
        )
        lines.append((face, Markup('<div class="inline">{}</div>').format(actions) if enabled else ""))
    shown = table("Payment methods", ("Card", ""), lines, "No card yet.")
    if not enabled:
        return shown
    adding = Markup(
        '<details class="card adding"{}><summary>Add a card</summary><form method="post">{}{}</form></details>'
    )
    opened = Markup(" open") if sent.get("do") == "add" else Markup("")
    return join((shown, adding.format(opened, cards.form(sent), button("Add card", value="add", kind="main"))))


def _invoices(work: Work, customer: Record) -> Markup:
    lines = [
        (
            invoice["number"],
            date(invoice["created"]),
            Amount(money(invoice["total"], invoice["currency"])),
            badge(invoice["status"]),
            Markup('<a href="/i/{}/{}">View</a>').format(work.account, invoice["id"]),
        )
        for invoice in newest_first(work.related("invoice", "customer", customer["id"]))[:24]
        if invoice["status"] != "draft"
    ]
    return table("Invoices", ("Number", "Date", "Total", "Status", ""), lines, "No invoices.")
