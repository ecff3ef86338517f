"""The demo talks to BillingOS as an integrator does, and to Stripe as a person in Stripe's dashboard: over HTTP.

Whoever does not answer is asked again under the same idempotency key, for a while.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import requests

from billingos.common.errors import Unavailable

TIMEOUT = 30  # seconds
PATIENCE = 60  # seconds, until who does not answer is given up
PAUSE = 0.3  # seconds
JSON = dict[str, Any]


class Caller:
    """BillingOS's REST API, with a secret key."""

    def __init__(self, base_url: str, secret_key: str) -> None:
        self._base = f"{base_url}/api"
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {secret_key}"

    def get(self, path: str, **params: Any) -> JSON | None:
        """The object, or None where there is none."""
        answer = patiently(lambda: self._session.get(f"{self._base}{path}", params=params, timeout=TIMEOUT))
        return None if answer.status_code == 404 else _body(answer)

    def every(self, path: str, **params: Any) -> Iterator[JSON]:
        """All objects of a list, newest first."""
        cursor = None
        while True:
            page = self.get(path, limit=100, **params, **({"cursor": cursor} if cursor else {})) or {}
            yield from page.get("data", [])
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def post(self, path: str, body: JSON, key: str) -> JSON:
        headers = {"Idempotency-Key": key}
        url = f"{self._base}{path}"
        return _body(patiently(lambda: self._session.post(url, json=body, timeout=TIMEOUT, headers=headers)))

    def ensure(self, path: str, body: JSON, *, by: str, key: str) -> JSON:
        """The object whose field `by` is as in `body`, made if there is none such."""
        found = next((one for one in self.every(path) if one[by] == body[by]), None)
        return found or self.post(path, body, key)


class StripeDesk:
    """Stripe's API in the account of a merchant: for what BillingOS has no call of its own yet."""

    def __init__(self, api_base: str, secret_key: str, account: str | None) -> None:
        self._base = f"{api_base}/v1"
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {secret_key}"
        if account:
            self._session.headers["Stripe-Account"] = account

    def get(self, path: str, **params: Any) -> JSON:
        return _body(patiently(lambda: self._session.get(f"{self._base}{path}", params=params, timeout=TIMEOUT)))

    def every(self, path: str, **params: Any) -> Iterator[JSON]:
        """All objects of a list, newest first."""
        page = self.get(path, limit=100, **params)
        while page["data"]:
            yield from page["data"]
            if not page["has_more"]:
                return
            page = self.get(path, limit=100, starting_after=page["data"][-1]["id"], **params)

    def post(self, path: str, key: str | None = None, **form: Any) -> JSON:
        """`form` with Stripe's bracketed names as they are written."""
        url, headers = f"{self._base}{path}", {"Idempotency-Key": key} if key else {}
        return _body(patiently(lambda: self._session.post(url, data=form, headers=headers, timeout=TIMEOUT)))


def patiently(send: Callable[[], requests.Response]) -> requests.Response:
    """The answer, once there is one that will not differ a moment later."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            answer = send()
        except requests.RequestException as error:
            if time.monotonic() > deadline:
                raise Unavailable(f"{error.request and error.request.url}: {error}") from error
        else:
            if not _passes(answer) or time.monotonic() > deadline:
                return answer
        time.sleep(PAUSE)


def _passes(answer: requests.Response) -> bool:
    """Whether the same request may be answered otherwise soon: overload, a restart, a clock that is still moving."""
    return answer.status_code in {429, 500, 502, 503, 504} or (answer.status_code == 409 and "in_flight" in answer.text)


def _body(answer: requests.Response) -> JSON:
    if not answer.ok:
        raise Unavailable(f"{answer.request.method} {answer.url} answered {answer.status_code}: {answer.text}")
    found: JSON = answer.json()
    return found
