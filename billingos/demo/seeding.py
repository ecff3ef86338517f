"""The demo, made through the real path: its people here, everything else over the API and Stripe. Safe to run again."""

import secrets
import time
from collections.abc import Callable

from allauth.account.models import EmailAddress
from django.conf import settings

from billingos.common.registries import handled_types
from billingos.common.tenancy import platform_scope
from billingos.demo.caller import JSON, StripeDesk
from billingos.demo.cast import ADMIN_EMAIL, MERCHANTS, DemoMerchant
from billingos.demo.history import History
from billingos.demo.logos import logo
from billingos.demo.progress import Progress
from billingos.merchants.models import ApiKey, Merchant, User
from billingos.merchants.services import create_api_key, create_merchant
from billingos.merchants.services.branding import set_logo, update_branding
from billingos.merchants.services.connect import refresh_account
from billingos.stripe_gateway.accounts import create_account

Say = Callable[[str], None]
Write = Callable[[JSON], None]
LINE_EVERY = 5  # percent


def seed(known: JSON, say: Say, write: Write) -> None:
    """Makes or completes the demo. `write` gets what `.billingos/demo.json` should hold, again and again as it grows.

    `known` is what the file held before: passwords and keys in it are kept, as they can be had from nowhere else.
    """
    began = time.monotonic()
    document: JSON = {
        "url": settings.BASE_URL,
        "ready": False,
        "stripe": {"api_base": settings.STRIPE_API_BASE, "secret_key": settings.STRIPE_SECRET_KEY},
        "admin": known.get("admin") or {"email": ADMIN_EMAIL, "password": secrets.token_urlsafe(12)},
        "merchants": [],
        "portal_url": f"{settings.BASE_URL}/portal/demo/{MERCHANTS[0].slug}",
    }
    ensure_user(**document["admin"], is_staff=True)
    entries = {entry["slug"]: entry for entry in known.get("merchants") or []}
    for cast in MERCHANTS:
        document["merchants"].append(ensure_merchant(cast, entries.get(cast.slug, {})))
        write(document)
    choose_events(StripeDesk(settings.STRIPE_API_BASE, settings.STRIPE_SECRET_KEY, None))
    history = History(document, Reporter(document, say, write))
    history.play()
    for line in history.compare():
        say(line)
    document["ready"] = True
    history.finish()
    say(f"demo ready after {time.monotonic() - began:.0f} s")


def choose_events(stripe: StripeDesk) -> None:
    """Subscribes the endpoints to what BillingOS does something with, as docs/webhooks.md advises."""
    events = {f"enabled_events[{index}]": name for index, name in enumerate(handled_types())}
    for endpoint in stripe.every("/webhook_endpoints"):
        stripe.post(f"/webhook_endpoints/{endpoint['id']}", **events)


class Reporter:
    """Tells how far the history is: in the file at every step, in words only now and then."""

    def __init__(self, document: JSON, say: Say, write: Write) -> None:
        self._document, self._say, self._write = document, say, write
        self._said = -LINE_EVERY

    def __call__(self, progress: Progress) -> None:
        self._document["history"] = {"done": progress.done, "total": progress.total, "ready": progress.ready}
        self._write(self._document)
        if progress.percent - self._said >= LINE_EVERY:
            self._said = progress.percent
            self._say(progress.line())


def ensure_user(*, email: str, password: str, is_staff: bool = False) -> User:
    """The person, who can sign in with this password afterwards."""
    user = User.objects.filter(email=email).first() or User.objects.create_user(email)
    user.is_staff = user.is_superuser = is_staff
    user.set_password(password)
    user.save()
    # Nobody reads the demo's mail; without this a second factor could not be set up.
    EmailAddress.objects.update_or_create(user=user, email=email, defaults={"verified": True, "primary": True})
    return user


def ensure_merchant(cast: DemoMerchant, known: JSON) -> JSON:
    """The merchant's entry in the file; makes what is missing of person, account, merchant and keys."""
    password = known.get("password") or secrets.token_urlsafe(12)
    owner = ensure_user(email=cast.email, password=password)
    with platform_scope():
        merchant = Merchant.objects.filter(slug=cast.slug).first()
    if merchant is None:
        account = create_account(email=cast.email, country=cast.country, key=f"demo-account-{cast.slug}")
        merchant = create_merchant(
            name=cast.name,
            slug=cast.slug,
            owner=owner,
            default_currency=cast.currency,
            country=cast.country,
            stripe_account_id=account,
        )
        refresh_account(merchant=merchant)
        update_branding(merchant=merchant, **cast.branding)
        set_logo(merchant=merchant, content=logo(cast.branding["accent_colour"], cast.bars))
    return {
        "slug": cast.slug,
        "email": cast.email,
        "password": password,
        "secret_key": known.get("secret_key") or create_api_key(merchant=merchant, name="Demo")[1],
        "publishable_key": known.get("publishable_key")
        or create_api_key(merchant=merchant, name="Demo, browser", kind=ApiKey.Kind.PUBLISHABLE)[1],
        "stripe_account_id": merchant.stripe_account_id,
    }
