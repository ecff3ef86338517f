"""The components that templates are put together from: see /app/styleguide and docs/components.md."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billingos.ui import money as money_words
from billingos.ui.charts import Chart, Sparkline
from billingos.ui.charts import sparkline as make_sparkline
from billingos.ui.listing import Listing
from billingos.ui.statuses import tone_of, words

register = template.Library()


@register.filter
def money(amount: int | None, currency: str) -> str:
    """`{{ invoice.total|money:invoice.currency }}`: minor units as people read them."""
    return "—" if amount is None else money_words.money_text(amount, currency)


@register.filter
def short_money(amount: int | None, currency: str) -> str:
    return "—" if amount is None else money_words.short_money_text(amount, currency)


@register.filter
def signed_money(amount: int | None, currency: str) -> str:
    return "—" if amount is None else money_words.signed_money_text(amount, currency)


@register.filter
def tone(state: str) -> str:
    """good, info, warn, bad or neutral, as the badge of the state has it."""
    return tone_of(state)


@register.filter(name="words")
def as_words(name: str) -> str:
    """product_not_received → Product not received."""
    return words(name)


@register.filter
def abs_money(amount: int, currency: str) -> str:
    """Without its sign, where words say which way it goes."""
    return money_words.money_text(abs(amount), currency) if currency else f"{abs(amount):,}"


@register.filter
def quantity(value: Decimal | int | None) -> str:
    """A count or sum with thousands, and decimals only where there are any."""
    if value is None:
        return "—"
    text = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@register.simple_tag
def status(value: str, label: str = "") -> SafeString:
    """`{% status subscription.status %}`: a badge whose tone tells whether something is to be done."""
    return format_html('<span class="badge is-{}">{}</span>', tone_of(value), label or words(value))


@register.simple_tag
def day(at: datetime | None, empty: str = "—") -> SafeString | str:
    """`{% day invoice.paid_at %}`: the date; the time on pointing at it. UTC."""
    if at is None:
        return empty
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>', at.isoformat(), _full(at), date_format(at, "j M Y")
    )


@register.simple_tag
def moment(at: datetime | None, empty: str = "—") -> SafeString | str:
    """`{% moment event.received_at %}`: date and time to the second, UTC."""
    if at is None:
        return empty
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>', at.isoformat(), _full(at), date_format(at, "j M Y, H:i:s")
    )


@register.simple_tag
def ago(at: datetime | None, now: datetime | None = None, empty: str = "never") -> SafeString | str:
    """`{% ago key.last_used_at %}`: relative time; the exact one on pointing at it. `now` for those on a test clock."""
    if at is None:
        return empty
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>', at.isoformat(), _full(at), relative(at, now or timezone.now())
    )


def relative(at: datetime, now: datetime) -> str:
    """in 3 days, 5 minutes ago, just now."""
    distance = at - now
    seconds = abs(distance.total_seconds())
    if seconds < 45:
        return "just now"
    for size, name in ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size or name == "minute":
            count = max(round(seconds / size), 1)
            spoken = f"{count} {name}{'' if count == 1 else 's'}"
            return f"in {spoken}" if distance > timedelta(0) else f"{spoken} ago"
    raise AssertionError("unreachable")  # a minute takes whatever is left


def _full(at: datetime) -> str:
    return date_format(at, "j F Y, H:i:s")


@register.inclusion_tag("components/icon.html")
def icon(name: str) -> dict[str, str]:
    return {"name": name}


@register.inclusion_tag("components/metric.html")
def metric(
    label: str,
    value: str,
    *,
    note: str = "",
    tone: str = "neutral",
    url: str = "",
    series: Sequence[int] | None = None,
    definition: str = "",
) -> dict[str, Any]:
    """A number with its name; `note` says how it moved, `series` draws it, `definition` links what it means."""
    spark: Sparkline | None = make_sparkline(series, f"{label} over time") if series else None
    return {
        "label": label,
        "value": value,
        "note": note,
        "tone": tone,
        "url": url,
        "spark": spark,
        "definition": definition,
    }


@register.inclusion_tag("components/charts/spark.html")
def spark(series: Sequence[int], summary: str) -> dict[str, Sparkline]:
    """A small line beside a number; `summary` is what it says to those who can't see it."""
    return {"spark": make_sparkline(series, summary)}


@register.inclusion_tag("components/charts/chart.html")
def chart(chart: Chart) -> dict[str, Chart]:
    """Line or bars, as the chart was made."""
    return {"chart": chart}


@register.inclusion_tag("components/code.html")
def code(text: str, label: str) -> dict[str, str]:
    """A block of code that can be copied."""
    return {"text": text, "label": label}


@register.inclusion_tag("components/copyable.html")
def copyable(text: object, label: str) -> dict[str, str]:
    """An id or the like in a line, that can be copied; `label` says what it is."""
    return {"text": str(text), "label": label}


@register.inclusion_tag("components/usage_bar.html")
def usage_bar(
    name: object, used: Decimal | int, limit: Decimal | int | None, resets_at: Any = None, *, url: str = ""
) -> dict[str, Any]:
    """What is used of a limit; `limit` None has none. The tone warns from 80 % and alarms from 100 %. The name leads to
    `url`."""
    share = 0 if not limit else min(int(used * 100 / limit), 100)
    full = limit is not None and used >= limit
    tone = "bad" if full else "warn" if share >= 80 else "good"
    return {
        "name": name,
        "used": used,
        "limit": limit,
        "share": share,
        "tone": tone,
        "resets_at": resets_at,
        "url": url,
    }


@register.inclusion_tag("components/list_form.html")
def list_form(listing: Listing, target: str, placeholder: str = "Search", *, searchable: bool = True) -> dict[str, Any]:
    """Search, filters, sort order and CSV of a list; `target` is the id of the section that holds the list."""
    return {"listing": listing, "target": target, "placeholder": placeholder, "searchable": searchable}


@register.inclusion_tag("components/list_pager.html")
def list_pager(
    listing: Listing, next_cursor: str | None, shown: int, noun: str, *, exported: bool = False
) -> dict[str, Any]:
    """How many are shown, the ways on and back to the start, and where `exported` says so, to the CSV file."""
    return {
        "at_start": listing.at_start,
        "start_address": listing.start_address,
        "next_address": listing.address(cursor=next_cursor) if next_cursor else "",
        "csv_address": listing.csv_address if exported else "",
        "shown": shown,
        "noun": noun,
    }
