"""Finding what an address names, in whichever account it lives."""

from stripe_simulator.database import Record
from stripe_simulator.engine import Engine
from stripe_simulator.errors import StripeError


def gone(message: str) -> StripeError:
    """A page that is not there, or no longer."""
    return StripeError(message, status=404)


def account_with(engine: Engine, kind: str, id: str) -> str:
    """The account that holds a record; a StripeError where none does."""
    with engine.lock:
        for account in engine.store.accounts_with(kind):
            if engine.store.find(account, kind, id) is not None:
                return account
    raise gone("There is nothing at this address.")


def by_secret(engine: Engine, kind: str, secret: str) -> Record:
    """The record that a secret address names."""
    with engine.lock:
        for account in engine.store.accounts_with(kind):
            for record in engine.store.all(account, kind):
                if record.get("_secret") == secret:
                    return record
    raise gone("There is nothing at this address.")
