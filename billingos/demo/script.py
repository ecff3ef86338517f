"""The play: what each customer of a demo merchant does, and when. Planned from a seed, without network or clock.

The same merchant, seed and time always give the same script. Each customer lives one story; how many live which is
fixed, so that every kind of act occurs; who lives it, when, and with which plan is drawn.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from billingos.demo.cast import DemoMerchant
from billingos.demo.life import DAY, Act, Life, Span
from billingos.demo.stories import STORIES, Story


@dataclass(frozen=True, slots=True)
class Script:
    merchant: DemoMerchant
    start: datetime
    end: datetime
    seed: str
    steps: tuple[datetime, ...]
    acts: tuple[Act, ...]
    spans: tuple[Span, ...]

    def acts_at(self, step: datetime) -> list[Act]:
        return [act for act in self.acts if act.at == step]


def write_script(merchant: DemoMerchant, *, seed: int, start: datetime, end: datetime, customers: int | None) -> Script:
    """The script of the first `customers` of the merchant's (None: all) between two instants."""
    name = f"{seed}/{merchant.slug}"
    draw = random.Random(name)  # noqa: S311 - a play, no secret
    steps = tuple(_steps(draw, start, end))
    company = list(merchant.customers[:customers])
    draw.shuffle(company)
    lives = [
        Life(merchant, one, random.Random(f"{name}/{one.external_id}"), steps)  # noqa: S311 - a play, no secret
        for one in company
    ]
    for life, story in zip(lives, _stories(draw, len(company), end - start), strict=True):
        story.tell(life)
    order = {one.external_id: index for index, one in enumerate(company)}
    acts = sorted((act for life in lives for act in life.acts), key=lambda act: (act.at, order[act.customer]))
    return Script(merchant, start, end, name, steps, tuple(acts), tuple(span for life in lives for span in life.spans))


def _steps(draw: random.Random, start: datetime, end: datetime) -> Iterator[datetime]:
    """The instants at which something may happen: every two to four days, by day; the first and the last are given."""
    at = start
    while at < end - 2 * DAY:
        yield at
        at = (at + draw.randint(2, 4) * DAY).replace(hour=draw.randint(7, 19), minute=draw.randint(0, 59), second=0)
    yield end


def _stories(draw: random.Random, count: int, length: timedelta) -> list[Story]:
    """One for each customer: of every kind at least one as long as there are enough customers."""
    possible = [story for story in STORIES if story.least_days * DAY <= length]
    total = sum(story.share for story in possible)
    found = [story for story in possible for _ in range(max(1, round(count * story.share / total)))]
    while len(found) < count:
        found.append(possible[0])
    found.sort(key=lambda story: story.essential, reverse=True)
    found = found[:count]
    draw.shuffle(found)
    return found
