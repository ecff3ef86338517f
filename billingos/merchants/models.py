"""Who uses BillingOS: merchants, the people who work for them, their keys, and what was done by whom."""

from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from billingos.common.ids import uuid7
from billingos.common.models import MerchantOwned, Recorded, StripeMirrored
from billingos.merchants import scopes as key_scopes


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A person who signs in by e-mail; no password means none can sign them in."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person: a member of merchants, or ops staff (`is_staff`)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "users"

    def __str__(self) -> str:
        return self.email


class Merchant(Recorded):
    """A business that bills through us: one Stripe account each.

    `stripe_account_id` is its Connect account. At most one merchant may be the platform account itself
    (`is_platform_account`), for those who host BillingOS for themselves, without Connect.
    """

    row_level_security = True

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=200)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.ACTIVE)
    stripe_account_id = models.TextField(null=True, blank=True, unique=True, validators=[RegexValidator(r"^acct_\w+$")])
    is_platform_account = models.BooleanField(default=False)
    deauthorized_at = models.DateTimeField(
        null=True, blank=True, help_text="When its account's owner took our access away; the data stay."
    )
    access_known_at = models.DateTimeField(null=True, help_text="Of the newest word on whether we may use the account.")
    default_currency = models.CharField(max_length=3, default="usd")
    country = models.CharField(max_length=2, default="US", help_text="ISO 3166-1: where the business is based.")

    class Meta:
        db_table = "merchants"
        constraints = (
            models.UniqueConstraint(
                fields=["is_platform_account"],
                condition=Q(is_platform_account=True),
                name="merchants_one_platform_account",
            ),
            models.CheckConstraint(
                condition=Q(is_platform_account=False) | Q(stripe_account_id=None),
                name="merchants_platform_or_connect",
            ),
            models.CheckConstraint(condition=Q(default_currency__regex="^[a-z]{3}$"), name="merchants_currency"),
            models.CheckConstraint(condition=Q(country__regex="^[A-Z]{2}$"), name="merchants_country"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.status == self.Status.ACTIVE

    @property
    def has_account(self) -> bool:
        return self.is_platform_account or bool(self.stripe_account_id)

    @property
    def is_connected(self) -> bool:
        """Whether Stripe can be called for this merchant."""
        return self.has_account and self.deauthorized_at is None


class ConnectedAccount(StripeMirrored):
    """What Stripe says of a merchant's Connect account. A merchant whose account was never asked about has none."""

    charges_enabled = models.BooleanField(help_text="Whether it can take payments.")
    payouts_enabled = models.BooleanField(help_text="Whether Stripe pays out to its bank account.")
    details_submitted = models.BooleanField(help_text="Whether somebody has finished Stripe's questions.")
    requirements_due = ArrayField(
        models.TextField(), default=list, help_text="What Stripe still asks for, by its names."
    )
    capabilities = models.JSONField(default=dict, blank=True, help_text="{name: active, inactive or pending}")

    class Meta:
        db_table = "connected_accounts"
        constraints = (models.UniqueConstraint(fields=["merchant", "stripe_id"], name="connected_accounts_stripe_id"),)


class Membership(MerchantOwned):
    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        DEVELOPER = "developer"
        VIEWER = "viewer"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)

    class Meta:
        db_table = "memberships"
        constraints = (models.UniqueConstraint(fields=["merchant", "user"], name="memberships_once"),)


class Invitation(MerchantOwned):
    """Asks whoever reads the mail of `email` to join. Of the link's token only the SHA-256 is kept."""

    LIFE = timedelta(days=7)

    class State(models.TextChoices):
        PENDING = "pending"
        EXPIRED = "expired"
        ACCEPTED = "accepted"
        REVOKED = "revoked"

    email = models.EmailField(help_text="In lower case.")
    role = models.CharField(max_length=20, choices=Membership.Role.choices)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "invitations"
        constraints = (
            models.UniqueConstraint(
                fields=["merchant", "email"],
                condition=Q(accepted_at=None, revoked_at=None),
                name="invitations_one_open",
            ),
        )

    def __str__(self) -> str:
        return self.email

    @property
    def sent_at(self) -> datetime:
        """When its present link was sent."""
        return self.expires_at - self.LIFE

    def state(self, at: datetime) -> State:
        if self.accepted_at:
            return self.State.ACCEPTED
        if self.revoked_at:
            return self.State.REVOKED
        return self.State.PENDING if at < self.expires_at else self.State.EXPIRED


class ChangeWhen(models.TextChoices):
    """When a change of plan takes effect."""

    NOW = "now", "At once"
    RENEWAL = "renewal", "At the next renewal"


class Proration(models.TextChoices):
    """What a change of plan in mid-period costs."""

    PRORATE = "prorate", "The difference, at once"
    PRORATE_AT_RENEWAL = "prorate_at_renewal", "The difference, on the next invoice"
    FULL_PRICE = "full_price", "The full new price; a new period begins"
    NONE = "none", "Nothing until the next renewal"


class BillingSettings(MerchantOwned):
    """How a merchant's numbers and rules differ from the defaults."""

    paused_counts = models.BooleanField(
        default=False, help_text="Whether a subscription whose collection is paused still counts as MRR."
    )
    past_due_keeps_access = models.BooleanField(
        default=True, help_text="Whether a customer keeps the entitlements while a payment is retried."
    )
    upgrade_when = models.CharField(max_length=10, choices=ChangeWhen.choices, default=ChangeWhen.NOW)
    downgrade_when = models.CharField(max_length=10, choices=ChangeWhen.choices, default=ChangeWhen.RENEWAL)
    proration = models.CharField(max_length=20, choices=Proration.choices, default=Proration.PRORATE)
    one_trial_per_product = models.BooleanField(
        default=True, help_text="Whether a customer gets a trial of a product only once."
    )
    one_subscription_per_product = models.BooleanField(
        default=True, help_text="Whether a customer is kept from subscribing to a product twice."
    )

    class Meta:
        db_table = "billing_settings"
        constraints = (models.UniqueConstraint(fields=["merchant"], name="billing_settings_once"),)

    @staticmethod
    def key(merchant_id: UUID) -> str:
        """What to share while writing by the rules, and to lock to change them."""
        return f"rules/{merchant_id}"


class Branding(MerchantOwned):
    """How a merchant's documents and its customers' pages look, and what the law wants on an invoice."""

    legal_name = models.CharField(max_length=200, blank=True, help_text="Empty: the business's name.")
    address_lines = ArrayField(models.TextField(), default=list, blank=True)
    support_email = models.EmailField(blank=True)
    website = models.CharField(max_length=200, blank=True)
    tax_ids = models.JSONField(default=list, blank=True, help_text="[{type, value}]; types as in `tax_ids.py`.")
    accent_colour = models.CharField(max_length=7, default="#4a45d1")
    logo = models.BinaryField(null=True, help_text="PNG or JPEG; a vector image could carry scripts.")
    logo_type = models.CharField(max_length=20, blank=True)
    receipt_footer = models.TextField(blank=True)

    class Meta:
        db_table = "branding"
        constraints = (
            models.UniqueConstraint(fields=["merchant"], name="branding_once"),
            models.CheckConstraint(condition=Q(accent_colour__regex="^#[0-9a-f]{6}$"), name="branding_colour"),
        )


class ApiKey(MerchantOwned):
    """A key to the API. Only its SHA-256 is kept: the key has 256 random bits, so that no salt is needed."""

    class Kind(models.TextChoices):
        SECRET = "secret"  # noqa: S105  (a kind of key, not a key)
        PUBLISHABLE = "publishable"

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    prefix = models.CharField(max_length=20, help_text="What it begins with, to tell keys apart.")
    last4 = models.CharField(max_length=4)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.TextField(), default=list)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "api_keys"
        indexes = (models.Index(fields=["merchant", "-id"], name="api_keys_list"),)

    def __str__(self) -> str:
        return f"{self.prefix}…{self.last4}"

    @property
    def is_unrestricted(self) -> bool:
        return set(key_scopes.ALL) <= set(self.scopes)

    def state(self, at: datetime) -> str:
        """live, expired or revoked."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= at else "live"


class AuditEntry(Recorded):
    """What a person or a key did. Rows are only ever added. The platform's own acts have no merchant."""

    row_level_security = True

    merchant = models.ForeignKey(Merchant, null=True, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    api_key = models.ForeignKey(ApiKey, null=True, on_delete=models.PROTECT, related_name="+")
    action = models.TextField()
    target = models.TextField(blank=True, help_text="What it was done to: a type and an id.")
    details = models.JSONField(default=dict)
    request_id = models.TextField(blank=True)

    class Meta:
        db_table = "audit_entries"
        verbose_name_plural = "audit entries"
        indexes = (models.Index(fields=["merchant", "-id"], name="audit_entries_list"),)

    def __str__(self) -> str:
        return f"{self.action}: {self.target}" if self.target else self.action
