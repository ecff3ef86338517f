"""Discounts of a schedule's phases: named when the phase is laid out, redeemed when it begins."""

from typing import Any

from stripe_simulator.billing import discounts, redemption
from stripe_simulator.database import Record
from stripe_simulator.errors import invalid
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

_NAMES = ("coupon", "discount", "promotion_code")


def named(
    work: Work, customer: Record, held: list[str], sent: list[dict[str, Any]], currency: str, param: str
) -> list[Json]:
    """What a phase keeps of the discounts that a request names; a StripeError where the customer can't have them.

    ``held`` are the discounts that the schedule's subscription has already: their coupons need no redemption.
    """
    entries = []
    for position, entry in enumerate(sent):
        name = f"{param}[{position}]"
        given = {key: value for key, value in (entry or {}).items() if value}
        if len(given) != 1:
            raise invalid("You must specify exactly one of: coupon, discount, promotion_code.", name)
        kept: Json = {key: given.get(key) for key in _NAMES}
        if kept["discount"]:
            discounts.existing(work, customer, kept["discount"], name)
        elif _alike(work, held, kept) is None:
            redemption.claim(work, customer, given, name, currency=currency, amount=None)
        entries.append(kept)
    return entries


def of_holder(ids: list[str]) -> list[Json]:
    """The entries that keep these very discounts."""
    return [{"coupon": None, "discount": id, "promotion_code": None} for id in ids]


def put(
    work: Work, customer: Record, before: list[str], entries: list[Json], *, anew: bool, **holder: str
) -> list[str]:
    """The discounts of a phase on their ``holder``; those that it leaves out end.

    A phase that begins redeems its coupons ``anew``; one that is only changed keeps what it has redeemed.
    """
    ids: list[str] = []
    for entry in entries:
        if entry["discount"]:
            found = work.find("discount", entry["discount"])
            kept = entry["discount"] if found is not None and not found["_ended"] else None
        else:
            kept = None if anew else _alike(work, [id for id in before if id not in ids], entry)
            kept = kept or _redeemed(work, customer, entry, holder)
        if kept is not None and kept not in ids:
            ids.append(kept)
    discounts.replace(work, before, ids)
    return ids


def _alike(work: Work, ids: list[str], entry: Json) -> str | None:
    """The first of these discounts that comes of the entry's coupon or promotion code."""
    for id in ids:
        discount = work.get("discount", id)
        made = {"coupon": discount["source"]["coupon"], "promotion_code": discount["promotion_code"]}
        if entry["coupon"] == made["coupon"] or entry["promotion_code"] == (made["promotion_code"] or ""):
            return id
    return None


def _redeemed(work: Work, customer: Record, entry: Json, holder: dict[str, str]) -> str | None:
    """A new discount; None where the coupon has been deleted since the phase was laid out."""
    code = work.find("promotion_code", entry["promotion_code"])
    coupon = work.find("coupon", code["promotion"]["coupon"] if code else entry["coupon"])
    return None if coupon is None else str(discounts.attach(work, customer, coupon, code, **holder)["id"])
