"""A budget of requests per merchant and minute, counted in Redis; without Redis nobody is held back."""

import time
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django_redis import get_redis_connection
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from billingos.api.authentication import merchant_of

if TYPE_CHECKING:
    from rest_framework.views import APIView

log = structlog.get_logger(__name__)
WINDOW = 60  # seconds


class MerchantRateThrottle(BaseThrottle):
    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Counts the request and notes on it what the `RateLimit-*` headers will say."""
        if request.auth is None:  # the API's description is open to everyone
            return True
        limit = settings.API_RATE_LIMIT_PER_MINUTE
        now = int(time.time())
        used = self._count(f"bos:rate:{merchant_of(request).id}:{now // WINDOW}")
        if used is None:
            return True
        self.reset = WINDOW - now % WINDOW
        headers = (limit, max(limit - used, 0), self.reset)
        request._request.rate_limit = headers  # type: ignore[attr-defined]  # read where the answer is finished
        return bool(used <= limit)

    def wait(self) -> float:
        return self.reset

    def _count(self, key: str) -> int | None:
        try:
            pipeline = get_redis_connection("default").pipeline()
            pipeline.incr(key)
            pipeline.expire(key, 2 * WINDOW)
            return int(pipeline.execute()[0])
        except RedisError:
            log.warning("rate_limit_not_counted")
            return None
