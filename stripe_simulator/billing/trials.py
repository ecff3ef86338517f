"""When the trial of a new subscription ends, by whichever parameter says so."""

from typing import Any

from stripe_simulator.billing.standing import DAY
from stripe_simulator.errors import invalid
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work


def end(work: Work, items: list[Json], values: dict[str, Any], now: int) -> int | None:
    """Unix seconds, or None where there is no trial."""
    if values.get("trial_from_plan"):
        return _of_prices(work, items, now)
    return _asked(values, now)


def _of_prices(work: Work, items: list[Json], now: int) -> int | None:
    """The longest trial among the prices (``trial_from_plan``)."""
    days = [work.get("price", item["price"])["recurring"]["trial_period_days"] or 0 for item in items]
    return now + max(days) * DAY if any(days) else None


def _asked(values: dict[str, Any], now: int) -> int | None:
    if "trial_period_days" in values and "trial_end" in values:
        raise invalid("You may only specify one of these parameters: trial_end, trial_period_days.", "trial_end")
    if "trial_period_days" in values:
        return now + int(values["trial_period_days"]) * DAY
    trial_end = values.get("trial_end")
    if trial_end in (None, "now"):
        return None
    if trial_end <= now:
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future.", "trial_end")
    return int(trial_end)
