"""Stripe's errors: raised where a rule lives, rendered as JSON in one place (``app.py``)."""

from typing import Any

_DOCS = "https://stripe.com/docs/error-codes/"


class StripeError(Exception):
    """An answer with an ``error`` body. ``keeps_changes``: of a card error, the failed try is kept."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        keeps_changes: bool = False,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.code = code
        self.keeps_changes = keeps_changes
        self._body: dict[str, Any] = {"message": message, "type": type}
        if code is not None:
            self._body |= {"code": code, "doc_url": _DOCS + code.replace("_", "-")}
        if param is not None:
            self._body["param"] = param
        self._body |= details

    def body(self) -> dict[str, Any]:
        """The JSON body of the answer."""
        return {"error": dict(sorted(self._body.items()))}


def invalid(message: str, param: str | None = None, code: str | None = None) -> StripeError:
    """A 400 for a request that can't be carried out as asked."""
    return StripeError(message, code=code, param=param)


def missing_param(param: str) -> StripeError:
    """A 400 for a required parameter that wasn't sent."""
    return invalid(f"Missing required param: {param}.", param, "parameter_missing")


def unknown_param(param: str) -> StripeError:
    """A 400 for a parameter this endpoint doesn't take."""
    return invalid(f"Received unknown parameter: {param}", param, "parameter_unknown")


def not_found(what: str, id: str, param: str, status: int = 404) -> StripeError:
    """A missing resource: 404 when named by the path, 400 when named by another parameter."""
    return StripeError(f"No such {what}: '{id}'", status=status, code="resource_missing", param=param)


def unknown_url(method: str, path: str) -> StripeError:
    """Stripe's 404 for a path, or a method on a path, that it doesn't have."""
    message = (
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help "
        "at https://support.stripe.com/."
    )
    return StripeError(message, status=404)


def unauthorised(key: str | None) -> StripeError:
    """Stripe's 401 for an absent or a wrong secret key."""
    if not key:
        return StripeError(
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            status=401,
        )
    shown = key[:8] + "*" * max(len(key) - 12, 0) + key[-4:] if len(key) > 12 else "*" * len(key)
    return StripeError(f"Invalid API Key provided: {shown}", status=401)


def unknown_account(account: str) -> StripeError:
    """Stripe's 403 for a ``Stripe-Account`` that the key can't reach."""
    return StripeError(
        f"The provided key does not have access to account '{account}' (or that account does not exist). "
        "Application access may have been revoked.",
        status=403,
        code="account_invalid",
    )


def not_simulated(what: str, param: str | None = None) -> StripeError:
    """What Stripe has and the simulator does not yet: said loudly rather than answered wrongly."""
    return invalid(f"The Stripe simulator does not simulate {what} yet.", param, "simulator_not_implemented")
