"""The table of mirrored fields is whole, and its page is the table's."""

from django.apps import apps

from billingos.common.models import StripeMirrored
from billingos.merchants.models import ConnectedAccount
from customers.models import TestClock
from entitlements.models import Feature
from subscriptions.models import TaxRate
from tests.mirrored.fields import OURS, TABLE
from tests.mirrored.page import PAGE, page

ELSEWHERE = {Feature, TestClock, ConnectedAccount, TaxRate}  # no money hangs on them; their own tests compare them


def test_every_column_of_every_mirrored_model_is_in_the_table_once() -> None:
    mirrored = {model for model in apps.get_models() if issubclass(model, StripeMirrored)} - ELSEWHERE
    assert mirrored <= TABLE.keys()
    for model, told in TABLE.items():
        columns = [field.column for field in told.fields] + [*told.pointers, *told.calculated]
        assert len(columns) == len(set(columns)), model
        assert set(columns) == {field.name for field in model._meta.concrete_fields} - OURS, model


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.mirrored.page"
