"""The demo talks to BillingOS as an integrator does: over HTTP, with a key."""

from typing import Any

import requests

from billingos.common.errors import Unavailable

TIMEOUT = 30  # seconds


class Caller:
    """Finds or makes objects, so that a seeding that was interrupted goes on where it stopped."""

    def __init__(self, base_url: str, secret_key: str) -> None:
        self._base = f"{base_url}/api"
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {secret_key}"

    def get(self, path: str, **params: Any) -> dict[str, Any] | None:
        """The object, or None where there is none."""
        answer = self._session.get(f"{self._base}{path}", params=params, timeout=TIMEOUT)
        return None if answer.status_code == 404 else self._body(answer)

    def post(self, path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
        answer = self._session.post(f"{self._base}{path}", json=body, timeout=TIMEOUT, headers={"Idempotency-Key": key})
        return self._body(answer)

    def ensure(self, path: str, body: dict[str, Any], *, by: str, key: str) -> dict[str, Any]:
        """The object whose field `by` is as in `body`, made if the first hundred have none such."""
        page = self.get(path, limit=100) or {"data": []}
        for found in page["data"]:
            if found[by] == body[by]:
                return dict(found)
        return self.post(path, body, key)

    @staticmethod
    def _body(answer: requests.Response) -> dict[str, Any]:
        if not answer.ok:
            raise Unavailable(f"{answer.request.method} {answer.url} answered {answer.status_code}: {answer.text}")
        found: dict[str, Any] = answer.json()
        return found
