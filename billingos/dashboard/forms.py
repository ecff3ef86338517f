"""What forms of several pages share."""

from typing import Any

from django import forms

from billingos.common.errors import BillingError
from billingos.merchants.countries import COUNTRIES, CURRENCIES

Choices = list[tuple[str, str]]


def currency_choices(*more: str) -> Choices:
    """Currencies to choose from; `more` are in any case among them."""
    return [(currency, currency.upper()) for currency in sorted({*CURRENCIES, *more})]


def country_choices() -> Choices:
    return [(code, name) for code, (name, _) in sorted(COUNTRIES.items(), key=lambda entry: entry[1][0])]


class PlainForm(forms.Form):
    """A form without the colon after labels; a service's refusal goes to the field it is about."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)

    def refuse(self, error: BillingError) -> None:
        self.add_error(error.param if error.param in self.fields else None, error.message)
