"""The page at ``/``: accounts, objects, events, deliveries, and the clocks with "advance"."""

import json
from datetime import UTC, datetime

from stripe_simulator.database import Record
from stripe_simulator.deliveries import Attempt, Deliveries
from stripe_simulator.engine import Engine
from stripe_simulator.errors import StripeError, invalid
from stripe_simulator.lists import newest_first
from stripe_simulator.pages.finding import gone
from stripe_simulator.pages.html import Amount, Markup, badge, button, date, hidden, join, notice, table
from stripe_simulator.pages.site import Answer, Elsewhere, Page, Visit
from stripe_simulator.periods import boundary
from stripe_simulator.rendering import render
from stripe_simulator.resources import test_clocks
from stripe_simulator.work import Work

_SHOWN = 15
_LISTED = 200
_CLOCK = "test_helpers.test_clock"
_HIDDEN = {"delivery", "idempotency", "deleted_customer", "account_link"}
_STEPS = (("1 day", "day"), ("1 week", "week"), ("1 month", "month"), ("1 year", "year"))


class Home:
    """The simulator's own pages."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    def overview(self, visit: Visit) -> Answer:
        """One account's objects, clocks, events and deliveries; ``?account=`` chooses it."""
        engine = visit.engine
        account = visit.sent.get("account") or engine.settings.platform_account
        with engine.unit(account) as work:
            if work.store.find(account, "account", account) is None:
                raise gone("There is no such account.")
            parts = (
                _accounts(engine, account),
                _counts(engine, account),
                _clocks(work),
                _events(work),
                self._tries(account, engine.settings.platform_account),
            )
        return Page("Overview", join(parts), wide=True)

    def advance(self, visit: Visit, account: str, id: str) -> Answer:
        """Move a clock by an interval, or to a time."""
        if visit.method != "POST":
            return Elsewhere(f"/?account={account}")
        try:
            with visit.engine.unit(account) as work:
                clock = work.get(_CLOCK, id)
                test_clocks.advance(work, {"frozen_time": _target(clock, visit.sent)}, id)
            if work.after is not None:
                work.after()
        except StripeError as error:
            back = Markup('<p><a class="button" href="/?account={}">Back</a></p>').format(account)
            return Page("The clock stands still", join((notice(str(error), bad=True), back)), status=400)
        return Elsewhere(f"/?account={account}")

    def redeliver(self, visit: Visit, id: str) -> Answer:
        """Send an event again."""
        if visit.method == "POST":
            self._deliveries.redeliver(id)
        return Elsewhere(f"/?account={visit.sent.get('account', '')}")

    def listing(self, visit: Visit, account: str, kind: str) -> Answer:
        """The objects of a kind, newest first."""
        if kind in _HIDDEN:
            raise gone("There is nothing at this address.")
        with visit.engine.unit(account) as work:
            found = newest_first(work.all(kind))
            lines = [(_link(record), _what(record), _status(record), _made(record)) for record in found[:_LISTED]]
        more = Markup("<p class='quiet'>The newest {} of {}.</p>").format(_LISTED, len(found))
        body = table(f"{len(found)} in {account}", ("Id", "What", "Status", "Created"), lines)
        return Page(kind, join((body, more if len(found) > _LISTED else "", _home(account))), wide=True)

    def one(self, visit: Visit, account: str, kind: str, id: str) -> Answer:
        """An object as the API shows it."""
        with visit.engine.unit(account) as work:
            found = work.find(kind, id) if kind not in _HIDDEN else None
            if found is None:
                raise gone("There is nothing at this address.")
            shown = json.dumps(render(work, found), indent=2, ensure_ascii=False)
        body = Markup('<pre tabindex="0">{}</pre>').format(shown)
        back = Markup('<p class="back"><a href="/objects/{0}/{1}">All of this kind</a></p>').format(account, kind)
        return Page(id, join((body, back, _home(account))), wide=True)

    def _tries(self, account: str, platform: str) -> Markup:
        mine = [one for one in self._deliveries.log if (one.account or platform) == account]
        lines = [_try(attempt) for attempt in reversed(mine[-_SHOWN:])]
        heads = ("Event", "Time", "Address", "Try", "Result")
        return table(f"Deliveries ({self._deliveries.pending} to come)", heads, lines)


def _try(attempt: Attempt) -> tuple[object, ...]:
    status = attempt.note or ("delivered" if 200 <= attempt.status < 300 else "failed")
    told = f" {attempt.status}" if attempt.status else ""
    return (
        Markup('{}<code class="id"><br>{}</code>').format(attempt.type, attempt.event),
        date(int(attempt.at), time=True),
        attempt.url,
        Amount(str(attempt.number)),
        Markup("{}{}").format(badge(status), told),
    )


def _accounts(engine: Engine, chosen: str) -> Markup:
    items = []
    for account in engine.store.accounts_with("account"):
        record = engine.store.find(account, "account", account) or {}
        name = (record.get("business_profile") or {}).get("name") or record.get("email") or account
        platform = " (platform)" if account == engine.settings.platform_account else ""
        current = Markup(' aria-current="page"') if account == chosen else ""
        items.append(Markup('<li><a href="/?account={}"{}>{}{}</a></li>').format(account, current, name, platform))
    return Markup('<h2>Accounts</h2><nav aria-label="Accounts"><ul class="counts">{}</ul></nav>').format(join(items))


def _counts(engine: Engine, account: str) -> Markup:
    counted = sorted((kind, number) for kind, number in engine.store.counts(account).items() if kind not in _HIDDEN)
    items = [
        Markup('<li><a href="/objects/{}/{}">{} <b>{}</b></a></li>').format(account, kind, kind, f"{number:,}")
        for kind, number in counted
    ]
    return Markup('<h2>Objects</h2><ul class="counts">{}</ul>').format(join(items))


def _clocks(work: Work) -> Markup:
    shown = [
        Markup('<div class="card clock"><p><b>{}</b> {}<br>{}</p><p class="quiet">{}</p>{}</div>').format(
            date(clock["_now"], time=True), badge(clock["status"]), clock["name"] or "", _link(clock), _steps(clock)
        )
        for clock in newest_first(work.all(_CLOCK))[:_SHOWN]
    ]
    none = Markup('<p class="quiet">None yet.</p>')
    return Markup("<h2>Test clocks</h2>{}").format(join(shown) if shown else none)


def _steps(clock: Record) -> Markup:
    where = f"/clocks/{clock['_account']}/{clock['id']}/advance"
    by = join(button(label, name="by", value=interval, kind="small") for label, interval in _STEPS)
    to = Markup('<input type="datetime-local" name="to" aria-label="Advance to (UTC)" required>')
    return Markup(
        '<div class="inline"><form method="post" action="{0}" class="inline">{1}</form>'
        '<form method="post" action="{0}" class="inline">{2}{3}</form></div>'
    ).format(where, by, to, button("Go", kind="small"))


def _target(clock: Record, sent: dict[str, str]) -> int:
    interval = sent.get("by")
    if interval in dict(_STEPS).values():
        return boundary(clock["frozen_time"], str(interval), 1, 1)
    try:
        return int(datetime.fromisoformat(sent.get("to", "")).replace(tzinfo=UTC).timestamp())
    except ValueError as bad:
        raise invalid("Say where to: a date and a time.") from bad


def _events(work: Work) -> Markup:
    lines = [
        (
            Markup('<a href="/objects/{}/event/{}">{}</a><code class="id"><br>{}</code>').format(
                event["_account"], event["id"], event["type"], event["id"]
            ),
            date(event["created"], time=True),
            Amount(str(event["pending_webhooks"] or "")),
            _again(event),
        )
        for event in newest_first(work.all("event"))[:_SHOWN]
    ]
    return table("Events", ("Event", "Time", "Pending", ""), lines)


def _again(event: Record) -> Markup:
    inside = join((hidden("account", event["_account"]), button("Send again", kind="small")))
    return Markup('<form method="post" action="/events/{}/redeliver">{}</form>').format(event["id"], inside)


def _link(record: Record) -> Markup:
    return Markup('<a href="/objects/{}/{}/{}"><code>{}</code></a>').format(
        record["_account"], record["_kind"], record["id"], record["id"]
    )


def _what(record: Record) -> str:
    named = (record.get(name) for name in ("name", "email", "number", "nickname", "type", "description"))
    return next((str(value) for value in named if value), "—")


def _status(record: Record) -> Markup:
    return badge(record["status"]) if record.get("status") else Markup("—")


def _made(record: Record) -> str:
    return date(record.get("created"), time=True)


def _home(account: str) -> Markup:
    return Markup('<p class="back"><a href="/?account={}">Back to the overview</a></p>').format(account)
