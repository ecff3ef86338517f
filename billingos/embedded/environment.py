"""What is configured by hand, and what `make run` adds to it in `.billingos/env` for settings.py to read."""

import os
from collections.abc import Mapping

import environ

from billingos.embedded.errors import StartError
from billingos.embedded.state import BASE_DIR, StateFolder, write_private

DEFAULT_PORT = 8000
MARK = "BILLINGOS_SUPERVISED"


def given_environment() -> dict[str, str]:
    """The process environment, completed from `.env` the way settings.py does it. Blank means not given."""
    if (BASE_DIR / ".env").is_file():
        environ.Env.read_env(BASE_DIR / ".env")
    given = {name: value for name, value in os.environ.items() if value}
    if given.get("DATABASE_OWNER_URL") and not given.get("DATABASE_URL"):
        raise StartError(
            "DATABASE_OWNER_URL is set but DATABASE_URL is not. Set DATABASE_URL to the URL that the "
            "application connects with, or unset both to use the embedded PostgreSQL."
        )
    return given


def web_port(given: Mapping[str, str]) -> int:
    value = given.get("PORT", str(DEFAULT_PORT))
    if not value.isdecimal():
        raise StartError(f"PORT={value} is no number: choose one from 1 to 65535, for example PORT=8001 make run.")
    return int(value)


def basic_values(state: StateFolder, given: Mapping[str, str], port: int) -> dict[str, str]:
    """The settings that need no server. What is given by hand is written nowhere else."""
    values = {"SECRET_KEY": state.secret("secret_key"), "BASE_URL": f"http://127.0.0.1:{port}"}
    return {name: value for name, value in values.items() if name not in given}


def simulator_values(state: StateFolder, port: int) -> dict[str, str]:
    """A test key and a signing secret that only the simulator on this machine knows."""
    return {
        "STRIPE_SECRET_KEY": state.secret("stripe_secret_key", prefix="sk_test_"),
        "STRIPE_API_BASE": f"http://127.0.0.1:{port}",
        "STRIPE_WEBHOOK_SECRETS": state.secret("stripe_webhook_secret", prefix="whsec_"),
        "BILLINGOS_DEMO": "1",
    }


def write_env_file(state: StateFolder, values: Mapping[str, str]) -> None:
    lines = [f"{name}={value}\n" for name, value in sorted(values.items())]
    write_private(
        state.file("env"),
        "# Written by make run at each start; put your own settings into .env.\n" + "".join(lines),
    )


def child_environment(state: StateFolder, given: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """For every process of the stack; the mark finds what a killed supervisor left over."""
    own = {
        "BILLINGOS_STATE_DIR": str(state.path),
        "DJANGO_SETTINGS_MODULE": "billingos.settings",
        "PYTHONUNBUFFERED": "1",
        MARK: str(state.path),
    }
    return {**given, **values, **own}
