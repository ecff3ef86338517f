"""Features travel through Stripe's metadata and come back the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.features import PIECE, from_metadata, to_metadata

FEATURES = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,30}", fullmatch=True),
    st.one_of(st.just(True), st.none(), st.integers(0, 10**15)),
    max_size=40,
)


@given(FEATURES)
def test_there_and_back(features: dict[str, int | bool | None]) -> None:
    stored = to_metadata(features)
    assert all(len(key) <= 40 and len(value) <= PIECE for key, value in stored.items())
    assert from_metadata(stored) == features


def test_too_many_features_are_refused() -> None:
    with pytest.raises(ValueError, match="Too many"):
        to_metadata({f"feature_number_{i:04d}_with_a_long_name": i for i in range(200)})


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"a": "text", "b": [1]}'])
def test_what_someone_broke_in_stripe_is_nothing(text: str) -> None:
    assert from_metadata({"billingos_features": text}) == {}
