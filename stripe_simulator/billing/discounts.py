"""Discounts: coupons in use. Who may redeem which, what they take off, and when they end."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Any

from stripe_simulator.billing import redemption
from stripe_simulator.database import Record
from stripe_simulator.errors import invalid, not_found
from stripe_simulator.events import emit, updating
from stripe_simulator.money import percentage, rounded, spread
from stripe_simulator.params import Hash, Sequenced, Text
from stripe_simulator.periods import boundary
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

DISCOUNTS = Sequenced(of=Hash(fields={"coupon": Text(), "discount": Text(), "promotion_code": Text()}), most=20)
_KEPT = ("customer", "subscription", "subscription_item")  # what a discount stays on from invoice to invoice


def redeem(
    work: Work,
    customer: Record,
    sent: list[dict[str, Any]],
    *,
    currency: str,
    amount: int | None,
    param: str = "discounts",
    **holder: str,
) -> list[str]:
    """The ids of the discounts that were sent: new ones of coupons and promotion codes, or those named.

    ``amount`` (minor units) is what a promotion code's least amount is held against, None where it can't be
    known yet; ``holder`` names what carries the discounts (``subscription="sub_…"``).
    """
    ids = []
    for position, entry in enumerate(sent):
        name = f"{param}[{position}]"
        given = {key: value for key, value in (entry or {}).items() if value}
        if len(given) != 1:
            raise invalid("You must specify exactly one of: coupon, discount, promotion_code.", name)
        if "discount" in given:
            ids.append(existing(work, customer, given["discount"], name)["id"])
            continue
        coupon, code = redemption.claim(work, customer, given, name, currency=currency, amount=amount)
        ids.append(attach(work, customer, coupon, code, **holder)["id"])
    if len(set(ids)) < len(ids):
        raise invalid("The same discount cannot be applied twice.", param)
    return ids


def attach(
    work: Work, customer: Record, coupon: Record, code: Record | None, event: str = "created", **holder: str
) -> Record:
    """A new discount; one that lasts on a customer or a subscription is announced."""
    now = work.now(customer["_clock"])
    months = coupon["duration_in_months"]
    body: Record = {
        "checkout_session": None,
        "customer": customer["id"],
        "customer_account": None,
        "end": boundary(now, "month", months, 1) if months else None,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": code["id"] if code else None,
        "source": {"coupon": coupon["id"], "type": "coupon"},
        "start": now,
        "subscription": None,
        "subscription_item": None,
    }
    lasting = not holder or any(name in holder for name in _KEPT)
    body["_due"] = body["end"] if lasting else None
    terms = {name: coupon[name] for name in ("amount_off", "currency", "duration", "percent_off")}
    terms |= {"currency_options": dict(coupon["_currency_options"]), "products": coupon["_products"]}
    discount = work.insert("discount", body | holder, clock=customer["_clock"], terms=terms, ended=False)
    redemption.count(work, coupon, code)
    if lasting:
        emit(work, f"customer.discount.{event}", discount)
    return discount


def switch(work: Work, customer: Record, given: dict[str, Any], before: Record | None) -> Record:
    """A customer's new discount; where it takes the place of another one that is an update."""
    named = work.find("coupon", given.get("coupon"))
    currency = customer["currency"] or (named["currency"] if named else None) or "usd"
    coupon, code = redemption.claim(work, customer, given, "", currency=currency, amount=None)
    if before is not None:
        with work.edit(before):
            before |= {"_ended": True, "_due": None}
    return attach(work, customer, coupon, code, event="updated" if before else "created")


def running(work: Work, ids: list[str], at: int) -> Iterator[Record]:
    """The discounts among these that hold at a time (Unix seconds), in their order."""
    for id in ids:
        discount = work.get("discount", id)
        if discount["end"] is None or at < discount["end"]:
            yield discount


def of_subscription(work: Work, subscription: Record, customer: Record) -> list[str]:
    """What an invoice of a subscription inherits: its discounts, or the customer's where it has none.

    One that is ``_bare`` was told to have none at all.
    """
    now = work.now(customer["_clock"])
    own = [discount["id"] for discount in running(work, subscription["discounts"], now)]
    if own or subscription.get("_bare") or not customer["discount"]:
        return own
    return [discount["id"] for discount in running(work, [customer["discount"]], now)]


def covers(discount: Record, line: Json) -> bool:
    """Whether a line is of a kind, and of a product, that the discount is for."""
    products = discount["_terms"]["products"]
    if not line["discountable"]:
        return False
    details = (line["pricing"] or {}).get("price_details") or {}
    return products is None or details.get("product") in products


def amounts_off(discount: Record, amounts: list[int], currency: str) -> list[int]:
    """What a discount takes off each of these positive amounts (minor units).

    A percentage is rounded line by line. A fixed amount is spread in proportion, and never takes more than
    there is; in a currency that the coupon has no amount for it takes nothing.
    """
    terms = discount["_terms"]
    if terms["percent_off"] is not None:
        return [rounded(percentage(amount, terms["percent_off"])) for amount in amounts]
    fixed = redemption.amount_in(terms, terms["currency_options"], currency) or 0
    return spread(min(fixed, sum(amounts)), amounts)


def take(discount: Record, lines: list[Json], left: list[int], among: Iterable[int], currency: str) -> None:
    """Let a discount work on some of the lines: what is ``left`` of their amounts shrinks, and they say by how much."""
    eligible = [position for position in among if covers(discount, lines[position]) and left[position] > 0]
    amounts = amounts_off(discount, [left[position] for position in eligible], currency)
    for position, amount in zip(eligible, amounts, strict=True):
        left[position] -= amount
        entry = {"amount": amount, "discount": discount["id"]}
        lines[position]["discount_amounts"].append(entry)
        lines[position]["pretax_credit_amounts"].append({**entry, "type": "discount"})


def use_up(work: Work, invoice: Record) -> None:
    """End those of duration ``once`` that took something off this invoice."""
    for entry in invoice["total_discount_amounts"]:
        discount = work.get("discount", entry["discount"])
        if entry["amount"] > 0 and discount["_terms"]["duration"] == "once" and not discount["_ended"]:
            end(work, discount)


def end(work: Work, discount: Record) -> None:
    """Take a discount off what carries it. Invoices that had it keep it."""
    with work.edit(discount):
        discount |= {"_ended": True, "_due": None}
    if all(discount[name] is None for name in ("subscription", "invoice", "invoice_item")):
        customer = work.find("customer", discount["customer"])
        if customer is not None and customer["discount"] == discount["id"]:
            with work.edit(customer):
                customer["discount"] = None
    subscription = work.find("subscription", discount["subscription"])
    if subscription is not None:
        with work.edit(subscription):
            for holder in (subscription, *subscription["items"]["data"]):
                holder["discounts"] = [id for id in holder["discounts"] if id != discount["id"]]
    if discount["invoice"] is None and discount["invoice_item"] is None:
        emit(work, "customer.discount.deleted", discount)


def expire(work: Work, discount: Record) -> None:
    """The end of a repeating discount has come: whoever carries it is updated."""
    holder = work.find("subscription", discount["subscription"])
    if holder is not None and holder["ended_at"] is not None:
        return
    with nullcontext() if holder is None else updating(work, holder):
        end(work, discount)


def replace(work: Work, before: list[str], after: list[str]) -> None:
    """End the discounts that a new list leaves out."""
    for id in before:
        if id not in after:
            end(work, work.get("discount", id))


def existing(work: Work, customer: Record, id: str, param: str) -> Record:
    """A discount of the customer's, or of one of its subscriptions; a StripeError where it has no such one."""
    discount = work.get("discount", id, f"{param}[discount]")
    if discount["customer"] != customer["id"]:
        raise not_found("discount", id, f"{param}[discount]", 400)
    return discount
