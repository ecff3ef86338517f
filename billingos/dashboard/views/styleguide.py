"""One living page with every component, for those who build pages. In development and in the demo only."""

from datetime import date, timedelta

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from billingos.ui.charts import Chart, Point, bar_chart, line_chart
from billingos.ui.listing import NEWEST, Filter, Listing, Order
from billingos.ui.money import money_text, short_money_text
from billingos.ui.statuses import TONES

START = date(2026, 1, 1)
TOKENS = {
    "Colour": ("ground", "surface", "sunken", "line", "ink", "ink-muted", "accent", "good", "warn", "bad", "info"),
    "Space": tuple(f"space-{step}" for step in range(1, 8)),
    "Type": ("text-s", "text-m", "text-l", "text-xl", "text-xxl"),
    "Shape": ("radius", "radius-s", "shadow", "shadow-high"),
}

PARTS = ("Tokens", "Numbers", "Charts", "Badges", "Tables", "Forms", "Feedback", "Time", "Code")


@login_required
def styleguide(request: HttpRequest) -> HttpResponse:
    if not (settings.DEBUG or settings.DEMO_MODE):
        raise Http404
    messages.success(request, "A message: what was done has been done.")
    now = timezone.now()
    context = {
        "parts": PARTS,
        "tokens": TOKENS,
        "statuses": TONES,
        "line": example_line(),
        "bars": example_bars(),
        "series": [120, 135, 132, 150, 170, 168, 190],
        "now": now,
        "soon": now + timedelta(days=3),
        "past": now - timedelta(hours=5),
        "listing": Listing(
            request,
            orders=[NEWEST, Order("name", "Name", "name")],
            filters=[Filter("status", "Status", [("active", "Active"), ("past_due", "Past due")])],
        ),
        "curl": f'curl {settings.BASE_URL}/api/customers -H "Authorization: Bearer $BILLINGOS_KEY"',
    }
    return render(request, "dashboard/styleguide.html", context)


def example_line() -> Chart:
    points = []
    for index in range(52):
        at = START + timedelta(weeks=index)
        cents = 420_000 + index * 21_000 + (index % 5) * 9_000
        points.append(Point(f"{at:%-d %b %Y}", cents, money_text(cents, "usd"), f"{at:%b}" if at.day <= 7 else ""))
    return line_chart("MRR by week", points, show=lambda cents: short_money_text(cents, "usd"), value_name="MRR")


def example_bars() -> Chart:
    values = [52_000, 31_000, -18_000, 44_000, -27_000, 61_000]
    points = [
        Point(
            f"{START.replace(month=index + 1):%B %Y}",
            cents,
            money_text(cents, "usd"),
            f"{START.replace(month=index + 1):%b}",
        )
        for index, cents in enumerate(values)
    ]
    return bar_chart(
        "Net movement of MRR by month",
        points,
        show=lambda cents: short_money_text(cents, "usd"),
        value_name="Net movement",
        tones=["good" if cents >= 0 else "bad" for cents in values],
    )
