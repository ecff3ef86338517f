"""The demo, made through the real path: its people here, everything else over the API and Stripe. Safe to run again."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings

from billingos.common.tenancy import platform_scope
from billingos.demo.caller import Caller
from billingos.demo.cast import ADMIN_EMAIL, FEATURES, MERCHANTS, METER, DemoMerchant
from billingos.merchants.models import ApiKey, Merchant, User
from billingos.merchants.services import create_api_key, create_merchant
from billingos.stripe_gateway.accounts import create_account

Say = Callable[[str], None]


def seed(known: dict[str, Any], say: Say) -> Iterator[dict[str, Any]]:
    """Yields what `.billingos/demo.json` should hold, again and again as the demo grows; `ready` in the last one.

    `known` is what the file held before: passwords and keys in it are kept, as they can be had from nowhere else.
    """
    document: dict[str, Any] = {
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
        yield document
    steps = sum(len(cast.customers) for cast in MERCHANTS)
    done = 0
    for cast, entry in zip(MERCHANTS, document["merchants"], strict=True):
        for name in fill(cast, Caller(settings.BASE_URL, entry["secret_key"])):
            done += 1
            say(f"demo {done:>2}/{steps} {cast.name}: {name}")
    document["ready"] = True
    yield document


def ensure_user(*, email: str, password: str, is_staff: bool = False) -> User:
    """The person, who can sign in with this password afterwards."""
    user = User.objects.filter(email=email).first() or User.objects.create_user(email)
    user.is_staff = user.is_superuser = is_staff
    user.set_password(password)
    user.save()
    # Nobody reads the demo's mail; without this a second factor could not be set up.
    EmailAddress.objects.update_or_create(user=user, email=email, defaults={"verified": True, "primary": True})
    return user


def ensure_merchant(cast: DemoMerchant, known: dict[str, Any]) -> dict[str, Any]:
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
            stripe_account_id=account,
        )
    return {
        "slug": cast.slug,
        "email": cast.email,
        "password": password,
        "secret_key": known.get("secret_key") or create_api_key(merchant=merchant, name="Demo")[1],
        "publishable_key": known.get("publishable_key")
        or create_api_key(merchant=merchant, name="Demo, browser", kind=ApiKey.Kind.PUBLISHABLE)[1],
        "stripe_account_id": merchant.stripe_account_id,
    }


def fill(cast: DemoMerchant, caller: Caller) -> Iterator[str]:
    """Catalog and customers over the API; yields each customer's name once it is there."""
    caller.ensure("/meters", METER, by="key", key=f"demo-{cast.slug}-meter")
    for feature in FEATURES:
        caller.ensure("/features", feature, by="lookup_key", key=f"demo-{cast.slug}-{feature['lookup_key']}")
    prices = [_price(cast, caller, index) for index in range(len(cast.plans))]
    for external_id, name, plan in cast.customers:
        _customer(cast, caller, external_id, name, prices[plan])
        yield name


def _price(cast: DemoMerchant, caller: Caller, index: int) -> str:
    plan, key = cast.plans[index], f"demo-{cast.slug}-plan-{index}"
    product = caller.ensure("/products", {"name": plan.name, "features": list(plan.features)}, by="name", key=key)
    body = {
        "product": product["id"],
        "currency": cast.currency,
        "unit_amount": plan.amount,
        "interval": "month",
        "nickname": f"{plan.name} monthly",
    }
    return str(caller.ensure("/prices", body, by="nickname", key=f"{key}-price")["id"])


def _customer(cast: DemoMerchant, caller: Caller, external_id: str, name: str, price: str) -> None:
    key = f"demo-{cast.slug}-customer-{external_id}"
    if caller.get(f"/customers/{external_id}") is None:
        email = f"billing@{external_id}.example"
        body = {"external_id": external_id, "name": name, "email": email, "payment_method": "pm_card_visa"}
        caller.post("/customers", body, key)
    subscriptions = caller.get("/subscriptions", customer_id=external_id) or {"data": []}
    if not subscriptions["data"]:
        caller.post("/subscriptions", {"customer_id": external_id, "items": [{"price": price}]}, f"{key}-subscription")
    event = {"customer_id": external_id, "meter": "api_calls", "event_id": f"{key}-usage", "value": 1200}
    caller.post("/usage/track", event, f"{key}-usage")
