"""A business of one's own: who has signed up makes one, and may make more."""

from typing import cast

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from billingos.common.errors import BillingError
from billingos.dashboard.forms import PlainForm, country_choices, currency_choices
from billingos.merchants.models import User
from billingos.merchants.services import create_merchant, suggest_slug


class NewBusinessForm(PlainForm):
    name = forms.CharField(
        max_length=200, label="Name of the business", widget=forms.TextInput({"autocomplete": "organization"})
    )
    slug = forms.CharField(
        max_length=60,
        required=False,
        label="Short name for addresses",
        help_text="Lowercase letters, digits and hyphens. Left empty, it is made from the name. It cannot be changed "
        "later.",
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    country = forms.ChoiceField(
        choices=country_choices, initial="US", help_text="Where the business is based; Stripe opens the account there."
    )
    default_currency = forms.ChoiceField(
        choices=currency_choices,
        initial="usd",
        label="Currency to begin with",
        help_text="What pages and metrics show first. Prices may be in any.",
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_business(request: HttpRequest) -> HttpResponse:
    form = NewBusinessForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            merchant = create_merchant(
                name=values["name"],
                slug=values["slug"] or suggest_slug(values["name"]),
                owner=cast(User, request.user),
                default_currency=values["default_currency"],
                country=values["country"],
            )
        except BillingError as error:
            form.refuse(error)
        else:
            messages.success(request, f"{merchant.name} is there, and you are its owner.")
            return redirect("dashboard:onboarding", slug=merchant.slug)
    return render(request, "dashboard/businesses/new.html", {"form": form}, status=400 if form.errors else 200)
