"""Stripe's test cards: what each is and how a charge to it ends."""

from dataclasses import dataclass
from typing import Any

from stripe_simulator.errors import StripeError, invalid

_DECLINED = "Your card was declined."
_NO_FUNDS = "Your card has insufficient funds."


@dataclass(frozen=True)
class TestCard:
    """A card number's face and fate. ``decline`` is the decline code of a charge, None where it succeeds."""

    number: str
    brand: str = "visa"
    decline: str | None = None
    attaches: bool = True

    @property
    def last4(self) -> str:
        """The last four digits."""
        return self.number[-4:]


_VISA = TestCard("4242424242424242")
_DECLINES = TestCard("4000000000000002", decline="generic_decline", attaches=False)
_FAILS_LATER = TestCard("4000000000000341", decline="generic_decline")
_WITHOUT_FUNDS = TestCard("4000000000009995", decline="insufficient_funds", attaches=False)
_MASTERCARD = TestCard("5555555555554444", brand="mastercard")
_AMEX = TestCard("378282246310005", brand="amex")
_DEBIT = TestCard("4000056655665556")

_BY_NUMBER = {
    card.number: card for card in (_VISA, _DECLINES, _FAILS_LATER, _WITHOUT_FUNDS, _MASTERCARD, _AMEX, _DEBIT)
}
_BY_NAME = {
    "visa": _VISA,
    "visa_debit": _DEBIT,
    "mastercard": _MASTERCARD,
    "amex": _AMEX,
    "chargeDeclined": _DECLINES,
    "visa_chargeDeclined": _DECLINES,
    "chargeDeclinedInsufficientFunds": _WITHOUT_FUNDS,
    "visa_chargeDeclinedInsufficientFunds": _WITHOUT_FUNDS,
    "chargeCustomerFail": _FAILS_LATER,
}


def by_number(number: str, param: str) -> TestCard:
    """The test card with this number; a 402 for one that isn't a test card."""
    card = _BY_NUMBER.get(number.replace(" ", "").replace("-", ""))
    if card is None:
        raise StripeError(
            "Your card number is incorrect.",
            status=402,
            type="card_error",
            code="incorrect_number",
            param=param,
        )
    return card


def by_token(token: str, prefix: str) -> TestCard | None:
    """The card behind ``pm_card_visa`` or ``tok_visa`` (``prefix`` is ``pm_card_`` or ``tok_``), or None."""
    return _BY_NAME.get(token.removeprefix(prefix)) if token.startswith(prefix) else None


def declined(decline: str, **details: Any) -> StripeError:
    """The 402 of a declined card."""
    return StripeError(
        decline_message(decline),
        status=402,
        type="card_error",
        code="card_declined",
        decline_code=decline,
        keeps_changes=True,
        **details,
    )


def decline_message(decline: str) -> str:
    """What the cardholder may read."""
    return _NO_FUNDS if decline == "insufficient_funds" else _DECLINED


def face(card: TestCard, exp_month: int, exp_year: int) -> dict[str, Any]:
    """The ``card`` hash of a payment method."""
    if not 1 <= exp_month <= 12:
        raise invalid("Your card's expiration month is invalid.", "card[exp_month]", "invalid_expiry_month")
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": "american_express" if card.brand == "amex" else card.brand,
        "exp_month": exp_month,
        "exp_year": exp_year,
        "fingerprint": f"Sim{card.number[:6]}{card.last4}fpr",
        "funding": "debit" if card is _DEBIT else "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
