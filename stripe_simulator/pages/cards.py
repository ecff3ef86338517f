"""The card form that all pages share, and the payment method that it makes."""

from datetime import UTC, datetime

from stripe_simulator import cards
from stripe_simulator.database import Record
from stripe_simulator.errors import StripeError
from stripe_simulator.pages.html import Markup, field, join
from stripe_simulator.resources import payment_methods
from stripe_simulator.work import Work

_HINTS = (
    ("4242 4242 4242 4242", "pays"),
    ("4000 0000 0000 0002", "is declined"),
    ("4000 0000 0000 9995", "has no funds"),
    ("4000 0000 0000 0341", "is saved, and declined when charged"),
    ("4000 0025 0000 3155", "asks for 3-D Secure"),
)


def form(sent: dict[str, str]) -> Markup:
    """Number, expiry, security code and name, as they were sent before."""
    expiry = sent.get("expiry") or f"12/{(datetime.now(UTC).year + 1) % 100:02d}"
    number = field("Card number", "number", sent.get("number", ""), inputmode="numeric", autocomplete="cc-number",
                   placeholder="4242 4242 4242 4242", required="required", maxlength="23")  # fmt: skip
    more = join(
        (
            field("Expiry, MM/YY", "expiry", expiry, autocomplete="cc-exp", required="required", maxlength="7"),
            field("Security code", "cvc", sent.get("cvc", "123"), inputmode="numeric", autocomplete="cc-csc",
                  required="required", maxlength="4"),
        )
    )  # fmt: skip
    name = field("Name on card", "name", sent.get("name", ""), autocomplete="cc-name")
    return join((number, Markup('<div class="pair">{}</div>').format(more), name))


def hints() -> Markup:
    """Which test card does what."""
    lines = join(Markup("<dt><code>{}</code></dt><dd>{}</dd>").format(*hint) for hint in _HINTS)
    return Markup(
        '<details class="card"><summary>Test cards</summary><dl class="hints">{}</dl>'
        '<p class="quiet">Any security code, any date in the future.</p></details>'
    ).format(lines)


def method(work: Work, sent: dict[str, str]) -> Record:
    """The payment method that a form describes; a StripeError where there is no such card or it has expired."""
    cards.by_number(sent.get("number", ""), "number")
    month, year = _expiry(sent.get("expiry", ""))
    now = datetime.fromtimestamp(work.now(), UTC)
    if (year, month) < (now.year, now.month):
        raise StripeError("Your card's expiration date is in the past.", status=402, type="card_error")
    values = {
        "type": "card",
        "card": {"number": sent["number"], "exp_month": month, "exp_year": year, "cvc": sent.get("cvc")},
        "billing_details": {name: sent[name] for name in ("email", "name") if sent.get(name)},
    }
    return payment_methods.make(work, values)


def _expiry(text: str) -> tuple[int, int]:
    month, _, year = (part.strip() for part in text.partition("/"))
    if not month.isdigit() or not year.isdigit() or not 1 <= int(month) <= 12 or len(year) not in (2, 4):
        raise StripeError("Your card's expiration date is invalid.", status=402, type="card_error")
    return int(month), int(year) + (2_000 if len(year) == 2 else 0)
