"""Whether Stripe may be called now: a breaker, shared by all processes, and a budget of requests for each account.

Breaker: after several failures in a row (no connection, no answer in time, 5xx) calls are refused at once; when the
pause is over one of them is let through as a probe, and its fate decides for all.

Budget: a token bucket an account, as Stripe limits them. What people wait for is never held up below the limit: only
Stripe itself says no to it, with a 429, after which nobody calls until it allows. Background work gets a share.

The state lies in Redis; while Redis is away each process keeps its own.
"""

import threading
import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal, Protocol

import structlog
from django.conf import settings
from django_redis import get_redis_connection
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

Fate = Literal["answered", "failed"]
Reason = Literal["", "open", "closed", "spent"]
COUNTED = ("answered", "failed", "refused", "limited")
LIVE_LIMIT, TEST_LIMIT, SIMULATOR_LIMIT = 100, 25, 10_000  # requests a second and account; a simulator has no limit
REDIS_REST = 5.0  # seconds without Redis before it is asked again
FORGET = 86_400  # seconds after which Redis forgets what nobody has touched


@dataclass(frozen=True, slots=True)
class Answer:
    """`reason` is empty where the call may go; else `wait` says how long not, in seconds. `open`: by the breaker;
    `closed`: by Stripe's 429; `spent`: background work has used up its share."""

    reason: Reason = ""
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings, as numbers; times are in seconds."""

    failures: int
    span: float
    pause: float
    probe: float
    limit: float
    share: float


def rules() -> Rules:
    return Rules(
        failures=settings.STRIPE_BREAKER_FAILURES,
        span=settings.STRIPE_BREAKER_SPAN_SECONDS,
        pause=settings.STRIPE_BREAKER_PAUSE_SECONDS,
        probe=settings.STRIPE_TIMEOUT_SECONDS + 1,
        limit=settings.STRIPE_REQUESTS_PER_SECOND or _stripes_limit(),
        share=settings.STRIPE_BACKGROUND_SHARE,
    )


def _stripes_limit() -> int:
    if settings.STRIPE_API_BASE != "https://api.stripe.com":
        return SIMULATOR_LIMIT
    return LIVE_LIMIT if settings.STRIPE_LIVE_MODE else TEST_LIMIT


class Gate(Protocol):
    def ask(self, account: str, *, background: bool, rules: Rules) -> Answer:
        """Whether a call may go now; if so it is counted against the account's budget."""

    def tell(self, fate: Fate, rules: Rules) -> None:
        """How a call ended."""

    def close_tap(self, account: str, seconds: float) -> None:
        """Stripe has said 429."""

    def state(self) -> dict[str, float]:
        """`open_for` (seconds, 0 when closed), `failures` in a row, and calls by what became of them."""


@dataclass
class Breaker:
    failures: int = 0
    first_at: float = 0.0
    open_until: float = 0.0
    probe_until: float = 0.0


@dataclass
class Bucket:
    """Tokens left, of all and of background work's share; full to begin with."""

    at: float
    left: float
    share_left: float
    closed_until: float = 0.0


@dataclass
class MemoryGate:
    """Of one process, for when Redis is away; the same rules as the scripts below, which a test holds together."""

    breaker: Breaker = field(default_factory=Breaker)
    buckets: dict[str, Bucket] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, account: str, *, background: bool, rules: Rules) -> Answer:
        now = time.monotonic()
        with self._lock:
            breaker = self.breaker
            if breaker.open_until and (wait := max(breaker.open_until, breaker.probe_until) - now) > 0:
                self.counts["refused"] += 1
                return Answer("open", wait)
            answer = self._take(account, now, background, rules)
            if breaker.open_until and not answer.reason:
                breaker.probe_until = now + rules.probe
            return answer

    def _take(self, account: str, now: float, background: bool, rules: Rules) -> Answer:
        share = rules.limit * rules.share
        bucket = self.buckets.setdefault(account, Bucket(now, rules.limit, max(share, 1)))
        if bucket.closed_until > now:
            return Answer("closed", bucket.closed_until - now)
        bucket.left = min(rules.limit, bucket.left + (now - bucket.at) * rules.limit)
        bucket.share_left = min(max(share, 1), bucket.share_left + (now - bucket.at) * share)
        bucket.at = now
        if background and (bucket.share_left < 1 or bucket.left < 1):
            return Answer("spent", max((1 - bucket.share_left) / share, (1 - bucket.left) / rules.limit))
        bucket.share_left -= 1 if background else 0
        bucket.left = max(-rules.limit, bucket.left - 1)
        return Answer()

    def tell(self, fate: Fate, rules: Rules) -> None:
        now = time.monotonic()
        with self._lock:
            self.counts[fate] += 1
            if fate == "answered":
                self.breaker = Breaker()
                return
            breaker = self.breaker
            if breaker.open_until or now - breaker.first_at > rules.span:
                breaker.first_at, breaker.failures = now, 0
            breaker.failures += 1
            if breaker.open_until or breaker.failures >= rules.failures:
                breaker.open_until, breaker.probe_until = now + rules.pause, 0.0

    def close_tap(self, account: str, seconds: float) -> None:
        now = time.monotonic()
        with self._lock:
            self.counts["limited"] += 1
            bucket = self.buckets.setdefault(account, Bucket(now, 0.0, 0.0))
            bucket.closed_until = now + seconds

    def state(self) -> dict[str, float]:
        with self._lock:
            open_for = max(0.0, self.breaker.open_until - time.monotonic())
            return {"open_for": open_for, "failures": self.breaker.failures, **self.counts}


# Redis tells the time, so that processes on several machines agree. Fractions go out as text: Redis cuts numbers off.
_NOW = "local t = redis.call('TIME') local now = t[1] + t[2] / 1000000 "
ASK = (
    _NOW
    + """
local breaker, bucket = KEYS[1], KEYS[2]
local probe, limit, share = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local background, forget = ARGV[4], ARGV[5]
local open_until = tonumber(redis.call('HGET', breaker, 'open_until') or 0)
if open_until > 0 then
  local wait = math.max(open_until, tonumber(redis.call('HGET', breaker, 'probe_until') or 0)) - now
  if wait > 0 then
    redis.call('HINCRBY', KEYS[3], 'refused', 1)
    return {'open', tostring(wait)}
  end
end
local closed = tonumber(redis.call('HGET', bucket, 'closed_until') or 0)
if closed > now then return {'closed', tostring(closed - now)} end
local full = math.max(share, 1)
local since = now - tonumber(redis.call('HGET', bucket, 'at') or now)
local left = math.min(limit, tonumber(redis.call('HGET', bucket, 'left') or limit) + since * limit)
local share_left = math.min(full, tonumber(redis.call('HGET', bucket, 'share_left') or full) + since * share)
if background == '1' then
  if share_left < 1 or left < 1 then
    return {'spent', tostring(math.max((1 - share_left) / share, (1 - left) / limit))}
  end
  share_left = share_left - 1
end
left = math.max(-limit, left - 1)
redis.call('HSET', bucket, 'at', string.format('%.6f', now), 'left', tostring(left), 'share_left', tostring(share_left))
redis.call('EXPIRE', bucket, forget)
if open_until > 0 then redis.call('HSET', breaker, 'probe_until', string.format('%.6f', now + probe)) end
return {'', '0'}
"""
)
TELL = (
    _NOW
    + """
local breaker, fate = KEYS[1], ARGV[1]
local limit, span, pause = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
redis.call('HINCRBY', KEYS[2], fate, 1)
if fate == 'answered' then return redis.call('DEL', breaker) end
local open = redis.call('HEXISTS', breaker, 'open_until') == 1
local first = tonumber(redis.call('HGET', breaker, 'first_at') or 0)
if open or now - first > span then
  redis.call('HSET', breaker, 'first_at', string.format('%.6f', now), 'failures', 0)
end
local failures = redis.call('HINCRBY', breaker, 'failures', 1)
if open or failures >= limit then
  redis.call('HSET', breaker, 'open_until', string.format('%.6f', now + pause), 'probe_until', 0)
end
return redis.call('EXPIRE', breaker, ARGV[5])
"""
)
CLOSE_TAP = (
    _NOW
    + """
redis.call('HSET', KEYS[1], 'closed_until', string.format('%.6f', now + tonumber(ARGV[1])))
redis.call('HINCRBY', KEYS[2], 'limited', 1)
return redis.call('EXPIRE', KEYS[1], ARGV[2])
"""
)
STATE = (
    _NOW
    + """
local open_for = tonumber(redis.call('HGET', KEYS[1], 'open_until') or 0) - now
return {tostring(math.max(0, open_for)), redis.call('HGET', KEYS[1], 'failures') or 0, redis.call('HGETALL', KEYS[2])}
"""
)


class RedisGate:
    """Of all processes. Raises RedisError. A Stripe at another address (a simulator) has a state of its own."""

    def _key(self, name: str) -> str:
        place = sha256(settings.STRIPE_API_BASE.encode()).hexdigest()[:12]
        return f"bos:stripe:{place}:{name}"

    def _run(self, script: str, keys: list[str], *arguments: Any) -> Any:
        connection = get_redis_connection("default")
        return connection.register_script(script)(keys=[self._key(name) for name in keys], args=list(arguments))

    def ask(self, account: str, *, background: bool, rules: Rules) -> Answer:
        keys = ["breaker", f"budget:{account}", "calls"]
        arguments = (rules.probe, rules.limit, rules.limit * rules.share, int(background), FORGET)
        reason, wait = self._run(ASK, keys, *arguments)
        return Answer(reason.decode(), float(wait))

    def tell(self, fate: Fate, rules: Rules) -> None:
        self._run(TELL, ["breaker", "calls"], fate, rules.failures, rules.span, rules.pause, FORGET)

    def close_tap(self, account: str, seconds: float) -> None:
        self._run(CLOSE_TAP, [f"budget:{account}", "calls"], seconds, FORGET)

    def state(self) -> dict[str, float]:
        open_for, failures, counts = self._run(STATE, ["breaker", "calls"])
        names = [name.decode() for name in counts[::2]]
        known = dict(zip(names, map(float, counts[1::2]), strict=True))
        calls = {name: known.get(name, 0.0) for name in COUNTED}
        return {"open_for": float(open_for), "failures": float(failures), **calls}


class SharedGate:
    """Redis's, or this process's own while Redis is away."""

    def __init__(self) -> None:
        self._shared, self._own = RedisGate(), MemoryGate()
        self._rests_until = 0.0

    def _ask(self, method: str, *args: Any, **named: Any) -> Any:
        if time.monotonic() >= self._rests_until:
            try:
                return getattr(self._shared, method)(*args, **named)
            except RedisError:
                self._rests_until = time.monotonic() + REDIS_REST
                log.warning("stripe_gate_in_memory")
        return getattr(self._own, method)(*args, **named)

    def ask(self, account: str, *, background: bool, rules: Rules) -> Answer:
        found: Answer = self._ask("ask", account, background=background, rules=rules)
        return found

    def tell(self, fate: Fate, rules: Rules) -> None:
        self._ask("tell", fate, rules)

    def close_tap(self, account: str, seconds: float) -> None:
        self._ask("close_tap", account, seconds)

    def state(self) -> dict[str, float]:
        found: dict[str, float] = self._ask("state")
        return found


gate = SharedGate()
