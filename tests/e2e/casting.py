"""Who walks, and through which rows. Runs beside a stack, in a process of its own with the stack's settings:

`manage.py shell -v 0 -c 'from tests.e2e.casting import tell; tell()'` makes the people of every role (safe to run
again) and prints what the walk must know, as one line of JSON.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.apps import apps
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import Count
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import timezone

from billingos import urls
from billingos.common.tenancy import platform_scope, scope
from billingos.demo.seeding import ensure_user
from billingos.merchants.models import Invitation, Membership, Merchant, User
from billingos.merchants.services import add_member, create_merchant
from billingos.merchants.services.keys import key_digest
from billingos.portal.checkouts import signed_id
from billingos.portal.demo import customers_on_offer
from billingos.reconciliation.models import ReconciliationRun
from billingos.reconciliation.services import reconcile
from billingos.stripe_gateway.accounts import create_account
from billingos.stripe_gateway.client import client, options_for
from customers.models import Customer, PortalSession
from customers.portal_sessions import create_portal_session
from subscriptions.models import CheckoutSession, Dispute, Invoice, InvoicePayment, Product, Subscription
from subscriptions.selectors import invoices
from subscriptions.services import Sale, create_price, open_checkout
from tests.e2e.addresses import GIVEN, HAS_TWO_FACTORS, MADE, Route, routes

SLUG = "northwind"
EMPTY = {"blank": False, "fresh": True}  # merchants with nothing: before and after Stripe was connected
A_DAY = 86_400
PATIENCE = 20.0  # seconds until an event has come
# Parameters that are not named after their model.
NAMED_OTHERWISE = {"event": "webhookevent", "key": "apikey", "version": "productversion", "member": "membership"}

# Of these, not the newest row: whose page has the most on it, and what can still be done.
MORE_TO_SHOW: Mapping[str, Callable[[Any], Any]] = {
    "customers.Customer": lambda rows: rows.annotate(much=Count("subscriptions")).order_by("-much", "pk"),
    "merchants.ApiKey": lambda rows: rows.filter(revoked_at=None),
    "subscriptions.Invoice": lambda rows: rows.filter(status="paid", amount_paid__gt=0),
    "subscriptions.Subscription": lambda rows: rows.filter(status="active", cancel_at_period_end=False),
}


def tell() -> None:
    print(json.dumps(cast()))


def cast() -> dict[str, Any]:
    """`sessions`: role → cookie. `values`: page → parameter → value. `empty`: slugs. `errors`: name → HTML."""
    with platform_scope():
        merchant = Merchant.objects.get(slug=SLUG)
    people = _people(merchant)
    customer = _customer_of_the_portal(merchant)
    made = _made(merchant, people["owner"], customer)
    return {
        "slug": SLUG,
        "customer": str(customer.id),
        "sessions": {role: _session(person) for role, person in people.items()},
        "values": {route.name: {**dict(_values(merchant, route)), **made.get(route.name, {})} for route in routes()},
        "empty": [_empty(people["newcomer"], slug, connected) for slug, connected in EMPTY.items()],
        "errors": dict(_errors()),
    }


# --- People ----------------------------------------------------------------------------------------------------------


def _people(merchant: Merchant) -> dict[str, User]:
    with scope(merchant.id):
        owner = Membership.objects.for_merchant(merchant.id).select_related("user").filter(role="owner")[0].user
    others = {role: _member(merchant, role) for role in Membership.Role.values if role != Membership.Role.OWNER}
    _give_two_factors(others[HAS_TWO_FACTORS])
    _member(merchant, Membership.Role.VIEWER, "colleague")  # the newest, whom nobody's own pages are about
    staff = User.objects.filter(is_staff=True).order_by("date_joined")[0]
    return {"owner": owner, **others, "staff": staff, "newcomer": _person("newcomer@blank.example")}


def _member(merchant: Merchant, role: str, name: str = "") -> User:
    user = _person(f"{name or role}@{merchant.slug}.example")
    add_member(merchant=merchant, user=user, role=Membership.Role(role))
    return user


def _person(email: str) -> User:
    """Somebody whose password nobody knows: the walk hands out sessions, which end when a password changes."""
    found = User.objects.filter(email=email).first()
    return found or ensure_user(email=email, password=secrets.token_urlsafe(16))


def _give_two_factors(user: User) -> None:
    if not Authenticator.objects.filter(user=user).exists():
        TOTP.activate(user, generate_totp_secret())
        RecoveryCodes.activate(user)


def _session(user: User) -> str:
    """The cookie of somebody who has just given their password, and will have for a day."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    given = {"method": "password", "at": time.time() + A_DAY, "email": user.email}
    session["account_authentication_methods"] = [given]
    session.create()
    return str(session.session_key)


def _empty(owner: User, slug: str, connected: bool) -> str:
    with platform_scope():
        exists = Merchant.objects.filter(slug=slug).exists()
    if not exists:
        account = create_account(email=owner.email, country="US", key=f"walk-{slug}") if connected else None
        create_merchant(name=slug.title(), slug=slug, owner=owner, stripe_account_id=account)
    return slug


# --- Rows ------------------------------------------------------------------------------------------------------------


def _values(merchant: Merchant, route: Route) -> Iterator[tuple[str, str]]:
    """A value for each parameter of the page that the rows of the merchant can give."""
    given = GIVEN.get(route.name, {})
    yield from given.items()
    for parameter in set(route.parameters) - {*given, *MADE.get(route.name, ())}:
        if parameter == "slug":
            yield parameter, merchant.slug
        elif found := _row(merchant, model_for(route, parameter)):
            yield parameter, found


def _disputed(merchant: Merchant) -> Invoice:
    """An invoice whose payment was disputed, as nobody in the demo does."""
    with scope(merchant.id):
        known = Dispute.objects.for_merchant(merchant.id).exists()
    if not known:
        _provoke_dispute(merchant)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with scope(merchant.id):
            paid = InvoicePayment.objects.for_merchant(merchant.id).select_related("invoice")
            disputes = Dispute.objects.for_merchant(merchant.id).filter(payment__isnull=False)
            one = paid.filter(payment_stripe_id__in=disputes.values("payment__stripe_id")).first()
        if one:
            return one.invoice
        time.sleep(0.2)
    raise TimeoutError("the dispute did not arrive")


def _provoke_dispute(merchant: Merchant) -> None:
    v1, options = client().v1, options_for(merchant)
    customer = v1.customers.create({"name": "Quarrel & Sons", "email": "billing@quarrel.example"}, options).id
    card = v1.payment_methods.attach("pm_card_createDispute", {"customer": customer}, options).id
    invoice = v1.invoices.create({"customer": customer, "auto_advance": False}, options)
    line: Any = {"customer": customer, "invoice": invoice.id, "amount": 12_000, "currency": "usd"}
    v1.invoice_items.create(line, options)
    v1.invoices.finalize_invoice(str(invoice.id), None, options)
    v1.invoices.pay(str(invoice.id), {"payment_method": card}, options)


def model_for(route: Route, parameter: str) -> Any:
    """`customer_id` → Customer; of an admin page, the model that it is for. None where nothing is called so."""
    if parameter == "object_id":
        app, model = route.name.removeprefix("admin:").split("_")[:2]
        return apps.get_model(app, model)
    stem = parameter.removesuffix("_id").replace("_", "")
    name = NAMED_OTHERWISE.get(stem, stem)
    ours = (model for model in apps.get_models() if model._meta.app_label != "djstripe")
    return next((model for model in ours if model._meta.model_name == name), None)


def _row(merchant: Merchant, model: Any) -> str | None:
    """The newest row, or one that has more to show; the merchant's own where rows have one."""
    if model is None:
        return None
    with platform_scope():
        rows = model._default_manager.order_by("-pk")
        if any(field.name == "merchant" for field in model._meta.fields):
            rows = rows.filter(merchant=merchant)
        rows = MORE_TO_SHOW.get(model._meta.label, lambda rows: rows)(rows)
        found = rows.values_list("pk", flat=True).first()
    return str(found) if found else None


# --- What is made for the walk ---------------------------------------------------------------------------------------


def _customer_of_the_portal(merchant: Merchant) -> Customer:
    """One whom the demo offers, with a plan to cancel."""
    return next(customer for customer, state in customers_on_offer(merchant) if state == Subscription.Status.ACTIVE)


def _free_till(merchant: Merchant) -> CheckoutSession:
    """For a free plan, which the demo does not sell."""
    with scope(merchant.id):
        product = Product.objects.for_merchant(merchant.id).order_by("id")[0]
    free: dict[str, Any] = {"currency": "usd", "unit_amount": 0, "interval": "month", "nickname": "Free"}
    price = create_price(merchant=merchant, product=product, key="free price of the walk", **free)
    return open_checkout(
        merchant=merchant,
        sale=Sale(price),
        success_url="https://shop.example/",
        cancel_url="https://shop.example/plans",
        way_back=lambda session: "",
    )


def _made(merchant: Merchant, owner: User, customer: Customer) -> dict[str, dict[str, str]]:
    """Page → parameter → value: a link that holds as long as the walk, and the customer's own subscription. An
    invitation is made too."""
    link = create_portal_session(merchant=merchant, customer=customer)
    lasting = timezone.now() + Invitation.LIFE
    with scope(merchant.id):
        PortalSession.objects.filter(id=link.session.id).update(expires_at=lasting)
        Invitation.objects.update_or_create(
            merchant=merchant,
            email=f"invited@{merchant.slug}.example",
            defaults={
                "role": Membership.Role.VIEWER,
                "digest": key_digest(GIVEN["dashboard:invitation"]["token"]),
                "invited_by": owner,
                "expires_at": lasting,
            },
        )
        own = Subscription.objects.for_merchant(merchant.id).filter(customer=customer, status="active")[0]
        bill = invoices(customer).filter(status=Invoice.Status.PAID)[0]  # it has a receipt too
    return {
        "checkout:free": {"signed": signed_id(_free_till(merchant))},
        "dashboard:invoice": {"invoice_id": str(_disputed(merchant).id)},
        "dashboard:invoice_document": {"invoice_id": str(bill.id)},
        "dashboard:reconciliation_run": {"run_id": str(_run(merchant).id)},
        "portal:link": {"token": link.link_token},
        "portal:invoice-document": {"invoice_id": str(bill.id)},
        "portal:invoice-pdf": {"invoice_id": str(bill.id)},
        "portal:cancel": {"subscription_id": str(own.id)},
    }


def _run(merchant: Merchant) -> ReconciliationRun:
    """One that has found something: a customer's name was spoilt."""
    with scope(merchant.id):
        one = Customer.objects.for_merchant(merchant.id).filter(test_clock=None, deleted_at=None).first()
        found = one or Customer.objects.for_merchant(merchant.id).filter(deleted_at=None)[0]
        Customer.objects.filter(id=found.id).update(name="Spoilt")
    return reconcile(merchant=merchant)


# --- Pages that nobody can ask for -----------------------------------------------------------------------------------


def _errors() -> Iterator[tuple[str, str]]:
    """The error pages that a healthy stack does not show."""
    request = RequestFactory().get("/app/")
    vars(request)["request_id"] = "req_0123456789"
    yield "400", urls.bad_request(request, ValueError()).content.decode()
    yield "403-expired", urls.csrf_failure(request).content.decode()
    yield "429", render_to_string("429.html")
    yield "500", urls.server_error(request).content.decode()
