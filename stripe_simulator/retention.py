"""What is forgotten with time: idempotency keys after a day, events after the days that the settings say."""

from stripe_simulator import idempotency
from stripe_simulator.engine import Engine

DAY = 86_400


def sweep(engine: Engine) -> int:
    """Forget what is too old by the wall clock; how much."""
    with engine.lock:
        now = engine.wall()
        gone = _older(engine, idempotency.KIND, now - idempotency.LIFETIME)
        if engine.settings.event_days is not None:
            gone += _older(engine, "event", now - engine.settings.event_days * DAY)
        engine.store.commit()
    return gone


def _older(engine: Engine, kind: str, than: int) -> int:
    gone = 0
    for account in engine.store.accounts_with(kind):
        for record in engine.store.all(account, kind):
            if int(record.get("_made") or record.get("created") or than + 1) <= than:
                engine.store.delete(record)
                gone += 1
    return gone
