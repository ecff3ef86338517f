"""Settings: what the business is, its billing rules, its Stripe account."""

from typing import Any

from django import forms
from django.http import HttpResponseBase

from billingos.common.errors import BillingError
from billingos.common.tenancy import scope
from billingos.dashboard.forms import PlainForm, country_choices, currency_choices
from billingos.dashboard.pages import Visit, merchant_page
from billingos.dashboard.views.backfill import running_backfill
from billingos.merchants.countries import COUNTRIES
from billingos.merchants.models import ChangeWhen, Merchant, Proration
from billingos.merchants.roles import CONNECT_MANAGE, SETTINGS_MANAGE
from billingos.merchants.selectors import connected_account, settings_of
from billingos.merchants.services.rules import update_billing_settings, update_merchant

WRITES = ("GET", "HEAD", "POST")


class BusinessForm(PlainForm):
    name = forms.CharField(max_length=200, help_text="As your team sees it, and people whom you invite.")
    default_currency = forms.ChoiceField(
        label="Currency to begin with",
        help_text="What pages and metrics show first. It converts nothing and changes no price.",
    )
    country = forms.ChoiceField(choices=country_choices, help_text="Where Stripe will open the account.")

    def __init__(self, merchant: Merchant, *args: Any, **kwargs: Any) -> None:
        columns = ("name", "default_currency", "country")
        super().__init__(*args, initial={name: getattr(merchant, name) for name in columns}, **kwargs)
        self.fields["default_currency"].choices = currency_choices(merchant.default_currency)  # type: ignore[attr-defined]  # typed as any field
        if merchant.has_account:  # settled with the account
            del self.fields["country"]


class RulesForm(PlainForm):
    upgrade_when = forms.ChoiceField(
        choices=ChangeWhen.choices,
        label="A change to a higher price takes effect",
        help_text="Unless a request says otherwise. A change to the same price counts as higher.",
    )
    downgrade_when = forms.ChoiceField(
        choices=ChangeWhen.choices,
        label="A change to a lower price takes effect",
        help_text="At the next renewal, customers keep what they have paid for until then.",
    )
    proration = forms.ChoiceField(
        choices=Proration.choices,
        label="What a change at once costs",
        help_text="Another billing interval, and a step from free to paid, always begins a new period at once.",
    )
    one_subscription_per_product = forms.BooleanField(
        required=False,
        label="One subscription of a product per customer",
        help_text="A second one is refused while the first has not ended.",
    )
    one_trial_per_product = forms.BooleanField(
        required=False,
        label="One trial of a product per customer",
        help_text="A second trial is refused, also after the subscription with the first one has ended.",
    )
    paused_counts = forms.BooleanField(
        required=False,
        label="Paused subscriptions count as MRR",
        help_text="A subscription whose collection is paused goes on, but nothing is collected. A change counts from "
        "the moment you save it: what is paused now gets a new MRR at once, days before keep the value of their time.",
    )
    past_due_keeps_access = forms.BooleanField(
        required=False,
        label="Customers keep access while a payment is retried",
        help_text="Off: what a subscription grants ends as soon as it is past due, and comes back when it is paid. A "
        "change takes effect at once, also for those who are past due now.",
    )


@merchant_page("settings", methods=WRITES)
def settings(visit: Visit) -> HttpResponseBase:
    """Everybody may look; to save takes a permission."""
    if visit.request.method == "POST":
        visit.demand(SETTINGS_MANAGE)
    form = BusinessForm(visit.merchant, visit.request.POST or None)
    if visit.request.method == "POST" and form.is_valid():
        try:
            changed = update_merchant(merchant=visit.merchant, by=visit.user, **form.cleaned_data)
        except BillingError as error:
            form.refuse(error)
        else:
            visit.say("Saved." if changed else "Nothing was changed.")
            return visit.redirect("settings")
    context = {
        "form": form,
        "country": COUNTRIES[visit.merchant.country][0],
        "may_save": visit.may(SETTINGS_MANAGE),
        "tab": "settings",
    }
    return visit.render("dashboard/settings/business.html", context, status=400 if form.errors else 200)


@merchant_page("settings", methods=WRITES)
def billing_rules(visit: Visit) -> HttpResponseBase:
    if visit.request.method == "POST":
        visit.demand(SETTINGS_MANAGE)
    with scope(visit.merchant.id):
        now = settings_of(visit.merchant.id)
    before = {name: getattr(now, name) for name in RulesForm.base_fields}
    form = RulesForm(visit.request.POST if visit.request.method == "POST" else None, initial=before)
    if form.is_valid():
        changed = update_billing_settings(merchant=visit.merchant, by=visit.user, **form.cleaned_data)
        visit.say("Saved." if changed else "Nothing was changed.")
        return visit.redirect("billing_rules")
    context = {"form": form, "may_save": visit.may(SETTINGS_MANAGE), "tab": "billing_rules"}
    return visit.render("dashboard/settings/rules.html", context, status=400 if form.errors else 200)


@merchant_page("settings")
def stripe_connection(visit: Visit) -> HttpResponseBase:
    with scope(visit.merchant.id):
        account = connected_account(visit.merchant)
        running = running_backfill(visit)
    context = {
        "account": account,
        "backfill": running,
        "may_connect": visit.may(CONNECT_MANAGE),
        "tab": "stripe_connection",
    }
    return visit.render("dashboard/settings/stripe.html", context)
