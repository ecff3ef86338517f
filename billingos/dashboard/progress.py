"""Work behind the pages that takes a while, told on the home page while it lasts.

Whoever does such work stands above the dashboard (the demo does), so it hands in a reader: `tell_progress(reader)`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from billingos.merchants.models import Merchant


@dataclass(frozen=True, slots=True)
class Progress:
    """`text` says what goes on; `known_until` is the instant that the merchant's history has come to."""

    text: str
    percent: int
    known_until: datetime


Reader = Callable[[Merchant], Progress | None]
_readers: list[Reader] = []


def tell_progress(reader: Reader) -> None:
    """`reader` answers None where nothing goes on. It is asked at each visit of the home page, so it must be quick."""
    _readers.append(reader)


def progress_of(merchant: Merchant) -> Progress | None:
    """The first that any reader tells."""
    return next(filter(None, (reader(merchant) for reader in _readers)), None)
