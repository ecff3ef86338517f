"""Who appears in the demo: two merchants, what they sell, and to whom. All invented."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.text import slugify

ADMIN_EMAIL = "ops@billingos.example"


@dataclass(frozen=True, slots=True)
class Plan:
    """`amount` is in minor units of the merchant's currency a month (for each seat, where `per_seat`); a year costs ten
    months. `limits` are per billing period, by meter; a meter that is missing is without limit."""

    name: str
    amount: int
    features: tuple[str, ...]
    limits: dict[str, int]
    per_seat: bool = False

    def price_key(self, interval: str) -> str:
        """The lookup key of the plan's price in Stripe."""
        return f"{slugify(self.name)}_{interval}ly"


@dataclass(frozen=True, slots=True)
class Company:
    """A customer of a demo merchant."""

    name: str
    country: str
    mailbox: str = "billing"

    @property
    def external_id(self) -> str:
        return slugify(self.name)

    @property
    def email(self) -> str:
        return f"{self.mailbox}@{self.external_id}.example"


@dataclass(frozen=True)
class DemoMerchant:
    slug: str
    name: str
    email: str
    currency: str
    country: str
    plans: tuple[Plan, ...]
    companies: str  # a line a country: `CC: Name; Name (mailbox)`
    meters: tuple[dict[str, Any], ...]
    features: tuple[dict[str, Any], ...]
    coupons: tuple[dict[str, Any], ...]
    branding: dict[str, Any]  # as `update_branding` takes it
    bars: tuple[int, ...]  # of the logo, in percent

    @cached_property
    def customers(self) -> tuple[Company, ...]:
        return tuple(
            _company(text.strip(), country.strip())
            for country, _, names in (line.partition(":") for line in self.companies.strip().splitlines())
            for text in names.split(";")
        )


def _company(text: str, country: str) -> Company:
    name, _, mailbox = text.rstrip(")").partition(" (")
    return Company(name, country, mailbox or "billing")


NORTHWIND = DemoMerchant(
    slug="northwind",
    name="Northwind Analytics",
    email="nora@northwind.example",
    currency="usd",
    country="US",
    plans=(
        Plan("Starter", 4900, ("dashboards",), {"api_calls": 20_000, "reports": 20}),
        Plan("Team", 2900, ("dashboards", "sso"), {"api_calls": 150_000, "reports": 120}, per_seat=True),
        Plan("Scale", 49900, ("dashboards", "sso", "audit_log", "priority_support"), {"api_calls": 1_500_000}),
    ),
    companies="""
        US: Brightwater Labs; Cedarline Logistics (accounts); Ferrous Robotics; Halyard Shipping; Juniper Health
        US: Marlow Press; Quarry Games (ops); Saltmarsh Foods; Larkspur Legal; Ironwood Tools; Bluestem Energy (finance)
        US: Copperfield Media; Driftwood Hotels; Meridian Transit (accounts); Oakhaven Clinics; Pinecrest Credit Union
        US: Redwood Robotics (office); Sandpiper Travel; Tidewater Marine; Umber Studio (hello); Vireo Audio; Wren & Co
        US: Yarrow Wellness; Zephyr Drones (ops); Amberly Insurance; Basalt Systems; Cloverfield Dairy; Dovetail Living
        US: Eastgate Schools (accounts); Foxglove Pharma; Granite Peak Outfitters; Hearthstone Realty (finance)
        CA: Aurora Borealis Tours; Bytown Brewing (accounts); Laurentide Mining; Maplewire (team); Prairie Grain
        CA: Saint-Denis Textiles (comptabilite); Tamarack Data
        GB: Ashdown Publishing (accounts); Bramley Orchards; Camden Circuits; Fenwick Rail (finance); Harrowgate Tea
        GB: Kestrel Aviation; Thistle & Thorn (hello); Wexcombe Water
        IE: Claddagh Seafood; Liffey Software (accounts)
        AU: Bondi Boardworks; Coolabah Wines (accounts); Jacaranda Labs; Wattle Grid (finance)
        NZ: Kauri Cloud; Tui Telecom
        NL: Polderwerk; Tulpenhof Logistics (finance)
        SE: Fjällbäcken Design (ekonomi); Norrsken Power
        DK: Skagen Wind (regnskab)
        FR: Atelier Lumière (compta); Belvoir Cosmetics
        ES: Olivar del Sur; Puerto Azul Logistics (facturas)
        BR: Ipê Tecnologia (financeiro)
        MX: Agave Robotics
        IN: Banyan Learning (accounts); Monsoon Mobility
        SG: Merlion Freight (finance)
        JP: Hinoki Works; Sakura Sensors (keiri)
        ZA: Baobab Media
        KE: Acacia Mobile (accounts)
    """,
    meters=(
        {"key": "api_calls", "name": "API calls", "aggregation": "sum"},
        {"key": "reports", "name": "Reports", "aggregation": "count"},
    ),
    features=(
        {"lookup_key": "dashboards", "name": "Dashboards"},
        {"lookup_key": "sso", "name": "Single sign-on"},
        {"lookup_key": "audit_log", "name": "Audit log"},
        {"lookup_key": "priority_support", "name": "Priority support"},
        {"lookup_key": "api_calls", "name": "API calls", "type": "limit", "meter": "api_calls"},
        {"lookup_key": "reports", "name": "Reports", "type": "limit", "meter": "reports"},
    ),
    coupons=(
        {"id": "WELCOME20", "name": "Welcome: 20 % for three months", "percent_off": 20, "duration": "repeating",
         "duration_in_months": 3},
        {"id": "THANKS25", "name": "Thank you: 25 dollars", "amount_off": 2500, "currency": "usd", "duration": "once"},
    ),
    branding={
        "legal_name": "Northwind Analytics, Inc.",
        "address_lines": ["410 Harbor Street, Suite 1200", "Portland, OR 97204"],
        "tax_ids": [{"type": "us_ein", "value": "12-3456789"}],
        "support_email": "billing@northwind.example",
        "website": "northwind.example",
        "accent_colour": "#0b6e8f",
        "receipt_footer": "Thank you for your business. Questions? Write to billing@northwind.example.",
    },
    bars=(35, 60, 45, 100),
)  # fmt: skip
KONTOR = DemoMerchant(
    slug="kontor",
    name="Kontor Software",
    email="karl@kontor.example",
    currency="eur",
    country="DE",
    plans=(
        Plan("Basis", 3900, ("export",), {"api_calls": 10_000, "documents": 40}),
        Plan("Plus", 2400, ("export", "sso"), {"api_calls": 80_000, "documents": 250}, per_seat=True),
        Plan("Konzern", 39900, ("export", "sso", "archive", "priority_support"), {"api_calls": 900_000}),
    ),
    companies="""
        DE: Alpenglow Hotels (buchhaltung); Backfisch & Söhne; Drachenfels Optik; Elbufer Architekten (buero)
        DE: Rhenania Druck; Zollhof Spedition (rechnung); Birkenhain Kliniken; Dünenblick Reisen; Eichholz Möbelwerke
        DE: Fährhaus Gastronomie (rechnung); Grünspan Chemie; Hafenlicht Medien; Isartal Getränke; Jadebusen Werft
        DE: Kupferkanne Kaffee; Lindenhof Pflege (verwaltung); Moorland Biogas; Neckarstein Bau; Oderbruch Saaten
        DE: Pfefferminz Verlag; Quellgrund Wasser (buchhaltung); Rotdorn Software; Schwarzwald Uhren; Taunus Textil
        DE: Uferlos Festival; Vogelsang Instrumente; Wacholder Naturkost (rechnung); Ziegelei Nord; Ostwind Energie
        DE: Heidekraut Kosmetik; Bergfried Sicherheit
        AT: Almrausch Sport; Donaublick Immobilien (office); Enzian Apotheken; Gletscherwerk (rechnung); Semmering Bahn
        CH: Aarequell Mineral; Bündner Holz (buchhaltung); Lac Bleu Horlogerie; Säntis Präzision; Ticino Ceramica
        NL: Grachtenpand Beheer (administratie); Waddenzee Vis; Zonnehoek Solar
        BE: Ardennes Chocolat (compta); Scheldewind
        FR: Côte Verte Paysages; Moulin Neuf (compta); Val Doré Fromages
        IT: Borgo Antico Vini (fatture); Laguna Vetro; Monte Chiaro Acque
        ES: Sierra Clara Aceites (facturas); Bahía Norte
        PL: Bursztyn Studio (ksiegowosc); Mazury Transport
        CZ: Vltava Glass; Bílá Hora Optika (fakturace)
        DK: Bornholm Kabel; Nordhavn Cykler (regnskab)
        FI: Saimaa Timber
        PT: Douro Cortiça (contas)
        LU: Mosel & Partner
        LT: Gintaras Labs
    """,
    meters=(
        {"key": "api_calls", "name": "API calls", "aggregation": "sum"},
        {"key": "documents", "name": "Documents", "aggregation": "count"},
    ),
    features=(
        {"lookup_key": "export", "name": "Export"},
        {"lookup_key": "sso", "name": "Single sign-on"},
        {"lookup_key": "archive", "name": "Audit-proof archive"},
        {"lookup_key": "priority_support", "name": "Priority support"},
        {"lookup_key": "api_calls", "name": "API calls", "type": "limit", "meter": "api_calls"},
        {"lookup_key": "documents", "name": "Documents", "type": "limit", "meter": "documents"},
    ),
    coupons=(
        {"id": "START20", "name": "Starthilfe: 20 % for three months", "percent_off": 20, "duration": "repeating",
         "duration_in_months": 3},
        {"id": "DANKE25", "name": "Danke: 25 euros", "amount_off": 2500, "currency": "eur", "duration": "once"},
    ),
    branding={
        "legal_name": "Kontor Software GmbH",
        "address_lines": ["Speicherstraße 14", "20457 Hamburg"],
        "tax_ids": [{"type": "eu_vat", "value": "DE123456789"}],
        "support_email": "buchhaltung@kontor.example",
        "website": "kontor.example",
        "accent_colour": "#a3471f",
        "receipt_footer": "Amtsgericht Hamburg, HRB 000000 · Geschäftsführung: K. Ontor",
    },
    bars=(100, 70, 40),
)  # fmt: skip
MERCHANTS = (NORTHWIND, KONTOR)
