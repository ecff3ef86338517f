"""Businesses and their first members."""

import re
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from billingos.common.errors import Conflict, InvalidRequest
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.countries import COUNTRIES
from billingos.merchants.models import BillingSettings, Branding, Membership, Merchant, User
from billingos.merchants.services.audit import record_audit

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SLUG_LENGTH = 60
# The first parts of addresses below /app that are not a merchant's (a test looks for more of them).
RESERVED_SLUGS = frozenset({"businesses", "invitations", "new", "styleguide"})


def create_merchant(
    *,
    name: str,
    slug: str,
    owner: User,
    default_currency: str = "usd",
    country: str = "US",
    stripe_account_id: str | None = None,
    is_platform_account: bool = False,
) -> Merchant:
    """A merchant with its settings and its first owner. Raises Conflict for a slug or account that is taken."""
    _refuse_bad_slug(slug)
    merchant = Merchant(
        slug=slug,
        **checked_profile(name=name, default_currency=default_currency, country=country),
        stripe_account_id=stripe_account_id,
        is_platform_account=is_platform_account,
    )
    try:
        with platform_scope(), transaction.atomic():
            merchant.save(force_insert=True)
            BillingSettings.objects.create(merchant=merchant)
            Branding.objects.create(merchant=merchant)
            Membership.objects.create(merchant=merchant, user=owner, role=Membership.Role.OWNER)
            record_audit(merchant_id=merchant.id, action="merchant.created", target=f"merchant {slug}", user=owner)
    except IntegrityError as error:
        raise Conflict(f"A merchant with the slug {slug} or with that account exists.", param="slug") from error
    return merchant


def checked_profile(**profile: str) -> dict[str, str]:
    """The same, with spaces put right. Raises InvalidRequest for an empty name, a country that Stripe does not serve
    and what is no currency."""
    if "name" in profile:
        profile["name"] = " ".join(profile["name"].split())
        if not 0 < len(profile["name"]) <= 200:
            raise InvalidRequest("A name has 1 to 200 characters.", param="name")
    if "country" in profile and profile["country"] not in COUNTRIES:
        raise InvalidRequest("Stripe does not open accounts in this country.", param="country")
    if "default_currency" in profile and not re.fullmatch("[a-z]{3}", profile["default_currency"]):
        raise InvalidRequest("A currency is three lowercase letters.", param="default_currency")
    return profile


def _refuse_bad_slug(slug: str) -> None:
    if not SLUG.fullmatch(slug) or len(slug) > SLUG_LENGTH:
        raise InvalidRequest("Lowercase letters, digits, and single hyphens between them.", param="slug")
    if slug in RESERVED_SLUGS:
        raise InvalidRequest("This address is BillingOS's own. Choose another.", param="slug")


def suggest_slug(name: str) -> str:
    """A slug for a business of this name that nobody has yet: `acme`, else `acme-2`, and so on."""
    base = re.sub("-+", "-", slugify(name).replace("_", "-"))[: SLUG_LENGTH - 10].strip("-") or "business"
    with platform_scope():
        taken = set(Merchant.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    number, slug = 1, base
    while slug in taken or slug in RESERVED_SLUGS:
        number += 1
        slug = f"{base}-{number}"
    return slug


def set_merchant_status(*, merchant_id: UUID, status: Merchant.Status, by: User) -> bool:
    """Suspends a merchant or lets it work again; False if it was so already. While suspended, its keys and its people's
    pages answer as if it did not exist; what Stripe does for it goes on."""
    with platform_scope():
        changed = Merchant.objects.filter(id=merchant_id).exclude(status=status).update(status=status) == 1
        if changed:
            target = f"merchant {merchant_id}"
            record_audit(merchant_id=merchant_id, action=f"merchant.{status}", target=target, user=by)
    return changed


def add_member(*, merchant: Merchant, user: User, role: Membership.Role, by: User | None = None) -> Membership:
    """Lets `user` work for `merchant`, without asking them: for demos, tests and operations. Idempotent.

    Raises Conflict for a member in another role: `team.change_role` gives another one, and minds the last owner.
    """
    with scope(merchant.id):
        membership, added = Membership.objects.get_or_create(merchant=merchant, user=user, defaults={"role": role})
        if membership.role != role:
            raise Conflict(f"{user.email} works for {merchant.name} already, in another role.", param="role")
        if added:
            record_audit(
                merchant_id=merchant.id,
                action="member.added",
                target=f"user {user.id}",
                user=by,
                details={"email": user.email, "role": role},
            )
    return membership
