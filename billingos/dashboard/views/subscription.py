"""One subscription: what was bought, what happened, and its end."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponseBase

from billingos.common.errors import BillingError, StripeUnavailable
from billingos.common.ids import uuid7
from billingos.common.tenancy import scope
from billingos.dashboard.consequences import consequences_of
from billingos.dashboard.histories import story_of_subscription
from billingos.dashboard.pages import Visit, merchant_page
from billingos.dashboard.plan_words import day_text
from billingos.dashboard.plans import Plan, coming_plan, plan_of, stripe_url
from billingos.dashboard.views.customer import moment_in
from billingos.merchants.roles import BILLING_WRITE
from billingos.merchants.services import record_audit
from subscriptions.models import Subscription
from subscriptions.selectors import coming_changes
from subscriptions.selectors import subscriptions as subscriptions_of
from subscriptions.services import cancel_subscription, keep_subscription

ASKS = ("GET", "HEAD", "POST")
LATEST = 10
PERIOD_END, NOW = "period_end", "now"
UNREACHABLE = "Stripe can’t be reached, and as far as we know nothing was changed. Try again: it is never done twice."


class CancelForm(forms.Form):
    """`token` makes sending the same page twice one cancellation."""

    when = forms.ChoiceField(choices=[(PERIOD_END, PERIOD_END), (NOW, NOW)])
    token = forms.UUIDField()


@merchant_page("subscriptions")
def subscription(visit: Visit, subscription_id: UUID) -> HttpResponseBase:
    before = moment_in(visit, "before")
    with scope(visit.merchant.id):
        row = _subscription(visit, subscription_id)
        story = story_of_subscription(row, before=before)
        coming = coming_changes([row]).get(row.id)
    context = {
        "plan": plan_of(row),
        "coming": coming and coming_plan(row, coming),
        "customer": row.customer,
        "now": row.customer.now(),
        "story": story,
        "before": before,
        "invoices": story.invoices[:LATEST],
        "stripe_url": stripe_url(visit.merchant, "subscriptions", row.stripe_id),
        "may_cancel": visit.may(BILLING_WRITE) and not row.has_ended,
        "may_keep": visit.may(BILLING_WRITE) and row.is_canceling and not row.has_ended,
    }
    return visit.render("dashboard/subscriptions/detail.html", context)


@merchant_page("subscriptions", needs=BILLING_WRITE, methods=ASKS)
def cancel(visit: Visit, subscription_id: UUID) -> HttpResponseBase:
    """Says what will happen, with the money, and asks; POST does it."""
    with scope(visit.merchant.id):
        plan = plan_of(_subscription(visit, subscription_id))
    if visit.request.method == "POST":
        form = CancelForm(visit.request.POST)
        if not form.is_valid():
            return _ask(visit, plan, error="Choose when the subscription is to end.", status=400)
        return _cancel(visit, plan, form)
    if plan.subscription.has_ended:
        messages.info(visit.request, "This subscription has ended already.")
        return visit.redirect("subscription", subscription_id=subscription_id)
    return _ask(visit, plan)


@merchant_page("subscriptions", needs=BILLING_WRITE, methods=("POST",))
def keep(visit: Visit, subscription_id: UUID) -> HttpResponseBase:
    """Takes back a cancellation that has not come yet."""
    with scope(visit.merchant.id):
        plan = plan_of(_subscription(visit, subscription_id))
    with visit.told(f"{plan.name} goes on for {plan.subscription.customer}."):
        keep_subscription(merchant=visit.merchant, subscription=plan.subscription)
        _record(visit, plan.subscription, "subscription.kept")
    return visit.redirect("subscription", subscription_id=subscription_id)


def _ask(
    visit: Visit, plan: Plan, *, error: str = "", chosen: str = "", token: UUID | None = None, status: int = 200
) -> HttpResponseBase:
    with scope(visit.merchant.id):
        consequences = consequences_of(plan)
    context = {
        "plan": plan,
        "customer": plan.subscription.customer,
        "now": plan.subscription.customer.now(),
        "consequences": consequences,
        "error": error,
        "chosen": chosen or (PERIOD_END if consequences.until else NOW),
        "token": token or uuid7(),
    }
    return visit.render("dashboard/subscriptions/cancel.html", context, status=status)


def _cancel(visit: Visit, plan: Plan, form: CancelForm) -> HttpResponseBase:
    row, token, when = plan.subscription, form.cleaned_data["token"], form.cleaned_data["when"]
    try:
        canceled = cancel_subscription(
            merchant=visit.merchant,
            subscription=row,
            at_period_end=when == PERIOD_END,
            key=f"page cancel {row.id} {token}",  # with a blank, which no caller's Idempotency-Key has
        )
    except StripeUnavailable:
        return _ask(visit, plan, error=UNREACHABLE, chosen=when, token=token, status=503)
    except BillingError as error:
        under_way = error.code == "idempotency_in_flight"
        messages.error(visit.request, "The cancellation is under way already." if under_way else error.message)
    else:
        if (row.status, row.cancel_at_period_end) != (canceled.status, canceled.cancel_at_period_end):
            _record(visit, row, "subscription.canceled", when=when)  # once, also when the form comes twice
        visit.say(_done(plan, canceled))
    return visit.redirect("subscription", subscription_id=row.id)


def _record(visit: Visit, row: Subscription, action: str, **details: str) -> None:
    with scope(visit.merchant.id):
        record_audit(
            merchant_id=visit.merchant.id,
            action=action,
            target=f"subscription {row.id}",
            user=visit.user,
            details={**details, "mrr": row.mrr, "currency": row.currency},
        )


def _done(plan: Plan, canceled: Subscription) -> str:
    who = plan.subscription.customer
    if canceled.has_ended:
        return f"{plan.name} has ended for {who}."
    ends = canceled.cancel_at or canceled.current_period_end
    return f"{plan.name} is going to end for {who}{f' on {day_text(ends)}' if ends else ' with its period'}."


def _subscription(visit: Visit, subscription_id: UUID) -> Subscription:
    rows = subscriptions_of(visit.merchant.id).filter(id=subscription_id, customer__deleted_at=None)
    found = rows.select_related("customer__test_clock").first()
    if found is None:
        raise Http404
    return found
