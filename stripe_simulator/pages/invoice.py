"""The hosted page of an invoice: its lines, its sums, a card to pay it with; and the same as a PDF."""

from stripe_simulator import cards as test_cards
from stripe_simulator.billing import intents, payments
from stripe_simulator.database import Record
from stripe_simulator.errors import StripeError
from stripe_simulator.pages import cards
from stripe_simulator.pages.finding import gone
from stripe_simulator.pages.html import Amount, Markup, badge, button, date, join, money, notice, rows, table
from stripe_simulator.pages.pdf import document
from stripe_simulator.pages.site import Answer, Download, Elsewhere, Page, Visit
from stripe_simulator.work import Work


def invoice(visit: Visit, account: str, id: str) -> Answer:
    """Show the invoice, or pay it."""
    complaint = ""
    if visit.method == "POST":
        answer = _pay(visit, account, id)
        if not isinstance(answer, str):
            return answer
        complaint = answer
    with visit.engine.unit(account) as work:
        shown = _finalised(work, id)
        body = join((notice(complaint, bad=True), _sums(shown), _lines(shown), _form(shown, visit.sent)))
        return Page(f"Invoice {shown['number']}", body, status=402 if complaint else 200)


def pdf(visit: Visit, account: str, id: str) -> Answer:
    """The invoice as a file."""
    with visit.engine.unit(account) as work:
        shown = _finalised(work, id)
        return Download(document(_texts(shown)), "application/pdf", f"Invoice-{shown['number']}.pdf")


def _finalised(work: Work, id: str) -> Record:
    found = work.find("invoice", id)
    if found is None or found["status"] == "draft":
        raise gone("There is no such invoice.")
    return found


def _pay(visit: Visit, account: str, id: str) -> Answer | str:
    try:
        with visit.engine.unit(account) as work:
            asked = _finalised(work, id)
            intent = payments.intent_of(work, asked)
            if asked["status"] not in ("open", "uncollectible") or intent is None:
                return "This invoice asks for no payment."
            with work.edit(intent):
                intent["_return_url"] = f"{visit.address}/i/{account}/{id}"
            decline = intents.confirm(work, intent, cards.method(work, visit.sent))
    except StripeError as error:
        return str(error)
    if decline is not None and intent["status"] == "requires_action":
        return Elsewhere(f"/3ds/{account}/{intent['id']}")
    return Elsewhere(f"/i/{account}/{id}") if decline is None else test_cards.decline_message(decline)


def _sums(shown: Record) -> Markup:
    due = Markup('<p class="total">{} {}</p>').format(
        money(shown["amount_due"], shown["currency"]), badge(shown["status"])
    )
    facts = [("From", shown["account_name"] or "—"), ("To", shown["customer_name"] or shown["customer_email"] or "—")]
    facts += [("Issued", date(shown["effective_at"] or shown["created"])), ("Due", date(shown["due_date"]))]
    links = Markup('<p class="actions"><a class="button" href="{}">Download PDF</a></p>').format(
        f"/i/{shown['_account']}/{shown['id']}/pdf"
    )
    return Markup('<div class="card">{}{}{}</div>').format(due, rows(facts), links)


def _lines(shown: Record) -> Markup:
    currency = shown["currency"]
    data = shown["lines"]["data"]
    drawn = [
        (line["description"], Amount(str(line["quantity"])), Amount(money(line["amount"], currency))) for line in data
    ]
    sums = rows([(name, money(amount, currency)) for name, amount in _totals(shown)], "sums")
    lines = table("Lines", ("What", "Quantity", "Amount"), drawn)
    return join((lines, Markup('<div class="card">{}</div>').format(sums)))


def _totals(shown: Record) -> list[tuple[str, int]]:
    discounts = sum(entry["amount"] for entry in shown["total_discount_amounts"])
    taxes = sum(entry["amount"] for entry in shown["total_taxes"] or [])
    sums = [("Subtotal", shown["subtotal"])]
    sums += [("Discounts", -discounts)] if discounts else []
    sums += [("Tax", taxes)] if taxes else []
    sums.append(("Total", shown["total"]))
    used = shown["amount_due"] - shown["total"]
    sums += [("From balance", used)] if used and shown["total"] > 0 else []
    return [*sums, ("Paid", shown["amount_paid"]), ("Still to pay", shown["amount_remaining"])]


def _form(shown: Record, sent: dict[str, str]) -> Markup:
    if shown["status"] not in ("open", "uncollectible") or not shown["amount_remaining"]:
        return Markup("")
    label = f"Pay {money(shown['amount_remaining'], shown['currency'])}"
    return Markup('<form class="card paying" method="post">{}{}</form>{}').format(
        cards.form(sent), button(label, kind="main"), cards.hints()
    )


def _texts(shown: Record) -> list[str]:
    currency = shown["currency"]
    head = [f"Invoice {shown['number']}", "", f"From: {shown['account_name'] or ''}"]
    head += [f"To: {shown['customer_name'] or shown['customer_email'] or ''}", f"Date: {date(shown['created'])}"]
    head += [f"Status: {shown['status']}", ""]
    lines = [f"{line['description']}: {money(line['amount'], currency)}" for line in shown["lines"]["data"]]
    return [*head, *lines, "", *(f"{name}: {money(amount, currency)}" for name, amount in _totals(shown))]
