"""Who appears in the demo: two merchants, what they sell, and to whom. All invented."""

from dataclasses import dataclass, field
from typing import Any

ADMIN_EMAIL = "ops@billingos.example"


@dataclass(frozen=True, slots=True)
class Plan:
    """`amount` in minor units of the merchant's currency, per month."""

    name: str
    amount: int
    features: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class DemoMerchant:
    slug: str
    name: str
    email: str
    currency: str
    country: str
    plans: tuple[Plan, ...]
    customers: tuple[tuple[str, str, int], ...] = field(default=())  # (external id, name, index of the plan)


METER = {"key": "api_calls", "name": "API calls", "aggregation": "sum"}
FEATURES: tuple[dict[str, Any], ...] = (
    {"lookup_key": "sso", "name": "Single sign-on"},
    {"lookup_key": "priority_support", "name": "Priority support"},
    {"lookup_key": "api_calls", "name": "API calls", "type": "limit", "meter": "api_calls"},
)

NORTHWIND = DemoMerchant(
    slug="northwind",
    name="Northwind Analytics",
    email="nora@northwind.example",
    currency="usd",
    country="US",
    plans=(
        Plan("Starter", 1900, ({"feature": "api_calls", "limit": 10_000},)),
        Plan("Team", 7900, ({"feature": "api_calls", "limit": 100_000}, {"feature": "sso"})),
        Plan("Scale", 29900, ({"feature": "api_calls"}, {"feature": "sso"}, {"feature": "priority_support"})),
    ),
    customers=(
        ("brightwater", "Brightwater Labs", 1),
        ("cedarline", "Cedarline Logistics", 0),
        ("ferrous", "Ferrous Robotics", 2),
        ("halyard", "Halyard Shipping", 1),
        ("juniper", "Juniper Health", 0),
        ("marlow", "Marlow Press", 0),
        ("quarry", "Quarry Games", 2),
        ("saltmarsh", "Saltmarsh Foods", 1),
    ),
)
KONTOR = DemoMerchant(
    slug="kontor",
    name="Kontor Software",
    email="karl@kontor.example",
    currency="eur",
    country="DE",
    plans=(
        Plan("Basis", 2400, ({"feature": "api_calls", "limit": 5_000},)),
        Plan("Plus", 5900, ({"feature": "api_calls", "limit": 50_000}, {"feature": "sso"})),
    ),
    customers=(
        ("alpenglow", "Alpenglow Hotels", 1),
        ("backfisch", "Backfisch & Söhne", 0),
        ("drachen", "Drachenfels Optik", 1),
        ("elbufer", "Elbufer Architekten", 0),
        ("rhenania", "Rhenania Druck", 1),
        ("zollhof", "Zollhof Spedition", 0),
    ),
)
MERCHANTS = (NORTHWIND, KONTOR)
