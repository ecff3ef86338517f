"""How a product's features travel in its Stripe metadata, so that Stripe alone can tell what was sold.

A compact JSON object `{"sso": true, "api_calls": 1000, "seats": null}`: true for a boolean feature, a number for a
limit, null for no limit; cut into pieces of 500 characters under `billingos_features`, `billingos_features_1`, …
Beside it stands the number of the version that includes them, and on a price the one that its line began with.
"""

import json
from collections.abc import Mapping
from itertools import count

KEY = "billingos_features"
VERSION = "billingos_version"
ORIGIN = "billingos_origin"
PIECE = 500  # Stripe's limit for a value
MAX_PIECES = 7  # of Stripe's 50 keys 40 are the merchant's, three are used otherwise
Features = dict[str, "int | bool | None"]


def to_metadata(features: Features) -> dict[str, str]:
    """Raises ValueError when the features do not fit into seven metadata values."""
    if not features:
        return {}
    text = json.dumps(features, separators=(",", ":"), sort_keys=True)
    pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
    if len(pieces) > MAX_PIECES:
        raise ValueError("Too many features for one product.")
    return {KEY if index == 0 else f"{KEY}_{index}": piece for index, piece in enumerate(pieces)}


def of_version(number: int, features: Features, before: Features | None = None) -> dict[str, str]:
    """What a product or price says of its version; an empty text takes away what `before` needed and is not needed
    any more. Raises ValueError as `to_metadata` does."""
    gone = dict.fromkeys(to_metadata(before or {}), "")
    return {**gone, VERSION: str(number), **to_metadata(features)}


def from_metadata(metadata: Mapping[str, str]) -> Features:
    """What `to_metadata` wrote; nothing for text that someone has broken in Stripe's dashboard."""
    text = metadata.get(KEY, "")
    for index in count(1):
        piece = metadata.get(f"{KEY}_{index}")
        if piece is None:
            break
        text += piece
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: limit for name, limit in found.items() if limit is None or isinstance(limit, int)}
