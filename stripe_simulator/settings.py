"""How one simulator behaves; everything has a default."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from stripe_simulator.chaos import Chaos

API_VERSION = "2026-08-26.dahlia"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Fixed choices of a simulator."""

    secret_key: str = "sk_test_simulator"  # noqa: S105 - the documented default of a fake
    platform_account: str = "acct_1SimulatorPlatfrm"
    synchronous_clocks: bool = True
    dunning_days: Sequence[int] = (3, 5, 7)  # days after the first failure on which it is tried again
    dunning_end: Literal["canceled", "unpaid", "past_due"] = "canceled"
    reminder_days: int = 3  # before a trial or a period ends, or an invoice sent by mail is due; 0 for no notices
    delivery_delays: Sequence[float] = (1, 2, 4, 8, 16, 32, 60, 120, 300, 600)  # seconds between tries
    delivery_timeout: float = 10.0  # seconds
    chaos: Chaos = Chaos()  # what goes wrong with deliveries
    clock_limits: bool = False  # Stripe's: two intervals an advance, 3 customers a clock, 3 subscriptions a customer
    event_days: int | None = None  # how long events are kept; Stripe: 30
    public_url: str | None = None  # where browsers reach the pages; by default where the server listens

    def with_values(self, **values: Any) -> "Settings":
        """The same settings with some values changed."""
        return replace(self, **values)
