"""The settings that guard: what they refuse at the start, and as whom they connect."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection, connections

ROOT = Path(__file__).resolve().parent.parent


def started_with(**environment: str | None) -> subprocess.CompletedProcess[str]:
    """A process that reads the settings; what it prints is DATABASES and STRIPE_LIVE_MODE."""
    program = "import json; from billingos import settings as s; print(json.dumps([s.DATABASES, s.STRIPE_LIVE_MODE]))"
    values = {name: value for name, value in (os.environ | environment).items() if value is not None}
    return subprocess.run(  # noqa: S603  (our own interpreter)
        [sys.executable, "-c", program], cwd=ROOT, env=values, capture_output=True, text=True, check=False, timeout=60
    )


def test_another_address_than_stripes_is_refused_outside_demo_mode() -> None:
    for address in ("http://127.0.0.1:9", "https://api.stripe.com.example.com", "http://api.stripe.com"):
        refused = started_with(BILLINGOS_DEMO=None, STRIPE_API_BASE=address)
        assert refused.returncode != 0
        assert "STRIPE_API_BASE" in refused.stderr.splitlines()[-1]
    assert started_with(BILLINGOS_DEMO=None, STRIPE_API_BASE=None).returncode == 0
    assert started_with(BILLINGOS_DEMO="1", STRIPE_API_BASE="http://127.0.0.1:9").returncode == 0


def test_the_mode_follows_the_key() -> None:
    for key, live in {"sk_live_a": True, "rk_live_a": True, "sk_test_a": False, "rk_test_a": False}.items():
        assert json.loads(started_with(STRIPE_SECRET_KEY=key).stdout)[1] is live


def test_with_one_address_the_application_still_is_not_the_owner(committed_db: None) -> None:
    """The owner of a table is not bound by its policies, so that the connection takes on the other role at once."""
    owner: dict[str, Any] = connections["owner"].settings_dict
    address = f"postgresql://{owner['USER']}:{owner['PASSWORD']}@{owner['HOST']}:{owner['PORT']}/{owner['NAME']}"
    started = started_with(DATABASE_URL=address, DATABASE_OWNER_URL=None)
    default = json.loads(started.stdout)[0]["default"]
    with psycopg.connect(address, options=default["OPTIONS"]["options"]) as found:
        assert found.execute("SELECT current_user::text").fetchone() == ("billingos_app",)
        assert found.execute("SELECT count(*) FROM merchants").fetchone() == (0,)


def test_the_applications_role_owns_nothing_and_inherits_nothing(committed_db: None) -> None:
    assert settings.DATABASES["default"]["USER"] == "billingos_app"
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb FROM pg_roles "
            "WHERE rolname IN ('billingos_app', 'billingos_platform')"
        )
        assert cursor.fetchall() == [(False,), (False,)]
        cursor.execute("SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) IN ('billingos_app', %s)", ["x"])
        assert cursor.fetchone() == (0,)
        cursor.execute(
            "SELECT bool_or(inherit_option) FROM pg_auth_members "
            "WHERE roleid = 'billingos_platform'::regrole AND member = 'billingos_app'::regrole"
        )
        assert cursor.fetchone() == (False,)
    assert connection.settings_dict["ATOMIC_REQUESTS"] is False
