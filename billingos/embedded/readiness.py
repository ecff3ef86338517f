"""When the stack is ready, and what a person is told then."""

import http.client
from pathlib import Path
from typing import Any

from billingos.embedded.ports import LOOPBACK
from billingos.embedded.state import read_json


def web_answers(port: int) -> bool:
    """Whether the web process says that it lives (`/healthz` asks no database)."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=1)
    try:
        connection.request("GET", "/healthz", headers={"Host": f"{LOOPBACK}:{port}"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def demo_is_ready(demo_file: Path, base_url: str) -> bool:
    """Whether the demo of this address is complete; one of another port has links that lead nowhere."""
    demo = _demo_of(demo_file, base_url)
    return demo.get("ready") is True


def people_can_sign_in(demo_file: Path, base_url: str) -> bool:
    """Whether the demo's people and merchants are there: its history begins after them."""
    return "history" in _demo_of(demo_file, base_url)


def _demo_of(demo_file: Path, base_url: str) -> dict[str, Any]:
    demo = read_json(demo_file)
    return demo if str(demo.get("url", "")).rstrip("/") == base_url.rstrip("/") else {}


def headline(seconds: float) -> str:
    return f"BillingOS is ready ({seconds:.0f} s)."


def summary(
    *, base_url: str, simulator_url: str | None, demo: dict[str, Any], seconds: float, ready: bool
) -> list[str]:
    """Where to go and as whom."""
    early = f"You can sign in ({seconds:.0f} s). The demo's year is still being played: a minute or two."
    rows = [
        headline(seconds) if ready else early,
        "",
        f"Dashboard        {base_url}/app/",
        f"Operations       {base_url}/ops/",
        f"API description  {base_url}/api-docs",
    ]
    if simulator_url:
        rows.append(f"Stripe simulator {simulator_url}")
    if demo.get("portal_url"):
        rows.append(f"Customer portal  {demo['portal_url']}")
    return [*rows, *_sign_ins(demo), "", "Ctrl-C stops everything; the data is kept."]


def _sign_ins(demo: dict[str, Any]) -> list[str]:
    people = [("Operations", demo.get("admin") or {})]
    people += [(f"Merchant {merchant.get('slug', '')}", merchant) for merchant in demo.get("merchants") or []]
    found = [(role, one["email"], one["password"]) for role, one in people if one.get("email") and one.get("password")]
    if not found:
        return [
            "",
            "No demo was seeded: create your own sign-in with `.venv/bin/python manage.py createsuperuser`.",
        ]
    return ["", "Sign in as", *(f"  {role}: {email} / {password}" for role, email, password in found)]
