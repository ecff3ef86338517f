"""BillingOS's settings, with nothing between server and view."""

from billingos.settings import *  # noqa: F403  (all of them, but for these)

INSTALLED_APPS = []
MIDDLEWARE = []
ROOT_URLCONF = "benchmarks.bare"
