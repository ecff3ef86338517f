"""Chaos: webhooks delivered twice, late, out of order or never, by probability, the same for the same seed.

Every endpoint has dice of its own, thrown in the order of its events, so that one endpoint's chaos does not
depend on another's, nor on ids or threads.
"""

import random
from dataclasses import dataclass, fields
from typing import Any

from stripe_simulator.errors import invalid, unknown_param

_LONGEST_HOLD = 5  # events that may overtake one held back


@dataclass(frozen=True, kw_only=True)
class Chaos:
    """Probabilities between 0 and 1 for each delivery, and how long it may take (seconds)."""

    duplicate: float = 0.0
    delay: float = 0.0
    shuffle: float = 0.0
    drop: float = 0.0
    seed: int = 0
    delay_seconds: float = 5.0  # a delayed delivery waits up to this long
    hold_seconds: float = 2.0  # a shuffled one is let go after this long, if nothing overtook it

    def __post_init__(self) -> None:
        for name in ("duplicate", "delay", "shuffle", "drop"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a probability: between 0 and 1")

    @property
    def quiet(self) -> bool:
        """Whether everything is delivered as it should be."""
        return not (self.duplicate or self.delay or self.shuffle or self.drop)


@dataclass(frozen=True)
class Fate:
    """What happens to one delivery: the seconds it waits, and how many later ones overtake it."""

    dropped: bool = False
    copies: int = 1
    wait: float = 0.0
    overtaken_by: int = 0


class Dice:
    """Fates for one endpoint's deliveries, in their order."""

    def __init__(self, chaos: Chaos, endpoint: str) -> None:
        self._chaos = chaos
        self._random = random.Random(f"{chaos.seed} {endpoint}")  # noqa: S311 - a seed, not secrecy

    def throw(self) -> Fate:
        """The next delivery's fate. Always five throws, so that one probability does not shift the others."""
        chaos = self._chaos
        drop, duplicate, delay, shuffle, amount = (self._random.random() for _ in range(5))
        return Fate(
            dropped=drop < chaos.drop,
            copies=2 if duplicate < chaos.duplicate else 1,
            wait=amount * chaos.delay_seconds if delay < chaos.delay else 0.0,
            overtaken_by=1 + int(amount * _LONGEST_HOLD) if shuffle < chaos.shuffle else 0,
        )


def read(sent: dict[str, Any]) -> Chaos:
    """Chaos from a request's values (numbers or their text); what is not sent is off."""
    known = {entry.name: int if entry.name == "seed" else float for entry in fields(Chaos)}
    values: dict[str, Any] = {}
    for name, value in sent.items():
        if name not in known:
            raise unknown_param(name)
        try:
            values[name] = known[name](value)
        except (TypeError, ValueError) as bad:
            raise invalid(f"Invalid number: {value}", name) from bad
    try:
        return Chaos(**values)
    except ValueError as bad:
        raise invalid(str(bad)) from bad
