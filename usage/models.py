"""Metering: what is counted, each accepted event, and the counters per billing period."""

from typing import ClassVar, Self

from django.db import models

from billingos.common.ids import uuid7
from billingos.common.models import MerchantOwned, MerchantOwnedManager
from customers.models import Customer


class Meter(MerchantOwned):
    """How events of one name become a number: how many there were, or the sum of their values."""

    class Aggregation(models.TextChoices):
        COUNT = "count"
        SUM = "sum"

    key = models.TextField(help_text="What events name it by.")
    name = models.TextField()
    aggregation = models.CharField(max_length=10, choices=Aggregation.choices)

    class Meta:
        db_table = "meters"
        constraints = (models.UniqueConstraint(fields=["merchant", "key"], name="meters_key"),)
        indexes = (models.Index(fields=["merchant", "-id"], name="meters_list"),)

    def __str__(self) -> str:
        return self.key


class MeterEvent(models.Model):
    """One accepted event (`usage_records`), in the partition of its month. Written by `ingestion.py` alone."""

    row_level_security = True

    pk = models.CompositePrimaryKey("timestamp", "id")
    id = models.UUIDField(default=uuid7)
    merchant = models.ForeignKey("merchants.Merchant", on_delete=models.DO_NOTHING, related_name="+")
    meter = models.ForeignKey(Meter, on_delete=models.DO_NOTHING, related_name="events")
    customer = models.ForeignKey(Customer, on_delete=models.DO_NOTHING, related_name="meter_events")
    event_id = models.TextField()
    timestamp = models.DateTimeField()
    value = models.DecimalField(max_digits=30, decimal_places=10)
    properties = models.JSONField(default=dict)
    received_at = models.DateTimeField()

    objects: ClassVar[MerchantOwnedManager[Self]] = MerchantOwnedManager()

    class Meta:
        db_table = "usage_records"
        managed = False  # partitioned: its migration is written by hand


class UsageEventKey(models.Model):
    """The permanent memory of event ids: an event counts once for ever, also when its timestamp changes."""

    row_level_security = True

    pk = models.CompositePrimaryKey("merchant_id", "event_id")
    merchant = models.ForeignKey("merchants.Merchant", on_delete=models.DO_NOTHING, related_name="+")
    event_id = models.TextField()

    class Meta:
        db_table = "usage_event_keys"
        managed = False  # hash-partitioned: its migration is written by hand


class UsageCounter(MerchantOwned):
    """What a meter has counted for a customer in one billing period, `[period_start, period_end)`."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="usage_counters")
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="counters")
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    value = models.DecimalField(max_digits=38, decimal_places=10, default=0)
    events = models.BigIntegerField(default=0)

    class Meta:
        db_table = "usage_counters"
        constraints = (
            models.UniqueConstraint(
                fields=["merchant", "customer", "meter", "period_start"], name="usage_counters_period"
            ),
            models.CheckConstraint(
                condition=models.Q(period_end__gt=models.F("period_start")), name="usage_counters_order"
            ),
        )
