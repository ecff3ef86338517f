"""The frame of every page and its small parts. Everything that is put in is escaped by ``Markup.format``."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from stripe_simulator.money import readable

__all__ = [
    "Amount", "Markup", "badge", "button", "date", "document", "escape", "field", "hidden", "join", "money", "notice",
    "rows", "style", "table",
]  # fmt: skip

_NUMBERS = {"Amount", "Pending", "Quantity", "Total", "Try"}
_GOOD = {"active", "paid", "succeeded", "complete", "enabled", "ready", "trialing", "delivered"}
_BAD = {"past_due", "unpaid", "uncollectible", "incomplete_expired", "failed", "dropped", "expired"}

_DOCUMENT = Markup("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Stripe simulator</title>
<link rel="stylesheet" href="/simulator.css">
<link rel="icon" href="data:,">
</head>
<body>
<header class="top"><a href="/">Stripe simulator</a><span>Test mode: no money moves</span></header>
<main class="{width}">
<h1>{title}</h1>
{body}
</main>
</body>
</html>
""")


@functools.cache
def style() -> str:
    """The style sheet."""
    return Path(__file__).with_name("style.css").read_text()


def document(title: str, body: Markup, *, wide: bool = False) -> str:
    """A whole page."""
    return str(_DOCUMENT.format(title=title, body=body, width="wide" if wide else "narrow"))


def join(parts: Iterable[Any]) -> Markup:
    """Parts after each other, escaped unless they are markup."""
    return Markup("\n").join(parts)


def money(amount: int | None, currency: str | None) -> str:
    """``$12.50``, from minor units."""
    return "—" if amount is None else readable(amount, currency or "")


def date(at: int | None, *, time: bool = False) -> str:
    """A day in UTC, with its time if wanted."""
    if at is None:
        return "—"
    moment = datetime.fromtimestamp(at, UTC)
    return moment.strftime("%-d %b %Y, %H:%M:%S UTC" if time else "%-d %b %Y")


def badge(status: str | None) -> Markup:
    """A status in words, coloured by what it means."""
    tone = "good" if status in _GOOD else "bad" if status in _BAD else "plain"
    return Markup('<span class="badge {}">{}</span>').format(tone, (status or "—").replace("_", " "))


def notice(text: str, *, bad: bool = False) -> Markup:
    """A message above a form."""
    if not text:
        return Markup("")
    role = "alert" if bad else "status"
    return Markup('<p class="notice {}" role="{}">{}</p>').format("bad" if bad else "good", role, text)


def field(label: str, name: str, value: str = "", **attributes: str) -> Markup:
    """A labelled input; attributes with underscores become hyphenated (``inputmode``, ``autocomplete``)."""
    more = Markup("").join(Markup(' {}="{}"').format(key.replace("_", "-"), one) for key, one in attributes.items())
    return Markup('<label class="field"><span>{}</span><input name="{}" value="{}"{}></label>').format(
        label, name, value, more
    )


def hidden(name: str, value: str) -> Markup:
    """A value that a form carries."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(name, value)


def button(label: str, name: str = "", value: str = "", *, kind: str = "") -> Markup:
    """A button that sends its form."""
    return Markup('<button class="{}" name="{}" value="{}">{}</button>').format(kind, name or "do", value, label)


def rows(pairs: Iterable[tuple[str, Any]], kind: str = "") -> Markup:
    """Terms and what they are; of kind ``sums`` where they are amounts of money."""
    inside = join(Markup("<dt>{}</dt><dd>{}</dd>").format(*pair) for pair in pairs)
    return Markup('<dl class="{}">{}</dl>').format(kind, inside)


@dataclass(frozen=True)
class Amount:
    """A number in a table, on the right."""

    text: str


def _cell(head: str, content: Any) -> Markup:
    if isinstance(content, Amount):
        label = Markup(' data-label="{}"').format(head) if content.text else ""
        return Markup('<td class="amount"{}>{}</td>').format(label, content.text)
    return Markup("<td>{}</td>").format(content)


def table(caption: str, heads: Iterable[str], lines: Iterable[Iterable[Any]], empty: str = "None yet.") -> Markup:
    """A table that scrolls sideways on a phone; a sentence where it is empty."""
    heads = list(heads)
    body = [
        Markup("<tr>{}</tr>").format(Markup("").join(_cell(*cell) for cell in zip(heads, line, strict=True)))
        for line in lines
    ]
    if not body:
        return Markup("<h2>{}</h2><p class='quiet'>{}</p>").format(caption, empty)
    head = join(
        Markup('<th scope="col"{}>{}</th>').format(Markup(' class="amount"') if one in _NUMBERS else "", one)
        for one in heads
    )
    return Markup(
        '<h2>{0}</h2><div class="scroll" tabindex="0" role="region" aria-label="{0}">'
        "<table><thead><tr>{1}</tr></thead><tbody>{2}</tbody></table></div>"
    ).format(caption, head, join(body))
