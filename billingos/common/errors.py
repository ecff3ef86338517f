"""What can go wrong on purpose. Raised where the rule lives, rendered in one place (`billingos.api.errors`)."""

from typing import Any


class BillingError(Exception):
    """A refusal with a stable `code`, a `message` that says what to do, and the `param` to blame, if one is.

    `extra` are further members of the answer's error, such as the invoice that is left to pay. `made` are the rows that
    the request had led to when Stripe refused the rest of it.
    """

    status = 400
    code = "invalid_request"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
        extra: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.param = param
        self.retry_after = retry_after  # seconds
        self.extra = extra or {}
        self.made: list[Any] = []


class InvalidRequest(BillingError):
    """The request itself is wrong; the same request will fail again."""


class BodyTooLarge(BillingError):
    status = 413
    code = "body_too_large"


class Unauthenticated(BillingError):
    status = 401
    code = "authentication_required"


class Forbidden(BillingError):
    status = 403
    code = "permission_denied"


class NotFound(BillingError):
    """Absent, or another merchant's: the two must look the same."""

    status = 404
    code = "resource_missing"


class Conflict(BillingError):
    status = 409
    code = "conflict"


class PaymentRequired(BillingError):
    """Stripe declined the card; `code` is Stripe's error code."""

    status = 402
    code = "card_declined"


class Unavailable(BillingError):
    """A server we depend on does not answer; nothing is known to have happened. Try again with the same key."""

    status = 503
    code = "service_unavailable"


class StripeUnavailable(Unavailable):
    """Stripe did not answer, or asked us to slow down."""

    code = "stripe_unavailable"


class TenancyError(RuntimeError):
    """A programming error: a tenant's table was reached outside a scope, or from another tenant's scope."""


class MissingReference(LookupError):
    """A Stripe object points to another one that is not here yet; fetch that one first."""

    def __init__(self, object_type: str, stripe_id: str) -> None:
        super().__init__(f"{object_type} {stripe_id} is not here yet")
        self.object_type = object_type
        self.stripe_id = stripe_id
