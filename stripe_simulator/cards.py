"""Stripe's test cards: what each is and how a charge to it ends."""

from dataclasses import dataclass
from typing import Any

from stripe_simulator.errors import StripeError, invalid

AUTHENTICATION = "authentication_required"
_DECLINED = "Your card was declined."
_MESSAGES = {
    AUTHENTICATION: "Your card was declined. This transaction requires authentication.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "insufficient_funds": "Your card has insufficient funds.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}
_OWN_CODES = (AUTHENTICATION, "expired_card", "incorrect_cvc", "processing_error")


@dataclass(frozen=True)
class TestCard:
    """A card number's face and fate.

    ``decline`` is the decline code of a charge, None where it succeeds. ``holder`` says when its holder must
    authenticate: ``always``, or ``unless_set_up`` for later payments. ``dispute`` is the reason for which a payment
    is disputed afterwards (``inquiry`` for one that is only asked about). ``refund`` is how a refund goes on.
    """

    number: str
    brand: str = "visa"
    decline: str | None = None
    attaches: bool = True
    holder: str | None = None
    dispute: str | None = None
    refund: str | None = None

    @property
    def last4(self) -> str:
        """The last four digits."""
        return self.number[-4:]

    def wants_holder(self, set_up: bool) -> bool:
        """Whether a payment needs 3-D Secure; ``set_up`` cards were authenticated for later use."""
        return self.holder == "always" or (self.holder == "unless_set_up" and not set_up)


_DEBIT = TestCard("4000056655665556")
_CARDS: dict[TestCard, tuple[str, ...]] = {
    TestCard("4242424242424242"): ("visa",),
    _DEBIT: ("visa_debit",),
    TestCard("5555555555554444", brand="mastercard"): ("mastercard",),
    TestCard("378282246310005", brand="amex"): ("amex",),
    TestCard("4000000000000002", decline="generic_decline", attaches=False): (
        "chargeDeclined",
        "visa_chargeDeclined",
    ),
    TestCard("4000000000009995", decline="insufficient_funds", attaches=False): (
        "chargeDeclinedInsufficientFunds",
        "visa_chargeDeclinedInsufficientFunds",
    ),
    TestCard("4000000000009987", decline="lost_card", attaches=False): ("visa_chargeDeclinedLostCard",),
    TestCard("4000000000009979", decline="stolen_card", attaches=False): ("visa_chargeDeclinedStolenCard",),
    TestCard("4000000000000069", decline="expired_card", attaches=False): ("chargeDeclinedExpiredCard",),
    TestCard("4000000000000127", decline="incorrect_cvc", attaches=False): ("chargeDeclinedIncorrectCvc",),
    TestCard("4000000000000119", decline="processing_error", attaches=False): ("chargeDeclinedProcessingError",),
    TestCard("4000000000000341", decline="generic_decline"): ("chargeCustomerFail",),
    TestCard("4000002500003155", holder="unless_set_up"): ("authenticationRequiredOnSetup",),
    TestCard("4000002760003184", holder="always"): ("authenticationRequired",),
    TestCard("4000000000003220", holder="always"): ("threeDSecure2Required",),
    TestCard("4000008260003178", decline="insufficient_funds", holder="always"): (
        "authenticationRequiredChargeDeclinedInsufficientFunds",
    ),
    TestCard("4000000000000259", dispute="fraudulent"): ("createDispute",),
    TestCard("4000000000002685", dispute="product_not_received"): ("createDisputeProductNotReceived",),
    TestCard("4000000000001976", dispute="inquiry"): ("createDisputeInquiry",),
    TestCard("4000000000007726", refund="pending"): ("pendingRefund",),
    TestCard("4000000000005126", refund="fails"): ("refundFail",),
}
_BY_NUMBER = {card.number: card for card in _CARDS}
_BY_NAME = {name: card for card, names in _CARDS.items() for name in names}


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
        code=error_code(decline),
        decline_code=decline,
        keeps_changes=True,
        **details,
    )


def decline_message(decline: str) -> str:
    """What the cardholder may read."""
    return _MESSAGES.get(decline, _DECLINED)


def error_code(decline: str) -> str:
    """The error code over a decline code; most are ``card_declined``."""
    return decline if decline in _OWN_CODES else "card_declined"


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
