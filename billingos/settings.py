"""The one settings file, driven by the environment.

Every variable is listed in `.env.example`, with its default and its meaning; a test holds that page and this file
equal. Values come from, in this order: the process environment, `.env`, and `.billingos/env`, which `make run`
writes for the servers it starts. A setting that is missing or wrong stops the start with its name.
"""

from pathlib import Path

import environ
import structlog
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy

from billingos.common.redaction import redact_log

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
STATE_DIR = Path(env.str("BILLINGOS_STATE_DIR", default=str(BASE_DIR / ".billingos")))
for _env_file in (BASE_DIR / ".env", STATE_DIR / "env"):
    if _env_file.is_file():
        environ.Env.read_env(_env_file)

# --- Mode -----------------------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
DEMO_MODE = env.bool("BILLINGOS_DEMO", default=False)
DEMO_MONTHS = env.int("BILLINGOS_DEMO_MONTHS", default=12)
DEMO_CUSTOMERS = env.int("BILLINGOS_DEMO_CUSTOMERS", default=0)
# A tenant query outside a scope yields nothing. Tests and development raise; production logs and carries on.
UNSCOPED_QUERIES_RAISE = env.bool("UNSCOPED_QUERIES_RAISE", default=DEBUG)
BASE_URL = env.str("BASE_URL", default="http://127.0.0.1:8000").rstrip("/")
SECRET_KEY = env.str("SECRET_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
BEHIND_TLS_PROXY = env.bool("BEHIND_TLS_PROXY", default=False)

# --- Stripe ---------------------------------------------------------------------------------------------------------
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY")
STRIPE_LIVE_MODE = STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_"))
STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="https://api.stripe.com")
STRIPE_API_VERSION = "2026-08-26.dahlia"
STRIPE_TIMEOUT_SECONDS = env.int("STRIPE_TIMEOUT_SECONDS", default=20)
STRIPE_WEBHOOK_SECRETS = env.list("STRIPE_WEBHOOK_SECRETS", default=[])
STRIPE_WEBHOOK_TOLERANCE_SECONDS = env.int("STRIPE_WEBHOOK_TOLERANCE_SECONDS", default=300)
STRIPE_BREAKER_FAILURES = env.int("STRIPE_BREAKER_FAILURES", default=5)
STRIPE_BREAKER_SPAN_SECONDS = env.int("STRIPE_BREAKER_SPAN_SECONDS", default=120)
STRIPE_BREAKER_PAUSE_SECONDS = env.int("STRIPE_BREAKER_PAUSE_SECONDS", default=10)
STRIPE_REQUESTS_PER_SECOND = env.int("STRIPE_REQUESTS_PER_SECOND", default=0)  # 0: Stripe's own limit
STRIPE_BACKGROUND_SHARE = env.float("STRIPE_BACKGROUND_SHARE", default=0.3)
STRIPE_BACKGROUND_WAIT_SECONDS = env.int("STRIPE_BACKGROUND_WAIT_SECONDS", default=30)
if not 0 < STRIPE_BACKGROUND_SHARE <= 1:
    raise ImproperlyConfigured("STRIPE_BACKGROUND_SHARE must be more than 0 and at most 1.")
if not DEMO_MODE and STRIPE_API_BASE != "https://api.stripe.com":
    raise ImproperlyConfigured("STRIPE_API_BASE may point elsewhere than Stripe only with BILLINGOS_DEMO=1.")

# --- Applications ---------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "billingos.common.ops_site.OpsAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "djstripe",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "billingos.common",
    "billingos.ui",
    "billingos.stripe_gateway",
    "billingos.merchants",
    "billingos.api",
    "billingos.webhooks",
    "billingos.mirror",
    "customers",
    "subscriptions",
    "usage",
    "entitlements",
    "insights",
    "billingos.backfill",
    "billingos.reconciliation",
    "billingos.dashboard",
    "billingos.portal",
    "billingos.demo",
]
MIDDLEWARE = [
    "billingos.api.request_ids.RequestIdMiddleware",
    "billingos.webhooks.shortcut.IntakeMiddleware",
    "billingos.common.retrying.RetryAfterMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "billingos.common.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "billingos.urls"
WSGI_APPLICATION = "billingos.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = False

# --- PostgreSQL -----------------------------------------------------------------------------------------------------
# `default` is the application: never the owner of a table, so that row-level security binds it. `owner` migrates.
# Where one URL is all there is, the application assumes the role billingos_app as it connects.
_database = env.db_url("DATABASE_URL", engine="django.db.backends.postgresql")
_owner = env.db_url("DATABASE_OWNER_URL", default=env.str("DATABASE_URL"), engine="django.db.backends.postgresql")
_session = "-c timezone=UTC -c statement_timeout=30s -c idle_in_transaction_session_timeout=60s"
if _owner == _database:
    _session += " -c role=billingos_app"
DATABASES = {
    "default": {
        **_database,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"options": _session, "connect_timeout": 5},
    },
    "owner": {**_owner, "OPTIONS": {"connect_timeout": 5}},
}

# --- Redis: a cache, locks and the broker; nothing in it is missed when it is gone ----------------------------------
REDIS_URL = env.str("REDIS_URL")
REDIS_TIMEOUT_SECONDS = 1
CACHES = {
    "default": {
        "BACKEND": "billingos.common.caches.RedisOrMemoryCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "bos",
        "OPTIONS": {
            "SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT_SECONDS,
            "SOCKET_TIMEOUT": REDIS_TIMEOUT_SECONDS,
        },
    }
}
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 10, "socket_connect_timeout": 2, "max_retries": 1}
CELERY_TASK_IGNORE_RESULT = True
# Long walks have a worker of their own, or events would wait for them.
SWEEPS = "sweeps"
CELERY_TASK_ROUTES = {
    "billingos.reconciliation.tasks.reconcile_merchant": {"queue": SWEEPS},
    "billingos.backfill.tasks.backfill": {"queue": SWEEPS},
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"

# --- Inbox ----------------------------------------------------------------------------------------------------------
INBOX_SWEEP_SECONDS = env.int("INBOX_SWEEP_SECONDS", default=5)
INBOX_LEASE_SECONDS = env.int("INBOX_LEASE_SECONDS", default=60)
INBOX_MAX_ATTEMPTS = env.int("INBOX_MAX_ATTEMPTS", default=8)
INBOX_MAX_LAG_SECONDS = env.int("INBOX_MAX_LAG_SECONDS", default=60)

# --- Metrics --------------------------------------------------------------------------------------------------------
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# --- Reconciliation -------------------------------------------------------------------------------------------------
RECONCILE_GRACE_SECONDS = env.int("RECONCILE_GRACE_SECONDS", default=10)
RECONCILE_FULL_HOUR = env.int("RECONCILE_FULL_HOUR", default=3)
RECONCILE_WARNING_DRIFTS = env.int("RECONCILE_WARNING_DRIFTS", default=5)
RECONCILE_CRITICAL_DRIFTS = env.int("RECONCILE_CRITICAL_DRIFTS", default=50)
if not 0 <= RECONCILE_FULL_HOUR < 24:
    raise ImproperlyConfigured("RECONCILE_FULL_HOUR must be from 0 to 23.")

# --- API ------------------------------------------------------------------------------------------------------------
API_RATE_LIMIT_PER_MINUTE = env.int("API_RATE_LIMIT_PER_MINUTE", default=6000)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["billingos.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["billingos.api.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["billingos.api.throttling.MerchantRateThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["billingos.api.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "billingos.api.errors.exception_handler",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "billingos.api.negotiation.AlwaysJSON",
    "UNAUTHENTICATED_USER": None,
    "DATETIME_FORMAT": "iso-8601",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "BillingOS API",
    "DESCRIPTION": "Billing on top of Stripe: customers, subscriptions, entitlements, usage, insight.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "ENUM_NAME_OVERRIDES": {
        "ChangePaymentEnum": "subscriptions.serializers.changes.CHANGE_PAYMENT",
        "FirstPaymentEnum": "subscriptions.serializers.lifecycle.FIRST_PAYMENT",
        "InvoiceStatusEnum": "subscriptions.models.Invoice.Status",
        "CreditNoteReasonEnum": "subscriptions.models.CreditNote.Reason",
        "DriftKindEnum": "billingos.reconciliation.models.Drift.Kind",
        "ReconciliationKindEnum": "billingos.reconciliation.models.ReconciliationRun.Kind",
        "ReconciliationStatusEnum": "billingos.reconciliation.models.ReconciliationRun.Status",
        "RefundReasonEnum": "subscriptions.models.Refund.Reason",
        "MigrationProrationEnum": "subscriptions.moving.PRORATIONS",
        "ProrationEnum": "billingos.merchants.models.Proration",
        "SubscriptionStatusEnum": "subscriptions.models.Subscription.Status",
        "UsageTypeEnum": "subscriptions.models.Price.UsageType",
    },
}

# --- People ---------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "merchants.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/app/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="billing@localhost")

# --- Security -------------------------------------------------------------------------------------------------------
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BASE_URL.startswith("https://")
SESSION_COOKIE_HTTPONLY = True
SESSION_ENGINE = "django.contrib.sessions.backends.db"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "billingos.urls.csrf_failure"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# --- Time, language, static files -----------------------------------------------------------------------------------
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = ["billingos.formats"]
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True  # files are served from where they lie: no collectstatic, no STATIC_ROOT


# --- Ops admin ------------------------------------------------------------------------------------------------------
def _favicon(request: object) -> str:
    return static("billingos/favicon.svg")


UNFOLD = {
    "SITE_TITLE": "BillingOS operations",
    "SITE_HEADER": "BillingOS",
    "SITE_SUBHEADER": "Operations",
    "SITE_URL": "/app/",
    "SITE_ICON": _favicon,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _favicon}],
    "STYLES": [lambda request: static("billingos/ops.css")],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "#f1f1fe", "100": "#e5e4fd", "200": "#cdccfb", "300": "#aeabf7", "400": "#8d88f0", "500": "#6d67e6",
            "600": "#4a45d1", "700": "#3f3ab8", "800": "#343096", "900": "#2c2977", "950": "#1b1949",
        },
    },
    "ACCOUNT": {"navigation": [{"title": "Two-factor authentication", "link": reverse_lazy("mfa_index")}]},
    "SIDEBAR": {
        "navigation": [
            {
                "title": title,
                "items": [
                    {"title": name, "icon": icon, "link": reverse_lazy(f"admin:{model}_changelist")}
                    for name, icon, model in items
                ],
            }
            for title, items in {
                "Platform": [
                    ("Merchants", "storefront", "merchants_merchant"),
                    ("Webhook inbox", "inbox", "webhooks_webhookevent"),
                    ("Reconciliation", "balance", "reconciliation_reconciliationrun"),
                    ("Drifts", "difference", "reconciliation_drift"),
                    ("Audit log", "history", "merchants_auditentry"),
                    ("People", "group", "merchants_user"),
                ],
                "Billing": [
                    ("Customers", "groups", "customers_customer"),
                    ("Subscriptions", "sync", "subscriptions_subscription"),
                    ("Disputes", "gavel", "subscriptions_dispute"),
                ],
                "Raw Stripe objects": [
                    ("Customers", "person", "djstripe_customer"),
                    ("Subscriptions", "autorenew", "djstripe_subscription"),
                    ("Invoices", "receipt_long", "djstripe_invoice"),
                    ("Accounts", "account_balance", "djstripe_account"),
                ],
            }.items()
        ]
    },
}  # fmt: skip

# --- dj-stripe: its tables hold the raw mirror; its views, handlers and URLs stay out (docs/adr) ---------------------
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
DJSTRIPE_USE_NATIVE_JSONFIELD = True

# --- Logs -----------------------------------------------------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOG_FORMAT = env.str("LOG_FORMAT", default="console")
if LOG_FORMAT not in {"console", "json"}:
    raise ImproperlyConfigured("LOG_FORMAT must be console or json.")
_processors: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    redact_log,
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _processors,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer()
                if LOG_FORMAT == "json"
                else structlog.dev.ConsoleRenderer(colors=False),
            ],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "stripe": {"level": "WARNING"},
        # One line per task and tick would drown what matters; failures come as warnings and errors.
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.worker.request": {"level": "WARNING"},  # each sweep that came too late because a drainer was at work
        "django.request": {"level": "ERROR"},
    },
}
structlog.configure(
    processors=[*_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
