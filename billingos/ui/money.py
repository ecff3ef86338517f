"""Money as people read it. The amounts stay integers of minor units."""

from billingos.common.money import decimals

SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "inr": "₹", "krw": "₩", "aud": "A$", "cad": "CA$"}
MINUS = "\N{MINUS SIGN}"
STEPS = ((10**9, "B"), (10**6, "M"), (10**3, "k"))


def money_text(amount: int, currency: str) -> str:
    """`amount` minor units: 123450 usd → $1,234.50; -500 chf → −CHF 5.00."""
    places = decimals(currency)
    whole, rest = divmod(abs(amount), 10**places)
    digits = f"{whole:,}.{rest:0{places}d}" if places else f"{whole:,}"
    return _signed(amount, currency, digits)


def signed_money_text(amount: int, currency: str) -> str:
    """For what has been added or lost: +$12.00, −$12.00; nought has no sign."""
    return f"+{money_text(amount, currency)}" if amount > 0 else money_text(amount, currency)


def plain_amount(amount: int, currency: str) -> str:
    """For files, without thousands and symbol: 123450 usd → 1234.50."""
    places = decimals(currency)
    whole, rest = divmod(abs(amount), 10**places)
    return f"{'-' if amount < 0 else ''}{whole}" + (f".{rest:0{places}d}" if places else "")


def short_money_text(amount: int, currency: str) -> str:
    """For axes and cards, rounded to three digits or so: 123450 usd → $1.23k; 7900 usd → $79."""
    unit = 10 ** decimals(currency)
    for step, letter in STEPS:
        if abs(amount) >= step * unit:
            hundredths = (abs(amount) * 100 + step * unit // 2) // (step * unit)
            return _signed(amount, currency, _trimmed(hundredths) + letter)
    if abs(amount) % unit == 0:
        return _signed(amount, currency, str(abs(amount) // unit))
    return money_text(amount, currency)


def short_number(value: int) -> str:
    """1234567 → 1.23M."""
    for step, letter in STEPS:
        if abs(value) >= step:
            sign = MINUS if value < 0 else ""
            return sign + _trimmed((abs(value) * 100 + step // 2) // step) + letter
    return f"{value:,}".replace("-", MINUS)


def _trimmed(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}".rstrip("0").rstrip(".")


def _signed(amount: int, currency: str, digits: str) -> str:
    symbol = SYMBOLS.get(currency, f"{currency.upper()} ")
    return f"{MINUS if amount < 0 else ''}{symbol}{digits}"
